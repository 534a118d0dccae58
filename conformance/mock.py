"""The mock target: the model's own services as HTTP servers on loopback, in lockstep with the model's time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conformance.inspection import ContractInspector
from conformance.over_http.lateness import Lateness
from conformance.over_http.lockstep_deployment import LockstepDeployment
from conformance.over_http.lockstep_servers import LOOPS
from conformance.target import OnSettled
from scenarios.scenario import Variant

NAME: Final = "mock"
LATENESS_BOUND_US: Final = 250_000
"""How late one wake-up in a hundred may be where the model's time really passes. Assumption: far below any latency that
a customer notices, and as in the example profile."""


class MockTarget:
    """A fresh deployment for every call, behind servers that are started when needed and stopped with the process.

    `pace`: how much of the time that passes for a customer passes in real time, 0 for none of it and 1 for all; what
    happens is the same at every pace. `chromium`: the path of a browser that visits
    hosted pages; without one they are answered by request.
    """

    __slots__ = ("_chromium", "_pace", "lateness")
    name = NAME
    lateness_bound_us = LATENESS_BOUND_US

    def __init__(self, pace: float = 0.0, chromium: str | None = None) -> None:
        self._pace = pace
        self._chromium = chromium
        self.lateness = Lateness()

    @property
    def in_one_process(self) -> bool:
        """Whether all customers have to be run in this process: it alone knows then how late the harness was."""
        return self._pace > 0

    def run(self, variant: Variant, seed: int, customers: Sequence[int], on_settled: OnSettled) -> None:
        """Run those customers against a deployment of their own."""
        deployment = LockstepDeployment(variant, seed, self._pace, self._chromium, ContractInspector())
        loop = LOOPS.take()
        try:
            loop.run(deployment.run(customers, on_settled, loop.servers))
        except BaseException:
            loop.close()  # something may be left running in it
            raise
        finally:
            self.lateness.merge(deployment.lateness)
        LOOPS.give_back(loop)
