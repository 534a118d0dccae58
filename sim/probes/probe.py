"""A probe: a program that goes looking for a defect, and what it needs for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scenarios.scenario import PaymentMethodState
from sim.effects import Program
from sim.probes.prober import Prober


@dataclass(frozen=True)
class Probe:
    """One probe. `program` runs once for each customer of a scenario that names it; it never raises.

    `neighbour`: the payment method of a second account that the probe acts on, which has nothing else; None for none.
    """

    name: str
    program: Callable[[Prober], Program[None]]
    neighbour: PaymentMethodState | None = None
