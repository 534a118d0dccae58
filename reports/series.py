"""Variants put in rows: one scenario under one engine and front end, through the phases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from conformance.verdict import Value, overall
from reports.conclusion import Conclusion
from reports.statistics import Proportion, proportion
from scenarios.phase import COMMITMENT_PHASE, default_front_end
from scenarios.scenario import Regime, Variant

DEFAULT_REGIME: Regime = "continuation"


@dataclass(slots=True)
class Series:
    """The variants of one scenario that differ in their phase alone. `label` says what sets them apart from others."""

    scenario: str
    title: str
    label: str
    by_phase: dict[int, Conclusion] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The scenario, and what sets this row apart where that is anything."""
        return f"{self.title} ({self.label})" if self.label else self.title

    @property
    def phases(self) -> list[int]:
        """The phases that were run, in order."""
        return sorted(self.by_phase)

    @property
    def conclusions(self) -> list[Conclusion]:
        """The variants in the order of their phases."""
        return [self.by_phase[phase] for phase in self.phases]

    @property
    def is_control(self) -> bool:
        """Whether a violation is expected in any of its variants."""
        return any(conclusion.is_control for conclusion in self.conclusions)

    @property
    def verdict(self) -> Value:
        """Of all its variants."""
        return overall(conclusion.verdict for conclusion in self.conclusions)

    @property
    def finding_count(self) -> int:
        """Breaches that nobody expected."""
        return sum(conclusion.finding_count for conclusion in self.conclusions)

    @property
    def customers(self) -> int:
        """In all its variants."""
        return sum(conclusion.outcome.customers for conclusion in self.conclusions)

    @property
    def first(self) -> Conclusion | None:
        """The earliest variant before removal, if there is one: what things were like."""
        before = [phase for phase in self.phases if phase < COMMITMENT_PHASE]
        return self.by_phase[before[0]] if before else None

    @property
    def last(self) -> Conclusion | None:
        """The latest variant from removal on, if there is one: what things come to."""
        after = [phase for phase in self.phases if phase >= COMMITMENT_PHASE]
        return self.by_phase[after[-1]] if after else None

    def conversion(self, phase: int) -> Proportion | None:
        """Conversion in a phase; None where it was not run or nobody came."""
        conclusion = self.by_phase.get(phase)
        return None if conclusion is None else conclusion.outcome.metrics.conversion()


def series_of(conclusions: Iterable[Conclusion]) -> list[Series]:
    """The rows, in the order in which their first variants come."""
    rows: dict[tuple[str, str], Series] = {}
    for conclusion in conclusions:
        variant = conclusion.outcome.variant
        label = _label(variant)
        key = (variant.scenario.name, label)
        if key in rows and variant.phase in rows[key].by_phase:
            key = (variant.scenario.name, f"{label} {conclusion.outcome.slug}".strip())
        row = rows.setdefault(key, Series(key[0], variant.scenario.title, key[1]))
        row.by_phase[variant.phase] = conclusion
    return list(rows.values())


def comparable(rows: Sequence[Series]) -> list[Series]:
    """The rows that may be put together and compared from phase to phase: run in every phase, and no controls."""
    phases = {phase for row in rows for phase in row.by_phase}
    return [row for row in rows if not row.is_control and len(row.by_phase) == len(phases)]


def pooled_conversion(rows: Sequence[Series], phase: int) -> Proportion | None:
    """Conversion in a phase over several rows together, every attempt counting the same."""
    metrics = [row.by_phase[phase].outcome.metrics for row in rows if phase in row.by_phase]
    n = sum(one.attempt_count for one in metrics)
    return proportion(sum(sum(one.converted.values()) for one in metrics), n)


def _label(variant: Variant) -> str:
    """What departs from the default: the engine, the front end where the file chooses it, the gate's flag."""
    parts: list[str] = []
    scenario = variant.scenario
    if variant.regime != DEFAULT_REGIME or scenario.matrix.regime is not None:
        parts.append(variant.regime)
    chosen = scenario.matrix.front_end is not None or scenario.customers.front_end != "auto"
    if chosen or variant.front_end != default_front_end(variant.phase):
        parts.append(f"{variant.front_end} front end")
    # From removal on there is no gate that a flag could turn off.
    if not variant.pm_gate and variant.phase < COMMITMENT_PHASE:
        parts.append("gate off")
    return ", ".join(parts)
