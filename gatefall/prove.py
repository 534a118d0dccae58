"""`gatefall prove`: does the suite find every defect of the catalogue, by what it breaks, and accuse nobody else?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gatefall.crash_log import crash_log
from gatefall.exit_codes import ExitCode
from gatefall.options import quiet_option, workers_option
from gatefall.targets import NAMES, SIMULATED, target_named

if TYPE_CHECKING:
    from conformance.defects import Defect
    from conformance.proving.matrix import Matrix
    from conformance.proving.proving import Deployed

_DEFAULT_OUT: Final = Path("runs/prove")
_LARGEST_SEED: Final = 2**63 - 1


@click.command(short_help="Show that the suite finds every defect of the catalogue, and nothing without one.")
@click.argument("names", metavar="[DEFECT]...", nargs=-1)
@click.option(
    "--target",
    type=click.Choice(NAMES),
    default=SIMULATED,
    show_default=True,
    help="Where defects are switched on: simulated (virtual time), or mock (HTTP servers, started by themselves).",
)
@click.option(
    "--seed", type=click.IntRange(0, _LARGEST_SEED), default=1, show_default=True, metavar="S", help="Of the customers."
)
@click.option(
    "--seeds",
    type=click.IntRange(0, 10_000),
    metavar="N",
    help="Seeds for the clean deployment, from S on, in each phase and regime; 0: leave it out.  "
    "[default: 20; with DEFECT one, where they are switched on]",
)
@workers_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=_DEFAULT_OUT,
    show_default=True,
    metavar="DIR",
    help="Where prove.json, prove.html and defects.md are written; those that are there are replaced.",
)
@click.option(
    "--docs",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the Markdown there too, such as docs/defects.md.",
)
@quiet_option
def prove(
    names: tuple[str, ...],
    target: str,
    seed: int,
    seeds: int | None,
    workers: int,
    out: Path,
    docs: Path | None,
    quiet: bool,
) -> int:
    """Run the conformance suite against each defect, and against the deployment without one; print what found what.

    Every run is judged as somebody outside sees it, which is what counts, and by the exact facts. Each defect must be
    found by the properties that it breaks, and accused by none that the catalogue does not name; without a defect
    nothing may be found. Exit code 1 if that is not so.

    \b
    Examples:
      gatefall prove
      gatefall prove signature-not-checked granted-at-creation
      gatefall prove --target mock --out runs/prove-mock
    """
    from conformance.proving.proving import CLEAN, DEFAULT_CLEAN_SEEDS
    from gatefall.defects import defects_named

    if names:
        defects = defects_named(names)
        clean = tuple(dict.fromkeys(defect.wants for defect in defects))
        matrix = _prove(defects, clean, target, seed, 1 if seeds is None else seeds, workers, quiet)
    else:
        from conformance.defects import DEFECTS

        usual = DEFAULT_CLEAN_SEEDS if seeds is None else seeds
        matrix = _prove(tuple(DEFECTS.values()), CLEAN, target, seed, usual, workers, quiet)
    return _tell(matrix, out, docs)


def _prove(
    defects: tuple[Defect, ...],
    clean: tuple[Deployed, ...],
    target: str,
    seed: int,
    seeds: int,
    workers: int,
    quiet: bool,
) -> Matrix:
    from conformance.proving.proving import prove as carry_out
    from conformance.workers import WorkerLost
    from gatefall import __version__
    from gatefall.mistakes import SetUpFailed
    from gatefall.progress import trials_bar

    with trials_bar(len(defects) + len(clean) * seeds, quiet) as on_result:
        try:
            return carry_out(
                defects,
                clean,
                target_named(target),
                version=__version__,
                seed=seed,
                seeds=seeds,
                workers=workers,
                on_result=on_result,
            )
        except WorkerLost as error:
            raise SetUpFailed(str(error)) from error


def _tell(matrix: Matrix, out: Path, docs: Path | None) -> int:
    from rich.console import Console

    from reports.matrix.html import write_html
    from reports.matrix.markdown import write_markdown
    from reports.matrix.result import write_result
    from reports.matrix.terminal import print_matrix

    out.mkdir(parents=True, exist_ok=True)
    crash_log.directory = out
    write_result(out / "prove.json", matrix)
    write_markdown(out / "defects.md", matrix)
    if docs is not None:
        write_markdown(docs, matrix)
    page = out / "prove.html"
    write_html(page, matrix)
    print_matrix(Console(), matrix, page)
    if matrix.failures:
        return ExitCode.SET_UP_FAILED
    return ExitCode.PASSED if matrix.proven else ExitCode.VIOLATED
