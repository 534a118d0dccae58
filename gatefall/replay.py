"""`gatefall replay`: run one customer of a recorded run again, and tell everything that happens to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatefall.crash_log import crash_log
from gatefall.exit_codes import ExitCode
from gatefall.mistakes import Mistake, SetUpFailed, unknown_name
from gatefall.options import run_argument
from gatefall.real_deployment import is_profile

if TYPE_CHECKING:
    from conformance.running import Plan
    from conformance.target import Target
    from conformance.verdict import PropertyVerdict
    from scenarios.scenario import Variant
    from sim.facts import Fact


@click.command(short_help="Run one customer of a recorded run again, with a full timeline.")
@run_argument
@click.option("--customer", type=click.IntRange(0), required=True, metavar="ID", help="The customer's number.")
@click.option("--scenario", metavar="NAME", help="The scenario, if the run has several.")
@click.option(
    "--variant", "slug", metavar="VARIANT", help='The variant, if there are several: "phase-2-continuation-old".'
)
def replay(directory: Path, customer: int, scenario: str | None, slug: str | None) -> int:
    """Run one customer of RUN again, alone in a fresh world, from the recorded scenario and seed.

    Tells every fact in order, judges them, and says of each finding whether it is still failing or fixed, with the
    proof and the requests as curl lines; and whether the facts are those that were recorded. Exit code 1: at least one
    property is violated now.

    \b
    Example:
      gatefall replay runs/001 --scenario premature-removal --variant phase-2-legacy-old --customer 17
    """
    from gatefall.planning import recorded_plan
    from gatefall.still_failing import compared
    from gatefall.targets import target_named

    plan = recorded_plan(directory)
    number = _variant_number(plan, scenario, slug)
    variant = plan.variants[number]
    count = variant.scenario.customers.count
    if customer >= count:
        raise Mistake(f"there is no customer {customer}; expected a number from 0 to {count - 1}")
    target = target_named(plan.manifest.target)
    recorded = _recorded(plan, directory, number, customer)
    account, facts = _run_again(plan, variant, target, customer)
    _tell_timeline(plan, number, customer, account, facts)
    now = _verdicts(plan, variant, customer, account, facts)
    before = None if recorded is None else _verdicts(plan, variant, customer, account, recorded)
    violated = None if before is None else [verdict.property for verdict in before if verdict.value == "violated"]
    for line in compared(violated, now, facts):
        click.echo(line)
    if is_profile(plan.manifest.target):
        click.echo("times and ids of a real deployment are never the same twice, so the facts are not compared")
    else:
        _tell_equality(directory, recorded, facts)
    return ExitCode.VIOLATED if any(verdict.value == "violated" for verdict in now) else ExitCode.PASSED


def _variant_number(plan: Plan, scenario: str | None, slug: str | None) -> int:
    """The position of the variant that is meant. Raises Mistake unless it is exactly one."""
    planned = plan.manifest.variants
    names = list(dict.fromkeys(one.scenario for one in planned))
    if scenario is not None and scenario not in names:
        raise unknown_name("scenario", scenario, names, "gatefall judge RUN")
    found = [number for number, one in enumerate(planned) if scenario in (None, one.scenario)]
    if slug is not None:
        slugs = list(dict.fromkeys(planned[number].slug for number in found))
        if slug not in slugs:
            raise unknown_name("variant", slug, slugs, "gatefall judge RUN")
        found = [number for number in found if planned[number].slug == slug]
    if len(found) == 1:
        return found[0]
    left = list(dict.fromkeys(planned[number].scenario for number in found))
    if len(left) > 1:
        raise Mistake(f"the run has several scenarios; name one with --scenario: {', '.join(left)}")
    listed = ", ".join(planned[number].slug for number in found)
    raise Mistake(f"{left[0]} has several variants; name one with --variant: {listed}")


def _recorded(plan: Plan, out: Path, number: int, customer: int) -> list[Fact] | None:
    from conformance.running import find_customers

    found = find_customers(plan, out, number, [customer]).get(customer)
    return None if found is None else found.facts


def _run_again(plan: Plan, variant: Variant, target: Target, customer: int) -> tuple[str, list[Fact]]:
    from conformance.running import CellFailed, run_alone
    from gatefall.real_deployment import mistake_of

    try:
        return run_alone(variant, plan.manifest.seed, target, customer)
    except CellFailed as error:
        mistake = mistake_of(error.__cause__)
        if mistake is not None:
            raise mistake from None
        path = crash_log.write(error, plan.manifest.gatefall)
        raise SetUpFailed(f"the replay failed in {error}\nThe details are in {path}") from error


def _tell_timeline(plan: Plan, number: int, customer: int, account: str, facts: Sequence[Fact]) -> None:
    from conformance.narration import timeline

    planned = plan.manifest.variants[number]
    click.echo(
        f"gatefall {plan.manifest.gatefall}, seed {plan.manifest.seed}, target {plan.manifest.target}: "
        f"{planned.scenario} {planned.slug}, customer {customer}, account {account}\n"
    )
    for line in timeline(facts):
        click.echo(line)
    click.echo()


def _verdicts(
    plan: Plan, variant: Variant, customer: int, account: str, facts: Sequence[Fact]
) -> list[PropertyVerdict]:
    from conformance.history import History
    from gatefall.folds import judging_of

    judging = judging_of(variant)
    judging.add(History(customer, account, facts, plan.manifest.circumstances_of(variant)))
    return judging.verdicts()


def _tell_equality(out: Path, recorded: Sequence[Fact] | None, facts: Sequence[Fact]) -> None:
    from conformance.narration import sentence
    from conformance.recording import canonical_history

    if recorded is None:
        click.echo(
            "no record of this customer can be read from the run, so there is nothing to compare the facts with; "
            f"`gatefall judge {out}` says what is missing or damaged"
        )
        return
    if canonical_history(recorded) == canonical_history(facts):
        click.echo(f"the {len(facts)} facts are those that were recorded")
        return
    click.echo(f"the facts differ from those that were recorded ({len(facts)} now, {len(recorded)} then)")
    for index, (was, is_now) in enumerate(zip(recorded, facts, strict=False), 1):
        if canonical_history([was]) != canonical_history([is_now]):
            click.echo(f"first at fact {index}:\n  then: {sentence(was)}\n  now:  {sentence(is_now)}")
            return
