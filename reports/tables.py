"""The tables of the report: one row for each thing, one column for each phase."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from conformance.redaction import redacted
from reports.metrics import Metrics
from reports.overview import grouped, interval, percent
from reports.series import Series, comparable, pooled_conversion
from reports.statistics import Proportion
from scenarios.metrics import FUNNEL_STEPS
from scenarios.phase import COMMITMENT_PHASE

_DEEPEST_TINT: Final = 0.32


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; an empty text says that there is nothing to tell. `tint` is the depth of its colour, from 0."""

    phase: int
    text: str = ""
    note: str = ""
    tint: float = 0.0
    verdict: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row; `link` is an anchor on the page."""

    label: str
    cells: tuple[Cell, ...]
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table over phases."""

    title: str
    phases: tuple[int, ...]
    rows: tuple[Row, ...]

    @property
    def removal(self) -> int | None:
        """The first phase after removal, where the table shows what was before it too."""
        after = [phase for phase in self.phases if phase >= COMMITMENT_PHASE]
        return after[0] if after and self.phases[0] < COMMITMENT_PHASE else None


def phases_of(rows: Iterable[Series]) -> tuple[int, ...]:
    """Every phase that any of the rows ran, in order."""
    return tuple(sorted({phase for row in rows for phase in row.by_phase}))


def conversion_table(rows: Sequence[Series], link: Callable[[Series], str]) -> Table:
    """Conversion and verdict of every scenario in every phase, and of those together that ran in every phase."""
    phases = phases_of(rows)
    table_rows = [Row(row.name, tuple(_conversion_cell(row, phase) for phase in phases), link(row)) for row in rows]
    together = comparable(rows)
    if len(together) > 1:
        shares = ((phase, pooled_conversion(together, phase)) for phase in phases)
        name = f"the {len(together)} that ran in every phase, together"
        table_rows.append(Row(name, tuple(share_cell(phase, share) for phase, share in shares)))
    return Table("scenario", phases, tuple(table_rows))


def dimension_table(headline: Series, dimension: str, title: str) -> Table:
    """Conversion of the headline scenario for each value of a dimension in each phase."""
    phases = tuple(headline.phases)
    by_phase = {phase: headline.by_phase[phase].outcome.metrics.conversion_by(dimension) for phase in phases}
    values = sorted({value for shares in by_phase.values() for value in shares})
    rows = (
        Row(named(value), tuple(share_cell(phase, by_phase[phase].get(value)) for phase in phases)) for value in values
    )
    return Table(title, phases, tuple(rows))


def funnel_table(headline: Series) -> Table:
    """Entered and left at each step, in each phase."""
    phases = tuple(headline.phases)
    flows = {phase: {flow.step: flow for flow in headline.by_phase[phase].outcome.metrics.steps()} for phase in phases}
    rows = (
        Row(
            step,
            tuple(
                Cell(
                    phase,
                    grouped(flows[phase][step].entered),
                    "" if step == "done" else f"{grouped(flows[phase][step].left)} left",
                )
                for phase in phases
            ),
        )
        for step in FUNNEL_STEPS
    )
    return Table("step", phases, tuple(rows))


def consumers_table(rows: Sequence[Series]) -> Table:
    """Who was answered 402/1210, in which operation, and how often."""
    phases = phases_of(rows)
    counts: dict[tuple[str, str], dict[int, int]] = {}
    for phase, metrics in _all_metrics(rows):
        for kind, count in metrics.rejections().items():
            by_phase = counts.setdefault((kind.actor, kind.operation), {})
            by_phase[phase] = by_phase.get(phase, 0) + count
    return Table(
        "caller and operation",
        phases,
        tuple(
            Row(f"{actor}: {operation}", tuple(_count_cell(phase, by_phase) for phase in phases))
            for (actor, operation), by_phase in sorted(counts.items())
        ),
    )


def spread_table(headline: Series) -> Table:
    """The median and the 95th percentile of the time to payment, in each phase."""
    phases = tuple(headline.phases)
    metrics = {phase: headline.by_phase[phase].outcome.metrics for phase in phases}
    if not any(one.payment_times_us for one in metrics.values()):
        return Table("time to payment", phases, ())
    rows = [
        Row(label, tuple(Cell(phase, duration(metrics[phase].time_to_payment_s(share))) for phase in phases))
        for label, share in (("median (p50)", 0.5), ("slowest of 20 (p95)", 0.95))
    ]
    rows.append(
        Row(
            "from payment to entitlement (p95)",
            tuple(Cell(phase, duration(metrics[phase].time_to_entitlement_s(0.95))) for phase in phases),
        )
    )
    return Table("time to payment", phases, tuple(rows))


def events_table(headline: Series) -> Table:
    """What else happened to the headline scenario's customers: counts for each hundred attempts."""
    phases = tuple(headline.phases)
    metrics = {phase: headline.by_phase[phase].outcome.metrics for phase in phases}
    counts = {phase: _events(one) for phase, one in metrics.items()}
    labels = list(dict.fromkeys(label for by_label in counts.values() for label in by_label))
    rows = (
        Row(
            label,
            tuple(
                Cell(phase, _each_hundred(counts[phase].get(label, 0), metrics[phase].attempt_count))
                for phase in phases
            ),
        )
        for label in sorted(labels, key=_event_order)
    )
    return Table("for each 100 attempts", phases, tuple(rows))


def share_cell(phase: int, share: Proportion | None) -> Cell:
    """A share with its interval and what it rests on, the deeper in colour the larger it is."""
    if share is None:
        return Cell(phase)
    note = f"{interval(share)}, n={grouped(share.n)}"
    return Cell(phase, percent(share), note, round(_DEEPEST_TINT * share.value, 3))


def duration(seconds: float | None) -> str:
    """A duration as people read it."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def named(value: str) -> str:
    """A name of the model as a reader sees it."""
    return redacted(value).replace("_", " ") if value else "not told"


def _conversion_cell(row: Series, phase: int) -> Cell:
    conclusion = row.by_phase.get(phase)
    if conclusion is None:
        return Cell(phase)
    cell = share_cell(phase, conclusion.outcome.metrics.conversion())
    return Cell(phase, cell.text or "–", cell.note, cell.tint, conclusion.verdict)


def _count_cell(phase: int, by_phase: Mapping[int, int]) -> Cell:
    count = by_phase.get(phase, 0)
    return Cell(phase, grouped(count) if count else "0")


def _all_metrics(rows: Sequence[Series]) -> Iterable[tuple[int, Metrics]]:
    for row in rows:
        for phase, conclusion in row.by_phase.items():
            yield phase, conclusion.outcome.metrics


_EVENT_GROUPS: Final = ("ends", "challenge", "redirect", "Billing Profile", "support", "rollback", "refund", "drift")


def _event_order(label: str) -> tuple[int, str]:
    return next((i for i, group in enumerate(_EVENT_GROUPS) if label.startswith(group)), len(_EVENT_GROUPS)), label


def _events(metrics: Metrics) -> dict[str, int]:
    events = {f"ends: {named(state)}": count for state, count in metrics.outcomes.items()}
    events |= {f"challenge {named(state)}": count for state, count in metrics.challenges.items()}
    events |= {f"redirect {named(state)}": count for state, count in metrics.redirects.items()}
    events |= {f"Billing Profile detour {named(state)}": count for state, count in metrics.detours.items()}
    events |= {f"rollback {named(state)}": count for state, count in metrics.rollbacks.items()}
    totals = {
        "support ticket": sum(metrics.tickets.values()),
        "refund": metrics.refunds,
        "drift: stores disagree at the end": metrics.drift,
    }
    return events | {label: count for label, count in totals.items() if count}


def _each_hundred(count: int, attempts: int) -> str:
    if not attempts:
        return "–"
    return "0" if not count else f"{100 * count / attempts:.1f}"
