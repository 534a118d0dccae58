"""`gatefall run`: let customers loose on a target, record what happens, judge it and tell it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gatefall.configuration import variable
from gatefall.crash_log import crash_log
from gatefall.exit_codes import ExitCode
from gatefall.options import Phases, flattened, quiet_option, workers_option
from gatefall.real_deployment import (
    check_plan,
    expect_plan,
    mistake_of,
    noted_of,
    tell_end,
    why_left_out_of,
    workers_of,
)
from gatefall.targets import SIMULATED, check_target, chromium_for, target_named

if TYPE_CHECKING:
    from conformance.running import Plan, RunRecord
    from conformance.target import Target

DEFAULT_SEED: Final = 1
_LARGEST_SEED: Final = 2**63 - 1


@click.command(short_help="Run scenarios, judge what happens, and write a report.")
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1)
@click.option(
    "--target",
    default=SIMULATED,
    envvar=variable("target"),
    show_default=True,
    metavar="NAME",
    help="What the customers act against: simulated (virtual time), mock (HTTP servers, started by themselves), "
    "or the profile of a real deployment, such as staging.toml.",
)
@click.option(
    "--pace",
    type=click.FloatRange(0, 1_000),
    default=0.0,
    envvar=variable("pace"),
    show_default=True,
    metavar="P",
    help="How much of people's time passes in real time: 0 none, 1 all. For targets over HTTP.",
)
@click.option(
    "--browser", is_flag=True, envvar=variable("browser"), help="Visit 3DS and PayPal pages with a headless Chromium."
)
@click.option("--chromium", envvar=variable("chromium"), metavar="PATH", help="The Chromium.  [default: the machine's]")
@click.option(
    "--phase",
    "phases",
    multiple=True,
    type=Phases(),
    envvar=variable("phase"),
    metavar="PHASES",
    help='Run only the variants in these phases: "2", "0-6", or several times.  [default: all]',
)
@click.option(
    "--customers",
    type=click.IntRange(1, 10_000_000),
    envvar=variable("customers"),
    metavar="N",
    help="Customers in each variant, in place of the scenario's own number.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, _LARGEST_SEED),
    default=DEFAULT_SEED,
    envvar=variable("seed"),
    show_default=True,
    metavar="S",
    help="The same seed gives the same facts, byte for byte.",
)
@workers_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    envvar=variable("out"),
    metavar="DIR",
    help="Where to record the run.  [default: runs/001, runs/002, …]",
)
@click.option("--resume", is_flag=True, help="Complete the run in --out: what is recorded is kept, the rest is run.")
@click.option("--force", is_flag=True, help="Replace the run that is recorded in --out.")
@click.option(
    "--jsonl", is_flag=True, envvar=variable("jsonl"), help="Write the facts as JSON Lines too, to DIR/jsonl."
)
@quiet_option
@click.pass_context
def run(
    context: click.Context,
    scenarios: tuple[str, ...],
    target: str,
    pace: float,
    browser: bool,
    chromium: str | None,
    phases: tuple[tuple[int, ...], ...],
    customers: int | None,
    seed: int,
    workers: int,
    out: Path | None,
    resume: bool,
    force: bool,
    jsonl: bool,
    quiet: bool,
) -> int:
    """Run scenarios against a target, record every fact, judge them, and write result.json, report.html and junit.xml.

    A SCENARIO is a file, a folder of files, or a name from `gatefall list scenarios`; without any, the whole library is
    run. Nothing is run while any file has a mistake.

    \b
    Examples:
      gatefall run
      gatefall run three-d-secure-passed my-scenario.yaml --phase 2
      gatefall run a-normal-week --customers 100000 --seed 7 --out runs/week
      gatefall run --out runs/week --resume
      gatefall run missing-payment-method --customers 5 --target staging.toml
    """
    check_target(target)
    make_target = partial(target_named, pace=pace, chromium=chromium_for(target, chromium) if browser else None)
    running = make_target(target)
    if resume:
        plan, out = _resumed(context, out)
        running = make_target(plan.manifest.target)
        check_plan(running, plan)
    else:
        from gatefall.planning import new_plan
        from gatefall.run_directory import claim, next_free_directory

        left_out = why_left_out_of(running, seed)
        plan = new_plan(scenarios, seed, target, flattened(phases), customers, noted_of(running), left_out)
        check_plan(running, plan)
        expect_plan(running, plan)
        out = out or next_free_directory()
        claim(out, force)
    crash_log.directory = out
    _announce(plan, out, quiet)
    _tell_left_out(plan)
    return _carry_out(plan, out, running, workers, jsonl, quiet)


def _resumed(context: click.Context, out: Path | None) -> tuple[Plan, Path]:
    """The recorded plan, if the command line asks for nothing else."""
    from gatefall.mistakes import Mistake
    from gatefall.planning import check_same_model, new_plan, recorded_plan, slug_of

    if out is None:
        raise Mistake("--resume needs --out: which run is to be completed?")
    if context.params["force"]:
        raise Mistake("--resume keeps what is recorded, --force throws it away; use one of them")
    plan = recorded_plan(out)
    check_same_model(out, plan.manifest)
    check_target(plan.manifest.target)
    asked = _asked_for(context)
    for name, flag, recorded in (
        ("seed", "--seed", plan.manifest.seed),
        ("customers", "--customers", plan.manifest.customers),
        ("phases", "--phase", plan.manifest.phases),
    ):
        if name in asked and asked[name] != recorded:
            begun = f"without {flag}" if recorded in (None, ()) else f"with {flag} {_typed(recorded)}"
            raise Mistake(f"{out}: was begun {begun}, not with {flag} {_typed(asked[name])}; leave {flag} out")
    if "scenarios" in asked:
        manifest = plan.manifest
        left_out = {(one.scenario, one.slug): one.because for one in manifest.left_out}
        again = new_plan(
            asked["scenarios"],
            manifest.seed,
            manifest.target,
            manifest.phases,
            manifest.customers,
            manifest.circumstances,
            lambda variant: left_out.get((variant.scenario.name, slug_of(variant))),
        )
        if not again.manifest.same_plan(manifest):
            raise Mistake(f"{out}: was begun with other scenarios, or they have changed since; leave them out")
    return plan, out


def _typed(value: int | tuple[int, ...]) -> str:
    """A value as one types it after its flag."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _asked_for(context: click.Context) -> dict[str, Any]:
    """What the command line itself says, defaults and settings apart."""
    given = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE and value not in (None, ())
    }
    if "phases" in given:
        given["phases"] = flattened(given["phases"])
    return given


def _announce(plan: Plan, out: Path, quiet: bool) -> None:
    if quiet:
        return
    manifest = plan.manifest
    scenarios = {planned.scenario for planned in manifest.variants}
    total = sum(planned.customers for planned in manifest.variants)
    click.echo(
        f"gatefall {manifest.gatefall}, seed {manifest.seed}, target {manifest.target}: "
        f"{_many(len(scenarios), 'scenario')}, {_many(len(manifest.variants), 'variant')}, "
        f"{_many(total, 'customer')}, into {out}",
        err=True,
    )


def _tell_left_out(plan: Plan) -> None:
    """What a report of this run says nothing about, quiet or not."""
    from gatefall.planning import left_out_lines

    for line in left_out_lines(plan.manifest.left_out):
        click.echo(f"gatefall: {line}", err=True)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _carry_out(plan: Plan, out: Path, target: Target, workers: int, jsonl: bool, quiet: bool) -> int:
    from gatefall.progress import progress_bar
    from gatefall.telling import tell

    with progress_bar(plan, quiet) as progress:
        record = _run(plan, out, target, workers, progress)
    tell_end(target, out)
    if jsonl:
        from conformance.export import export_jsonl

        export_jsonl(plan, out)
    code = tell(record, plan, out)
    if record.manifest.status == "interrupted":
        click.echo(f"gatefall: interrupted; `gatefall run --out {out} --resume` completes the run", err=True)
        return ExitCode.INTERRUPTED
    return code


def _run(plan: Plan, out: Path, target: Target, workers: int, progress: Any) -> RunRecord:
    from conformance.running import CellFailed, run_plan
    from conformance.workers import WorkerLost
    from gatefall.folds import FOLDS
    from gatefall.mistakes import SetUpFailed

    try:
        return run_plan(plan, out, target, FOLDS, workers=workers_of(target, workers), progress=progress)
    except WorkerLost as error:
        raise SetUpFailed(f"{error}, then complete the run with --resume") from error
    except CellFailed as error:
        tell_end(target, out)
        mistake = mistake_of(error.__cause__)
        if mistake is not None:
            raise mistake from None
        path = crash_log.write(error, plan.manifest.gatefall)
        raise SetUpFailed(f"the run failed in {error}\nThe details are in {path}") from error
