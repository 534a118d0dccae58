"""The faults of a scenario, as they strike the requests and deliveries of live servers.

They are drawn per server and not per customer, because from outside nobody says whose customer a request is: "the
first n" counts requests to this server, and a window of time is counted from its start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from conformance.servers.service_app import Answering, Dropped
from conformance.servers.stripe_deliveries import FIRST_DELAY_US
from scenarios.scenario import Fault
from sim.deliveries import Deliveries
from sim.facts import Journal
from sim.faults import FORGED, FaultPlan
from sim.messages import Answer, Request
from sim.principal import Principal
from sim.streams import Streams
from sim.time import SECOND_US, Clock

_NOBODY: Final = ""


def live_deliveries(faults: Sequence[Fault], seed: int, clock: Clock, journal: Journal) -> Deliveries:
    """The delivery policy of a live deployment: prompt, and with the webhook faults that are asked for."""
    streams = Streams(seed, 0)
    return Deliveries(faults, lambda _account_id: streams, journal, clock, lambda _streams: FIRST_DELAY_US)


class LiveFaults:
    """The faults of one deployment. Raises ValueError for faults that only a simulated world can make."""

    __slots__ = ("_begun_us", "_clock", "_plan", "_principal")

    def __init__(self, faults: Sequence[Fault], seed: int, clock: Clock, journal: Journal) -> None:
        if any(fault.kind == FORGED for fault in faults):
            raise ValueError(f"the fault {FORGED} is somebody's doing, not the network's: send forged events yourself")
        self._clock = clock
        self._begun_us = clock.now_us
        self._plan = FaultPlan(faults, journal)
        self._principal = Principal(0, _NOBODY, Streams(seed, 0))

    def striking(self, service: str, answering: Answering) -> Answering:
        """`answering`, as it is reached through a network with these faults."""
        if not self._plan:
            return answering

        async def answer(request: Request, headers: Mapping[str, str]) -> Answer:
            now_us = self._clock.now_us - self._begun_us
            strike = self._plan.strike(service, request.operation, self._principal, now_us)
            if strike is None:
                return await answering(request, headers)
            await asyncio.sleep(strike.extra_us / SECOND_US)
            if strike.drop_request:
                raise Dropped
            if strike.answer is not None:
                return strike.answer
            answered = await answering(request, headers)
            if strike.drop_answer:
                raise Dropped
            return answered

        return answer
