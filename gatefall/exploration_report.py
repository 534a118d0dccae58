"""What an exploration says on the terminal: each failure as an argument, and at the end what it has been to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.exploring.coverage import Coverage
    from conformance.exploring.exploration import Exploration, Found
    from conformance.history import History


def finding_lines(found: Found) -> Iterator[str]:
    """A failure with its proof, and what else the same scenario fails by."""
    failure = found.failure
    yield f"FOUND {failure.key}"
    if failure.finding is None:
        yield failure.text
    else:
        from conformance.proof import told

        yield told(failure.finding, _history_of(found, failure.finding.customer))
    if found.with_it:
        yield f"With it: {', '.join(str(one.key) for one in found.with_it)}"


def _history_of(found: Found, customer: int) -> History:
    return next(one for one in found.outcome.histories if one.customer == customer)


def scenario_text_of(found: Found) -> str:
    """The scenario file without its comments."""
    from conformance.exploring.failure_file import scenario_text

    return scenario_text(found)


def summary_lines(exploration: Exploration, failures: int, seconds: float) -> Iterator[str]:
    """The end of an exploration: how much was tried, where it has been, and what nothing was seen of."""
    coverage = exploration.coverage
    yield ""
    if coverage.trials:
        yield from _operation_lines(coverage)
        yield from _property_lines(exploration)
    yield (
        f"{exploration.drawn:,} examples, {coverage.trials:,} trials with those that made failures smaller, "
        f"{coverage.customers:,} customers, {coverage.trials / max(seconds, 1e-3):,.0f} trials a second"
    )
    found = f"{failures} failure{'' if failures == 1 else 's'}" if failures else "nothing found"
    yield f"seed {exploration.seed}, target {exploration.trials.target.name}: {found}"


def _operation_lines(coverage: Coverage) -> Iterator[str]:
    phases = sorted(coverage.phases)
    rows = coverage.operations()
    width = max(map(len, rows), default=0)
    yield f"{'answers by phase':<{width}}" + "".join(f"{phase:>9}" for phase in phases)
    for operation, row in rows.items():
        yield f"{operation:<{width}}" + "".join(f"{row.get(phase, 0):>9,}" for phase in phases)
    yield ""


def _property_lines(exploration: Exploration) -> Iterator[str]:
    checks = exploration.coverage.checks
    never = [name for name in exploration.trials.properties if not checks[name]]
    judged = len(exploration.trials.properties) - len(never)
    yield f"{judged} of {len(exploration.trials.properties)} properties had something to judge" + (
        f"; never exercised: {', '.join(never)}" if never else ""
    )
