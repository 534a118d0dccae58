"""The simulated target: the model's own services in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conformance.inspection import ContractInspector
from conformance.target import OnSettled
from scenarios.scenario import Variant
from sim.deployment import SimulatedDeployment

NAME: Final = "simulated"


class SimulatedTarget:
    """A fresh world for every call, so that cells share nothing."""

    __slots__ = ()
    name = NAME

    def run(self, variant: Variant, seed: int, customers: Sequence[int], on_settled: OnSettled) -> None:
        """Run those customers in one world of their own."""
        SimulatedDeployment(variant, seed, inspector=ContractInspector()).run(customers, on_settled)
