"""`gatefall explore`: let Hypothesis draw scenarios, and write what it finds as scenario files."""

from __future__ import annotations

import secrets
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gatefall import __version__
from gatefall.configuration import variable
from gatefall.crash_log import crash_log
from gatefall.exit_codes import ExitCode
from gatefall.exploration_report import finding_lines, scenario_text_of, summary_lines
from gatefall.mistakes import Mistake
from gatefall.options import Phases, flattened, quiet_option
from gatefall.real_deployment import as_real, is_profile, mistake_of, noted_of, tell_left, told_as_mistakes
from gatefall.targets import SIMULATED, check_target, target_named

if TYPE_CHECKING:
    from conformance.exploring.bounds import Bounds
    from conformance.exploring.coverage import Coverage
    from conformance.exploring.exploration import Exploration, Found
    from conformance.exploring.failure_file import Kept
    from conformance.exploring.trial import Outcome, View
    from conformance.target import Target
    from scenarios.scenario import Regime

DEFAULT_OUT: Final = Path("explored")
DEFAULT_SEED: Final = 1
_DEFAULT_EXAMPLES: Final = 1_000
_DEFAULT_EXAMPLES_REAL: Final = 10
_LARGEST_SEED: Final = 2**63 - 1
_SECONDS_BETWEEN_REPORTS: Final = 5.0


@click.command(short_help="Draw scenarios at random, and shrink what fails to a scenario file.")
@click.option(
    "--target",
    default=SIMULATED,
    envvar=variable("target"),
    show_default=True,
    metavar="NAME",
    help="What the customers act against: simulated, mock, or the profile of a real deployment.",
)
@click.option("--minutes", type=click.FloatRange(0, min_open=True), metavar="N", help="Stop after so long.")
@click.option(
    "--examples",
    type=click.IntRange(1),
    metavar="N",
    help=f"Stop after so many scenarios.  [default: {_DEFAULT_EXAMPLES:,}, or {_DEFAULT_EXAMPLES_REAL} at a real "
    "deployment, where no --minutes are given]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, _LARGEST_SEED),
    envvar=variable("seed"),
    metavar="S",
    help=f"The same seed and --examples try the same scenarios.  [default: {DEFAULT_SEED}]",
)
@click.option("--nightly", is_flag=True, help="Take a fresh seed, and print it.")
@click.option(
    "--phase",
    "phases",
    multiple=True,
    type=Phases(),
    envvar=variable("phase"),
    metavar="PHASES",
    help='Draw only these phases: "2", "0-6", or several times.  [default: all]',
)
@click.option(
    "--regime",
    "regimes",
    multiple=True,
    type=click.Choice(("continuation", "act-1", "legacy")),
    help="Draw only these regimes; may be given several times.  [default: continuation and act-1]",
)
@click.option(
    "--view",
    type=click.Choice(("exact", "outside")),
    help="Judge by everything that the model knows, or only by what can be seen from outside.  "
    "[default: exact; a real deployment is always judged from outside]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_OUT,
    show_default=True,
    metavar="DIR",
    help="Where failures are kept: DIR/failures. Those that are there are tried first.",
)
@quiet_option
def explore(
    target: str,
    minutes: float | None,
    examples: int | None,
    seed: int | None,
    nightly: bool,
    phases: tuple[tuple[int, ...], ...],
    regimes: tuple[str, ...],
    view: View | None,
    out: Path,
    quiet: bool,
) -> int:
    """Draw whole scenarios (customers, carts, payment methods, timings, faults, order of events, phase), run them, and
    judge them by every property.

    What fails is made as small as it gets and written to DIR/failures as a scenario file that runs by itself. The next
    exploration tries it first and says whether it is fixed.

    \b
    Examples:
      gatefall explore
      gatefall explore --minutes 10 --nightly
      gatefall explore --target mock --phase 4 --examples 200 --seed 7
      gatefall explore --target staging.toml --examples 5
    """
    check_target(target)
    seed = _seed(seed, nightly)
    running = target_named(target)
    if view == "exact" and is_profile(target):
        raise Mistake("--view exact needs the model's own facts; a real deployment is judged from outside")
    crash_log.directory = out
    return _Session(running, view, out, quiet).explore(seed, flattened(phases), regimes, examples, minutes)


def _seed(seed: int | None, nightly: bool) -> int:
    if not nightly:
        return DEFAULT_SEED if seed is None else seed
    if seed is not None:
        raise Mistake("--nightly takes a fresh seed, --seed names one; use one of them")
    return secrets.randbelow(2**31)


class _Session:
    """One call of the command: what it explores, and what it has told so far."""

    def __init__(self, target: Target, view: View | None, out: Path, quiet: bool) -> None:
        from conformance.exploring.trial import Trials

        self._target = target
        self._real = as_real(target)
        self._out = out
        self._quiet = quiet
        self._view: View = "outside" if self._real is not None else view or "exact"
        # What a real deployment hands over is the view from outside already.
        self._trials = Trials(target, "exact" if self._real is not None else self._view, noted_of(target))
        self._failures = 0
        self._reported_s = self._began_s = time.monotonic()

    def explore(
        self,
        seed: int,
        phases: tuple[int, ...],
        regimes: tuple[str, ...],
        examples: int | None,
        minutes: float | None,
    ) -> int:
        """Try what was kept, draw, tell, and return the exit code. Raises Mistake."""
        if examples is None and minutes is None:
            examples = _DEFAULT_EXAMPLES_REAL if self._real is not None else _DEFAULT_EXAMPLES
        exploration = self._exploration(seed, self._bounds(phases, regimes), examples, minutes)
        self._announce(exploration)
        try:
            self._try_kept(exploration)
            exploration.run()
        except KeyboardInterrupt:
            self._tell_summary(exploration)
            click.echo("gatefall: interrupted; what was found so far is told above", err=True)
            return ExitCode.INTERRUPTED
        except Exception as error:
            self._tell_summary(exploration)
            mistake = mistake_of(error)
            if mistake is not None:
                raise mistake from None
            raise
        finally:
            tell_left(self._target)
        self._tell_summary(exploration)
        if self._failures:
            return ExitCode.VIOLATED
        return ExitCode.PASSED if exploration.coverage.checks else ExitCode.INCONCLUSIVE

    # What may be drawn ------------------------------------------------------------------------------------------------

    def _bounds(self, phases: tuple[int, ...], regimes: tuple[str, ...]) -> Bounds:
        from conformance.exploring.bounds import REGIMES, Bounds
        from scenarios.variants import ALL_PHASES

        if self._real is None:
            return Bounds(phases or ALL_PHASES, _regimes(regimes) or REGIMES)
        backend = self._real.profile.backend
        if backend.phase != "config":
            if phases not in ((), (backend.phase,)):
                raise Mistake(f"--phase: the deployment is in phase {backend.phase} (backend.phase of its profile)")
            if regimes not in ((), (backend.regime,)):
                raise Mistake(f"--regime: the deployment is under {backend.regime} (backend.regime of its profile)")
            phases, regimes = (backend.phase,), (backend.regime,)
        drawn = _regimes(regimes) or REGIMES
        return Bounds(phases or ALL_PHASES, drawn, faults=False, capacity=False, gates=False, probes=False, customers=1)

    def _exploration(self, seed: int, bounds: Bounds, examples: int | None, minutes: float | None) -> Exploration:
        from conformance.exploring.exploration import Exploration, Limits

        until_s = None if minutes is None else time.monotonic() + minutes * 60
        if self._real is None:
            limits = Limits(examples, until_s)
            return Exploration(self._trials, bounds, seed, limits, self._tell_found, self._tell_progress)
        with told_as_mistakes():
            self._real.check(())
        return Exploration(
            self._trials,
            bounds,
            seed,
            Limits(examples, until_s, self._real.profile.limits.customers),
            self._tell_found,
            self._tell_progress,
            self._real.why_left_out,
            shrinks=False,
        )

    def _try_kept(self, exploration: Exploration) -> None:
        """What earlier explorations have kept, before anything is drawn. Raises what the target raises."""
        from conformance.exploring.failure_file import NotAFailure, kept_in, read_kept

        for path in kept_in(self._out):
            try:
                kept = read_kept(path)
            except NotAFailure as error:
                click.echo(f"gatefall: left out: {error}", err=True)
                continue
            why_not = exploration.why_not(kept.variant, kept.seed)
            if why_not is not None:
                click.echo(f"gatefall: left out: {path} {why_not}", err=True)
                continue
            self._tell_kept(kept, exploration.try_again(kept.variant, kept.seed, kept.keys))

    # What is told -----------------------------------------------------------------------------------------------------

    def _announce(self, exploration: Exploration) -> None:
        limits, bounds = exploration.limits, exploration.bounds
        parts = [] if limits.examples is None else [f"{limits.examples:,} examples"]
        parts += [] if limits.until_s is None else [f"{(limits.until_s - time.monotonic()) / 60:.3g} minutes"]
        line = (
            f"gatefall {__version__}, seed {exploration.seed}, target {self._target.name}, judged {_SEEN[self._view]}: "
            f"exploring {_phases_told(bounds.phases)} under {' and '.join(bounds.regimes)}, {' or '.join(parts)}"
        )
        click.echo(line)

    def _tell_progress(self, coverage: Coverage) -> None:
        now_s = time.monotonic()
        if self._quiet or now_s - self._reported_s < _SECONDS_BETWEEN_REPORTS:
            return
        self._reported_s = now_s
        rate = coverage.trials / (now_s - self._began_s)
        click.echo(f"gatefall: {coverage.trials:,} tried, {rate:,.0f} a second, {self._failures} found", err=True)

    def _tell_kept(self, kept: Kept, outcome: Outcome) -> None:
        still = [str(key) for key in kept.keys if key in outcome.failures]
        if still:
            self._failures += 1
            click.echo(f"still failing: {kept.path}: {', '.join(still)}")
        else:
            click.echo(
                f"fixed: {kept.path}: {kept.keys[0]} is not seen any more; delete the file, or keep it as a test"
            )

    def _tell_found(self, found: Found) -> None:
        from conformance.exploring.failure_file import replay_line, write_failure

        self._failures += 1
        path = write_failure(found, self._out, self._target.name, self._view, __version__)
        click.echo()
        for line in finding_lines(found):
            click.echo(line)
        click.echo(f"\nThe scenario is in {path}:\n")
        click.echo(textwrap.indent(scenario_text_of(found), "    "))
        if self._real is None and not self._reproduces(path, found):
            click.echo(
                f"The file alone does not show it: a defect of gatefall explore; the draft was {found.draft.text}"
            )
        if self._view == "exact":
            click.echo(f"To see it again: {replay_line(path, found.draft.seed, self._target.name)}")
        else:
            click.echo(f"To see it again: gatefall explore --examples 1 --view outside --out {self._out}")

    def _reproduces(self, path: Path, found: Found) -> bool:
        """Whether the file by itself, read as any scenario is, gives the same failure."""
        from conformance.exploring.failure_file import read_kept

        kept = read_kept(path)
        return found.failure.key in self._trials.run_variant(kept.variant, kept.seed).failures

    def _tell_summary(self, exploration: Exploration) -> None:
        seconds = time.monotonic() - self._began_s
        for line in summary_lines(exploration, self._failures, seconds):
            click.echo(line)


_SEEN: Final = {"exact": "by all facts", "outside": "from outside"}


def _regimes(names: tuple[str, ...]) -> tuple[Regime, ...]:
    every: tuple[Regime, ...] = ("continuation", "act-1", "legacy")
    return tuple(regime for regime in every if regime in names)


def _phases_told(phases: tuple[int, ...]) -> str:
    if phases == tuple(range(phases[0], phases[-1] + 1)) and len(phases) > 1:
        return f"phases {phases[0]}-{phases[-1]}"
    return f"phase {', '.join(map(str, phases))}"
