"""Judging: properties folded over histories, customer by customer, in memory that does not grow with their number.

    judging = Judging(["charged-once", "no-rollback"])
    for history in histories: judging.add(history)
    judging.verdicts()

Shards are judged apart and merged; the result does not depend on how customers were cut into shards.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, Final

from conformance.circumstances import Circumstances
from conformance.finding import Finding, Tier
from conformance.history import History
from conformance.orderly import Shape
from conformance.properties import PROPERTIES
from conformance.property import NOT_SETTLED, Judge, Judgement, Property
from conformance.verdict import Because, PropertyVerdict, TierVerdict, Value

OFFENDERS_KEPT: Final = 5
_PLANS_KEPT: Final = 1_024
"""How many successions of kinds are remembered with what can be judged in them; a variant has a few dozen."""

_TIERS: Final[tuple[Tier, ...]] = ("inline", "batch", "alert")


class TierTally:
    """The findings of one property at one tier, of which only the first and the worst are kept."""

    __slots__ = ("violations", "first", "worst")

    def __init__(self, first: Finding) -> None:
        self.violations = 0
        self.first = first
        self.worst = first

    def add(self, finding: Finding, count: int = 1) -> None:
        """Count a finding and keep it if it is earlier or worse."""
        self.violations += count
        self.keep(finding)

    def keep(self, finding: Finding) -> None:
        """Keep a finding if it is earlier or worse."""
        if finding.earliest_key < self.first.earliest_key:
            self.first = finding
        if finding.worst_key < self.worst.worst_key:
            self.worst = finding

    def merge(self, other: TierTally) -> None:
        """Add what another shard counted."""
        self.violations += other.violations
        self.keep(other.first)
        self.keep(other.worst)


class PropertyTally:
    """What has been judged of one property so far."""

    __slots__ = (
        "id",
        "checks",
        "tiers",
        "offending_customers",
        "offenders",
        "undecided_histories",
        "undecided_first",
        "not_applicable",
        "crashes",
        "crash_first",
        "noted",
    )

    def __init__(self, property_id: str) -> None:
        self.id = property_id
        self.checks = 0
        self.tiers: dict[Tier, TierTally] = {}
        self.offending_customers = 0
        self.offenders: list[int] = []
        self.undecided_histories = 0
        self.undecided_first: tuple[int, str] | None = None
        self.not_applicable: str | None = None
        self.crashes = 0
        self.crash_first: tuple[int, str] | None = None
        self.noted: dict[str, int] = {}

    def add(self, history: History, judgement: Judgement) -> None:
        """Count what a judgement says."""
        self.checks += judgement.checks
        if judgement.undecided is not None:
            self.leave_undecided(history.customer, judgement.undecided)
        for label in judgement.noted:
            self.noted[label] = self.noted.get(label, 0) + 1
        if judgement.findings:
            self._add_findings(history.customer, judgement.findings)

    def leave_undecided(self, customer: int, reason: str) -> None:
        """Count a history that could not be judged."""
        self.undecided_histories += 1
        self.undecided_first = _earlier(self.undecided_first, (customer, reason))

    def crashed(self, customer: int, text: str) -> None:
        """Count a crash of the checker."""
        self.crashes += 1
        self.crash_first = _earlier(self.crash_first, (customer, text))

    def merge(self, other: PropertyTally) -> None:
        """Add what another shard counted."""
        self.checks += other.checks
        for tier, tally in other.tiers.items():
            if tier in self.tiers:
                self.tiers[tier].merge(tally)
            else:
                mine = self.tiers[tier] = TierTally(tally.first)
                mine.merge(tally)
        self.offending_customers += other.offending_customers
        self.offenders = sorted(self.offenders + other.offenders)[:OFFENDERS_KEPT]
        self.undecided_histories += other.undecided_histories
        self.undecided_first = _earlier(self.undecided_first, other.undecided_first)
        self.not_applicable = self.not_applicable or other.not_applicable
        self.crashes += other.crashes
        self.crash_first = _earlier(self.crash_first, other.crash_first)
        for label, count in other.noted.items():
            self.noted[label] = self.noted.get(label, 0) + count

    def verdict(self, histories: int) -> PropertyVerdict:
        """The verdict over all histories so far."""
        value, because, reason = self._decide(histories)
        tiers = [self.tiers[tier] for tier in _TIERS if tier in self.tiers]
        return PropertyVerdict(
            property=self.id,
            severity=PROPERTIES[self.id].severity,
            value=value,
            because=because,
            reason=reason,
            histories=histories,
            checks=self.checks,
            violations=sum(tally.violations for tally in tiers),
            offending_customers=self.offending_customers,
            undecided_histories=self.undecided_histories,
            crashes=self.crashes,
            crash=self.crash_first[1] if self.crash_first is not None else None,
            first=min((tally.first for tally in tiers), key=lambda finding: finding.earliest_key, default=None),
            worst=min((tally.worst for tally in tiers), key=lambda finding: finding.worst_key, default=None),
            by_tier=tuple(
                TierVerdict(tier, self.tiers[tier].violations, self.tiers[tier].first, self.tiers[tier].worst)
                for tier in _TIERS
                if tier in self.tiers
            ),
            offenders=tuple(self.offenders),
            noted=tuple(sorted(self.noted.items())),
        )

    def _decide(self, histories: int) -> tuple[Value, Because, str]:
        """Violated before all else; then whatever keeps us from saying held."""
        if self.tiers:
            return "violated", "found", f"{_many(self.offending_customers, 'customer')} of {histories} affected"
        if self.crash_first is not None:
            customer, text = self.crash_first
            summary = text.partition("\n")[0]
            return (
                "inconclusive",
                "crashed",
                f"the checker crashed {_many(self.crashes, 'time')}, first for customer {customer}: {summary}",
            )
        if self.undecided_first is not None:
            customer, text = self.undecided_first
            count = _many(self.undecided_histories, "customer")
            return "inconclusive", "undecided", f"{count} of {histories} undecided, first customer {customer}: {text}"
        if self.checks:
            return "held", "checked", f"{_many(self.checks, 'check')}, nothing found"
        if self.not_applicable is not None:
            return "inconclusive", "not_applicable", self.not_applicable
        return "inconclusive", "nothing_observed", f"nothing to check was observed in {_many(histories, 'history')}"

    def _add_findings(self, customer: int, findings: tuple[Finding, ...]) -> None:
        self.offending_customers += 1
        if len(self.offenders) < OFFENDERS_KEPT or customer < self.offenders[-1]:
            self.offenders = sorted([*self.offenders, customer])[:OFFENDERS_KEPT]
        for finding in findings:
            tally = self.tiers.get(finding.tier)
            if tally is None:
                tally = self.tiers[finding.tier] = TierTally(finding)
            tally.add(finding)


Step = tuple[Judge, PropertyTally]


class JudgingPlan:
    """What is to be done with histories of one kind.

    `passed` are the checks that each of them passes by being an orderly purchase; `uses` counts the histories for
    which they are not yet in the tallies.
    """

    __slots__ = ("steps", "undecided", "passed", "uses")

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.undecided: list[PropertyTally] = []
        self.passed: list[tuple[PropertyTally, int]] = []
        self.uses = 0

    def settle(self) -> None:
        """Put the checks that were passed into the tallies."""
        for tally, checks in self.passed:
            tally.checks += checks * self.uses
        self.uses = 0


class Judging:
    """The fold. Picklable; `merge` takes another one over the same properties in, shards in any cut."""

    __slots__ = ("histories", "_tallies", "_circumstances", "_plans")

    def __init__(self, property_ids: Iterable[str]) -> None:
        """Judge these properties. Raises ValueError for an id that is not checked."""
        self.histories = 0
        self._tallies: dict[str, PropertyTally] = {}
        for name in property_ids:
            if name not in PROPERTIES:
                raise ValueError(f"no property {name!r} is checked: expected one of {', '.join(PROPERTIES)}")
            self._tallies[name] = PropertyTally(name)
        self._circumstances: Circumstances | None = None
        self._plans: dict[tuple[bool | Shape | str | None, ...], JudgingPlan] = {}

    @property
    def property_ids(self) -> tuple[str, ...]:
        """What is judged, in the order of the verdicts."""
        return tuple(self._tallies)

    def add(self, history: History) -> None:
        """Judge one customer. A checker that crashes makes its property inconclusive and stops nothing else."""
        self.histories += 1
        plan = self._plan(history)
        plan.uses += 1
        for judge, tally in plan.steps:
            try:
                checks, findings, unsure, noted = judgement = judge(history)
            except Exception as error:
                tally.crashed(history.customer, crash_text(error))
                continue
            if findings or noted or unsure is not None:
                tally.add(history, judgement)
            else:
                tally.checks += checks
        for tally in plan.undecided:
            tally.leave_undecided(history.customer, NOT_SETTLED)

    def merge(self, other: Judging) -> None:
        """Add what another shard judged. Raises ValueError if it judged other properties."""
        if self.property_ids != other.property_ids:
            raise ValueError(f"shards judged different properties: {self.property_ids} and {other.property_ids}")
        self._settle()
        other._settle()
        self.histories += other.histories
        for name, tally in self._tallies.items():
            tally.merge(other._tallies[name])

    def verdicts(self) -> list[PropertyVerdict]:
        """One verdict for each property, in the order in which they were asked for."""
        self._settle()
        return [tally.verdict(self.histories) for tally in self._tallies.values()]

    def offenders(self, limit: int = OFFENDERS_KEPT) -> dict[str, list[int]]:
        """The first offending customers of each property that has any; no more than `OFFENDERS_KEPT` are known."""
        return {name: tally.offenders[:limit] for name, tally in self._tallies.items() if tally.offenders}

    def _plan(self, history: History) -> JudgingPlan:
        """The properties that can be judged in a history, and those that cannot because it was cut off.

        Histories with the same kinds of facts have the same plan, so that absent evidence costs nothing. The order of
        the kinds means nothing, but to disregard it would cost more than the few plans more that it makes.
        """
        if history.circumstances is not self._circumstances:
            self._forget_plans()
            self._circumstances = history.circumstances
        orderly = history.orderly
        key = (history.settled, history.outside, orderly.shape if orderly is not None else None, *history.by_kind)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _PLANS_KEPT:
                self._forget_plans()
            plan = self._plans[key] = self._make_plan(history)
        return plan

    def _make_plan(self, history: History) -> JudgingPlan:
        plan = JudgingPlan()
        orderly = history.orderly
        for name, tally in self._tallies.items():
            prop: Property = PROPERTIES[name]
            reason = prop.applies(history.circumstances)
            if reason is not None:
                tally.not_applicable = reason
            elif history.outside:
                plan.steps.append((prop.judge_from_outside, tally))
            elif prop.only_when_settled and not history.settled:
                plan.undecided.append(tally)
            elif prop.has_evidence(history.by_kind):
                passed = prop.orderly(orderly.shape) if orderly is not None and prop.orderly is not None else None
                if passed is None:
                    plan.steps.append((prop.function, tally))
                else:
                    plan.passed.append((tally, passed))
        return plan

    def _settle(self) -> None:
        for plan in self._plans.values():
            plan.settle()

    def _forget_plans(self) -> None:
        self._settle()
        self._plans.clear()

    def __getstate__(self) -> dict[str, Any]:
        """Plans hold functions and can be made again: they do not travel."""
        self._settle()
        return {"histories": self.histories, "tallies": self._tallies}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.histories = state["histories"]
        self._tallies = state["tallies"]
        self._circumstances = None
        self._plans = {}


def crash_text(error: Exception) -> str:
    """A crash as a person needs it: what, then where, innermost last; the same on every machine."""
    places = [
        f"  {PurePath(frame.filename).name}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)[1:]
    ]
    return "\n".join([f"{type(error).__name__}: {error}"[:500], *places[-8:]])


def _earlier(mine: tuple[int, str] | None, other: tuple[int, str] | None) -> tuple[int, str] | None:
    if mine is None or other is None:
        return mine or other
    return min(mine, other)


def _many(count: int, noun: str) -> str:
    plural = "histories" if noun == "history" else f"{noun}s"
    return f"{count} {noun if count == 1 else plural}"
