"""The matrix: every defect, the properties that accused it, and whether that proves the suite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from conformance.defects import Defect
from conformance.proving.trial import Accusation, TrialResult
from scenarios.scenario import Regime

Word = Literal["found", "missed", "accused wrongly", "unseen", "failed"]


@dataclass(frozen=True, slots=True)
class Row:
    """One defect and its trial."""

    defect: Defect
    theme: str
    result: TrialResult

    @property
    def found_by(self) -> tuple[str, ...]:
        """The properties that it breaks and that found it from outside."""
        return tuple(name for name in self.defect.finds if name in self.result.seen_outside)

    @property
    def consequences(self) -> tuple[str, ...]:
        """Further properties that accused it from outside, as the catalogue says that they may."""
        seen = self.result.seen_outside
        return tuple(one.property for one in self.result.accusations if one.property in {*self.defect.also} & seen)

    @property
    def missed(self) -> tuple[str, ...]:
        """The properties that it breaks and that did not find it: from outside, or, where nobody can, exactly."""
        must = self.defect.finds_outside
        if not must:
            return tuple(name for name in self.defect.finds if name not in self.result.seen_exactly)
        return tuple(name for name in must if name not in self.result.seen_outside)

    @property
    def undeclared(self) -> tuple[Accusation, ...]:
        """What accused it, from outside or exactly, although the catalogue does not say so."""
        return tuple(one for one in self.result.accusations if one.property not in self.defect.declared)

    @property
    def seen_after_all(self) -> tuple[str, ...]:
        """What found it although the catalogue says that it cannot be seen: a line to strike there."""
        return tuple(name for name in self.defect.unseen if name in self.result.seen_outside)

    @property
    def word(self) -> Word:
        """What came of it. `unseen`: as the catalogue says, it is there and nobody outside can see it."""
        if self.result.failures:
            return "failed"
        if self.undeclared:
            return "accused wrongly"
        if self.missed:
            return "missed"
        return "found" if self.found_by else "unseen"


@dataclass(frozen=True, slots=True)
class Clean:
    """The deployment without a defect in one phase and regime, over all seeds: nothing may be found."""

    phase: int
    regime: Regime
    results: tuple[TrialResult, ...]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were tried."""
        return tuple(result.seed for result in self.results)

    @property
    def accusations(self) -> tuple[tuple[int, Accusation], ...]:
        """What was found, each with its seed: false alarms."""
        return tuple((result.seed, one) for result in self.results for one in result.accusations)

    @property
    def failures(self) -> tuple[str, ...]:
        """What could not be run."""
        return tuple(f"seed {result.seed}, {one}" for result in self.results for one in result.failures)


@dataclass(frozen=True, slots=True)
class Matrix:
    """What proving came to."""

    version: str
    target: str
    seed: int
    rows: tuple[Row, ...]
    clean: tuple[Clean, ...]

    @property
    def failures(self) -> tuple[str, ...]:
        """What could not be run, or crashed: then nothing is proven."""
        return (
            *(f"{row.defect.name}: {one}" for row in self.rows for one in row.result.failures),
            *(f"without a defect: {one}" for clean in self.clean for one in clean.failures),
        )

    @property
    def false_alarms(self) -> int:
        """How many findings there are without a defect."""
        return sum(len(clean.accusations) for clean in self.clean)

    @property
    def proven(self) -> bool:
        """Every defect found or known to be unseen, nothing accused without need, no false alarm, no failure."""
        return not self.failures and not self.false_alarms and all(row.word in ("found", "unseen") for row in self.rows)

    def of(self, word: Word) -> tuple[Row, ...]:
        """The rows that came to this."""
        return tuple(row for row in self.rows if row.word == word)

    def by_theme(self) -> Mapping[str, tuple[Row, ...]]:
        """The rows, theme by theme."""
        themes = dict.fromkeys(row.theme for row in self.rows)
        return {theme: tuple(row for row in self.rows if row.theme == theme) for theme in themes}

    def finders(self) -> Mapping[str, tuple[str, ...]]:
        """Each property that found a defect which breaks it, from outside, with those defects."""
        found: dict[str, tuple[str, ...]] = {}
        for row in self.rows:
            for name in row.found_by:
                found[name] = (*found.get(name, ()), row.defect.name)
        return found


def clean_of(results: Iterable[TrialResult]) -> tuple[Clean, ...]:
    """The trials without a defect, by phase and regime, in the order of the first of each."""
    groups: dict[tuple[int, Regime], list[TrialResult]] = {}
    for result in results:
        groups.setdefault((result.phase, result.regime), []).append(result)
    return tuple(Clean(phase, regime, tuple(found)) for (phase, regime), found in groups.items())


def rows_of(defects: Sequence[tuple[str, Defect]], results: Sequence[TrialResult]) -> tuple[Row, ...]:
    """Each defect, with its theme, beside its trial."""
    return tuple(Row(defect, theme, result) for (theme, defect), result in zip(defects, results, strict=True))
