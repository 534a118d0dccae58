"""A finding: one breach of a property, with its proof and the facts behind it."""

from __future__ import annotations

import builtins
from typing import Literal, NamedTuple

from sim.facts import Fact

Tier = Literal["inline", "batch", "alert"]
Severity = Literal["critical", "major", "minor"]


class Finding(NamedTuple):
    """What was found wrong with one customer's history.

    `proof` reads as an argument, with the times, ids and amounts that make it; `facts` are the rows it rests on.
    `magnitude` orders the offenders of one property, the worst having the largest; each property says its unit.
    """

    property: str
    tier: Tier
    severity: Severity
    customer: int
    account: str
    time_us: int
    proof: str
    facts: tuple[Fact, ...]
    magnitude: float

    @builtins.property
    def earliest_key(self) -> tuple[int, int, str]:
        """Smallest for the first finding: customers in their order, then time, then the text, so that none tie."""
        return (self.customer, self.time_us, self.proof)

    @builtins.property
    def worst_key(self) -> tuple[float, int, int, str]:
        """Smallest for the worst finding: the largest magnitude, then as for the first."""
        return (-self.magnitude, self.customer, self.time_us, self.proof)
