"""The mock target: the model's own services as HTTP servers on loopback, in lockstep with the model's time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from conformance.over_http.lockstep_deployment import LockstepDeployment
from conformance.target import OnSettled
from scenarios.scenario import Variant

NAME: Final = "mock"


class MockTarget:
    """Fresh servers for every call, started and stopped by themselves.

    `pace`: how much of the time that passes for a customer passes in real time, 0 for none of it and 1 for all; what
    happens is the same at every pace. `chromium`: the path of a browser that visits
    hosted pages; without one they are answered by request.
    """

    __slots__ = ("_chromium", "_pace")
    name = NAME

    def __init__(self, pace: float = 0.0, chromium: str | None = None) -> None:
        self._pace = pace
        self._chromium = chromium

    def run(self, variant: Variant, seed: int, customers: Sequence[int], on_settled: OnSettled) -> None:
        """Run those customers against servers of their own."""
        asyncio.run(LockstepDeployment(variant, seed, self._pace, self._chromium).run(customers, on_settled))
