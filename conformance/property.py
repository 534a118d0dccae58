"""Properties: what must hold, in words for a person and as a pure function from a history to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

from conformance.circumstances import Circumstances
from conformance.evidence import EVIDENCE, lacking
from conformance.finding import Finding, Severity, Tier
from conformance.history import History
from conformance.orderly import Shape
from sim.facts import Fact

NOT_SETTLED: Final = "the run was cut off before everything had settled"
"""Why a batch property cannot be judged for a customer: stores that are still moving prove nothing."""


class Judgement(NamedTuple):
    """What a property says of one history. No checks: it met no evidence here.

    `undecided` says why a part of it could not be judged. `noted` are short labels to be counted over all customers,
    from a vocabulary that does not grow with their number: who met a 1210, how an old front end ended.
    """

    checks: int
    findings: tuple[Finding, ...] = ()
    undecided: str | None = None
    noted: tuple[str, ...] = ()


_CLEAN: Final = tuple(Judgement(checks) for checks in range(65))
NO_EVIDENCE: Final = _CLEAN[0]
_NO_FINDINGS: Final[tuple[Finding, ...]] = ()


def conclude(
    checks: int,
    findings: Iterable[Finding] = _NO_FINDINGS,
    undecided: str | None = None,
    noted: tuple[str, ...] = (),
) -> Judgement:
    """A judgement; the usual one, so many checks and nothing wrong, is not made anew."""
    if not findings and undecided is None and not noted and checks < 65:
        return _CLEAN[checks]
    return Judgement(checks, tuple(findings), undecided, noted)


class AlertEvent(NamedTuple):
    """One thing that an alert counts, and whether it was bad: what a rate over time is made of."""

    time_us: int
    bad: bool


Judge = Callable[[History], Judgement]


def _always(_: Circumstances) -> str | None:
    return None


@dataclass(frozen=True)
class Property:
    """One property, as scenarios, reports and `explain` speak of it.

    `needs` names the kinds of facts without which nothing can be checked; `a|b` means either. `evidence` says the same
    to a person, with sources. `magnitude` is the unit in which its offenders are compared. `applies` gives the reason
    why the property means nothing in some circumstances, or None. `alert` lists the events of its alert tier.
    `orderly` says how many checks an orderly purchase passes by what it is, which spares it the judging; None where
    the whole history must be looked at.
    """

    id: str
    tiers: tuple[Tier, ...]
    severity: Severity
    title: str
    statement: str
    why: str
    evidence: str
    example: str
    magnitude: str
    needs: tuple[str, ...]
    function: Judge = field(repr=False)
    applies: Callable[[Circumstances], str | None] = field(default=_always, repr=False)
    alert: Callable[[History], list[AlertEvent]] | None = field(default=None, repr=False)
    orderly: Callable[[Shape], int | None] | None = field(default=None, repr=False)

    @cached_property
    def needed_kinds(self) -> tuple[tuple[str, ...], ...]:
        """`needs`, taken apart: of each group at least one kind must be there."""
        return tuple(tuple(need.split("|")) for need in self.needs)

    @cached_property
    def only_when_settled(self) -> bool:
        """Whether a history that was cut off can tell nothing at all."""
        return "inline" not in self.tiers

    def has_evidence(self, kinds: Iterable[str]) -> bool:
        """Whether facts of those kinds can be judged at all."""
        return all(any(kind in kinds for kind in group) for group in self.needed_kinds)

    def judge(self, history: History) -> Judgement:
        """Judge one history. May raise whatever a malformed history provokes: `Judging` keeps that from spreading."""
        if self.applies(history.circumstances) is not None:
            return NO_EVIDENCE
        if history.outside:
            return self.judge_from_outside(history)
        if self.only_when_settled and not history.settled:
            return Judgement(0, (), NOT_SETTLED)
        if not self.has_evidence(history.by_kind):
            return NO_EVIDENCE
        return self.function(history)

    def judge_from_outside(self, history: History) -> Judgement:
        """Judge a history without exact facts by what was read; where too little was, it stays undecided."""
        evidence = EVIDENCE[self.id]
        if not history.settled and (self.only_when_settled or evidence.to_accuse):
            return Judgement(0, (), NOT_SETTLED)
        missing = lacking(history, evidence.to_accuse)
        if missing is not None:
            return Judgement(0, (), missing) if evidence.concerns(history) else NO_EVIDENCE
        if not self.has_evidence(history.by_kind):
            return NO_EVIDENCE
        judgement = self.function(history)
        if judgement.findings or judgement.undecided is not None or not judgement.checks:
            return judgement
        missing = lacking(history, evidence.to_hold)
        return judgement if missing is None else judgement._replace(undecided=missing)

    def finding(
        self,
        history: History,
        tier: Tier,
        time_us: int,
        proof: str,
        facts: Iterable[Fact | None],
        magnitude: float = 1.0,
    ) -> Finding:
        """A finding of this property about the customer of `history`; absent facts are left out."""
        rows = tuple(fact for fact in facts if fact is not None)
        return Finding(
            self.id, tier, self.severity, history.customer, history.account, time_us, proof, rows, float(magnitude)
        )
