"""What an exploration has been to: operations by phase, what came back, and which properties got evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from conformance.exploring.trial import Outcome


@dataclass(slots=True)
class Coverage:
    """Counts over all trials, those that made a failure smaller among them.

    `answers` are by operation, phase and status (None: no answer).
    """

    trials: int = 0
    customers: int = 0
    phases: Counter[int] = field(default_factory=Counter)
    answers: Counter[tuple[str, int, int | None]] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one trial."""
        phase = outcome.variant.phase
        self.trials += 1
        self.customers += outcome.variant.scenario.customers.count
        self.phases[phase] += 1
        for history in outcome.histories:
            for fact in history.of("answer"):
                self.answers[fact.operation or "", phase, fact.status] += 1
        self.checks.update(outcome.checks)

    def operations(self) -> dict[str, dict[int, int]]:
        """How often each operation was answered in each phase."""
        found: dict[str, dict[int, int]] = {}
        for (operation, phase, _status), count in sorted(self.answers.items(), key=lambda one: one[0][:2]):
            row = found.setdefault(operation, {})
            row[phase] = row.get(phase, 0) + count
        return found
