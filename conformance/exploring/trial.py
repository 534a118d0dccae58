"""A trial: one draft run against a target and judged; what it fails by, and what it gave evidence of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, NamedTuple

from conformance.circumstances import circumstances_of
from conformance.exploring.draft import Draft
from conformance.finding import Finding
from conformance.history import History
from conformance.judging import Judging
from conformance.outside_view import Outside, Settled
from conformance.target import Target
from conformance.verdict import PropertyVerdict
from scenarios.phase import GATED_OPERATIONS
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.scenario import Variant
from sim.world import ModelError

View = Literal["exact", "outside"]
MODEL_BROKE: Final = "model-error"
CHECKER_CRASHED: Final = "checker-crashed"


class Key(NamedTuple):
    """What tells one failure from another: what is wrong, and on which of the six operations, where that is known.

    `what` is a property's id, `model-error`, or `checker-crashed-` with the property's id.
    """

    what: str
    operation: str = ""

    def __str__(self) -> str:
        return f"{self.what} ({self.operation})" if self.operation else self.what


class Failure(NamedTuple):
    """One thing that a trial fails by: what is wrong in words, with the finding where a property was violated."""

    key: Key
    text: str
    finding: Finding | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial. `checks` counts by property what was looked at; `histories` are whole, as recorded."""

    variant: Variant
    failures: Mapping[Key, Failure]
    checks: Mapping[str, int] = field(default_factory=dict)
    histories: tuple[History, ...] = ()


@dataclass(slots=True)
class Trials:
    """Runs drafts against one target and judges them from one view.

    `circumstances` are what is particular to a real deployment (its manifest keeps the same).
    """

    target: Target
    view: View = "exact"
    circumstances: Mapping[str, Any] = field(default_factory=dict)
    properties: tuple[str, ...] = CHECKED_PROPERTIES

    def run(self, draft: Draft) -> Outcome:
        """Run and judge. A broken model is a failure, too; whatever a target raises besides is passed on."""
        return self.run_variant(draft.variant(), draft.seed)

    def run_variant(self, variant: Variant, seed: int) -> Outcome:
        """As `run`, for a variant that was read from a file."""
        settled: list[Settled] = []
        try:
            self.target.run(
                variant,
                seed,
                range(variant.scenario.customers.count),
                lambda number, account, facts: settled.append((number, account, facts)),
            )
        except ModelError as error:
            failure = Failure(Key(MODEL_BROKE, error.operation), str(error), None)
            return Outcome(variant, {failure.key: failure})
        if self.view == "outside":
            settled = Outside().views(settled)
        return self._judged(variant, settled)

    def _judged(self, variant: Variant, settled: list[Settled]) -> Outcome:
        circumstances = replace(circumstances_of(variant, self.target.name), **self.circumstances)
        judging = Judging(self.properties)
        histories = tuple(History(number, account, facts, circumstances) for number, account, facts in settled)
        for history in histories:
            judging.add(history)
        failures: dict[Key, Failure] = {}
        checks: dict[str, int] = {}
        for verdict in judging.verdicts():
            if verdict.checks or verdict.violations:
                checks[verdict.property] = verdict.checks + verdict.violations
            for failure in _failures_of(verdict):
                failures.setdefault(failure.key, failure)
        return Outcome(variant, failures, checks, histories)


def _failures_of(verdict: PropertyVerdict) -> list[Failure]:
    found = []
    if verdict.first is not None:
        key = Key(verdict.property, _operation_of(verdict.first))
        found.append(Failure(key, verdict.first.proof, verdict.first))
    if verdict.crash is not None:
        found.append(Failure(Key(f"{CHECKER_CRASHED}-{verdict.property}"), verdict.crash, None))
    return found


def _operation_of(finding: Finding) -> str:
    """The first of the six operations that the proof speaks of."""
    named = (fact.operation for fact in finding.facts)
    return next((one for one in named if one in GATED_OPERATIONS), "")
