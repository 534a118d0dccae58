"""What reports are made from: a run's variants with their figures, verdicts and digests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from conformance.manifest import LeftOut
from conformance.verdict import PropertyVerdict
from reports.metrics import Metrics
from scenarios.scenario import Variant
from sim.facts import Fact

Trouble = Literal["refused", "set-up failed"]


@dataclass(frozen=True, slots=True)
class VariantOutcome:
    """What came of one variant.

    `slug` names it within its scenario; `customers` is how many were recorded. `complete`: every planned customer is
    among them; if not, `incomplete_because` may say why. `harness_late`: why the harness itself spoilt it, if it did.
    `stories` are the whole histories of customers that findings
    name, by customer number, where the caller has them: a sequence diagram then shows more than the proof's own facts.
    """

    variant: Variant
    slug: str
    customers: int
    verdicts: Sequence[PropertyVerdict]
    metrics: Metrics
    facts_sha256: str
    complete: bool = True
    incomplete_because: str | None = None
    harness_late: str | None = None
    stories: Mapping[int, Sequence[Fact]] = field(default_factory=dict)

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return self.variant.scenario.name


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of a run.

    `out` is the run's directory as the user named it, for lines that can be copied; `command` the line that repeats
    the run. `started` and `finished` are moments in RFC 3339; leave them out where the same run shall give the same
    bytes. `left_out`: what was asked for and cannot be run at the target. `trouble`: the target refused, or could not
    be set up, so that what there is says nothing about it.
    """

    version: str
    seed: int
    target: str
    variants: Sequence[VariantOutcome]
    facts_sha256: str
    out: str = "OUT"
    command: str | None = None
    started: str | None = None
    finished: str | None = None
    trouble: Trouble | None = None
    left_out: Sequence[LeftOut] = ()

    @property
    def complete(self) -> bool:
        """Whether every variant is."""
        return all(variant.complete for variant in self.variants)

    def replay_line(self, variant: VariantOutcome, customer: int) -> str:
        """The command that runs one customer again."""
        return (
            f"gatefall replay {self.out} --scenario {variant.scenario} --variant {variant.slug} --customer {customer}"
        )
