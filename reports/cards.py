"""A card for each broken property: what it promises, whom it failed, why we say so, and the worst case drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.curl import CurlLine
from conformance.finding import Finding
from conformance.proof import commands, in_order, variable_lines, what_went_wrong
from conformance.properties import PROPERTIES
from conformance.prose import clock, money
from conformance.redaction import redacted, redacted_json
from conformance.verdict import PropertyVerdict
from reports.conclusion import Conclusion, RunConclusion
from reports.overview import many
from reports.sequence import sequence_diagram
from sim.facts import Fact

_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class FactLine:
    """One fact as a table shows it; `number` is that of its row in the diagram."""

    number: int
    time: str
    actor: str
    kind: str
    operation: str
    subject: str
    related: str
    state: str
    status: str
    amount: str
    detail: str


@dataclass(frozen=True, slots=True)
class Offender:
    """One finding: whom, where, the proof, the facts behind it, and the command that runs it again.

    `amiss`: the faults that had struck by then. `requests`: what was sent, as `curl` lines; `variables`: what these
    need set.
    """

    customer: int
    place: str
    proof: str
    facts: tuple[FactLine, ...]
    replay: str
    amiss: str
    requests: tuple[CurlLine, ...]
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Where:
    """How often a property was broken in one variant."""

    scenario: str
    link: str
    variant: str
    count: int
    customers: int


@dataclass(frozen=True, slots=True)
class Card:
    """Everything the page says of one broken property. `diagram` is SVG."""

    anchor: str
    property: str
    title: str
    statement: str
    severity: str
    intended: bool
    count: str
    where: str
    worst: Offender
    first: Offender | None
    diagram: str
    variants: tuple[Where, ...]


Broken = tuple[Conclusion, PropertyVerdict]


def finding_cards(run: RunConclusion) -> list[Card]:
    """The properties that were broken though nobody expected it, the most severe first."""
    return _cards([(one, verdict) for one in run.variants for verdict in one.unexpected], run, intended=False)


def control_cards(run: RunConclusion) -> list[Card]:
    """The properties that negative controls broke on purpose."""
    return _cards([(one, verdict) for one in run.variants for verdict in one.intended], run, intended=True)


def _cards(broken: Sequence[Broken], run: RunConclusion, intended: bool) -> list[Card]:
    by_property: dict[str, list[Broken]] = {}
    for conclusion, verdict in broken:
        by_property.setdefault(verdict.property, []).append((conclusion, verdict))
    severities = ("critical", "major", "minor")
    cards = [_card(name, cases, run, intended) for name, cases in by_property.items()]
    return sorted(cards, key=lambda card: severities.index(card.severity))


def _card(name: str, cases: Sequence[Broken], run: RunConclusion, intended: bool) -> Card:
    described = PROPERTIES.get(name)
    worst_case, worst = _chosen(cases, worst=True)
    first_case, first = _chosen(cases, worst=False)
    scenarios = dict.fromkeys(conclusion.outcome.scenario for conclusion, _ in cases)
    count = sum(verdict.violations for _, verdict in cases)
    return Card(
        anchor=f"{'control' if intended else 'finding'}-{name}",
        property=name,
        title=described.title if described else name.replace("-", " "),
        statement=described.statement if described else "",
        severity=cases[0][1].severity,
        intended=intended,
        count=many(count, "breach", "breaches"),
        where=f"{many(len(cases), 'variant')} of {many(len(scenarios), 'scenario')}",
        worst=_offender(worst_case, worst, run),
        first=_offender(first_case, first, run) if (first_case, first) != (worst_case, worst) else None,
        diagram=sequence_diagram(worst_case.outcome.stories.get(worst.customer) or worst.facts, worst.facts),
        variants=tuple(_where(conclusion, verdict) for conclusion, verdict in cases),
    )


def _chosen(cases: Sequence[Broken], worst: bool) -> tuple[Conclusion, Finding]:
    """The worst finding over all variants, or the first of the first variant."""
    found = ((conclusion, verdict.worst if worst else verdict.first) for conclusion, verdict in cases)
    chosen = [(conclusion, finding) for conclusion, finding in found if finding is not None]
    return max(chosen, key=lambda case: case[1].magnitude) if worst else chosen[0]


def _offender(conclusion: Conclusion, finding: Finding, run: RunConclusion) -> Offender:
    outcome = conclusion.outcome
    story = outcome.stories.get(finding.customer) or finding.facts
    requests = commands(finding, story)
    return Offender(
        customer=finding.customer,
        place=f"{outcome.scenario}, {outcome.slug}",
        proof=redacted(finding.proof),
        facts=tuple(fact_line(fact, number) for number, fact in enumerate(in_order(finding.facts), 1)),
        replay=run.outcome.replay_line(outcome, finding.customer),
        amiss=what_went_wrong(finding, story),
        requests=tuple(requests),
        variables=tuple(variable_lines(requests)),
    )


def _where(conclusion: Conclusion, verdict: PropertyVerdict) -> Where:
    outcome = conclusion.outcome
    return Where(
        scenario=outcome.scenario,
        link=f"scenario-{outcome.scenario}",
        variant=outcome.slug,
        count=verdict.violations,
        customers=verdict.offending_customers,
    )


def fact_line(fact: Fact, number: int = 0) -> FactLine:
    """One fact for a table, with nothing secret in it."""
    detail = redacted_json(fact.detail)
    status = "" if fact.status is None else str(fact.status)
    return FactLine(
        number=number,
        time=clock(fact.time_us),
        actor=fact.actor,
        kind=fact.kind,
        operation=fact.operation or "",
        subject=redacted(fact.subject),
        related=redacted(fact.related or ""),
        state=redacted(fact.state or ""),
        status=f"{status} / {fact.code}" if fact.code is not None else status,
        amount="" if fact.amount_minor is None else money(fact.amount_minor),
        detail=detail if len(detail) <= _LONGEST_DETAIL else detail[: _LONGEST_DETAIL - 1] + "…",
    )
