"""The world's queues against the M/M/c formulas (Erlang C), at a seed fixed so that the verdict is exact."""

from __future__ import annotations

import math
import statistics

import pytest

from sim.effects import Call, Program
from sim.messages import Answer, Request
from sim.network import IMMEDIATE
from sim.principal import Principal
from sim.purposes import Purpose
from sim.streams import Streams
from sim.workers import Workers
from sim.world import World

MEAN_SERVICE_US = 1_000_000
CUSTOMERS = 40_000


def erlang_c(servers: int, offered: float) -> float:
    """The probability that an arrival has to wait."""
    waiting = offered**servers / math.factorial(servers) * servers / (servers - offered)
    return waiting / (sum(offered**k / math.factorial(k) for k in range(servers)) + waiting)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (1, 0.8), (3, 0.7), (8, 0.85)])
def test_mean_wait_is_that_of_an_m_m_c_queue(servers: int, load: float) -> None:
    world = World(IMMEDIATE, workers={"api": Workers(servers, MEAN_SERVICE_US)})

    class Api:
        def handle(self, request: Request) -> Program[Answer]:
            return Answer(200)
            yield

    world.services["api"] = Api()
    sojourns: list[int] = []

    def customer() -> Program[None]:
        begun_us = world.clock.now_us
        yield Call("api", Request("GET", "/"), timeout_us=10**12)
        sojourns.append(world.clock.now_us - begun_us)

    def arrivals():  # type: ignore[no-untyped-def]
        at_us = 0
        for number in range(CUSTOMERS):
            streams = Streams(11, number)
            at_us += streams.exponential_us(round(MEAN_SERVICE_US / (servers * load)), Purpose.ARRIVAL)
            yield at_us, Principal(number, f"acct{number}", streams), customer()

    world.feed(arrivals())
    world.run()
    expected = MEAN_SERVICE_US * (1 + erlang_c(servers, servers * load) / (servers * (1 - load)))
    assert len(sojourns) == CUSTOMERS
    assert statistics.fmean(sojourns[CUSTOMERS // 10 :]) == pytest.approx(expected, rel=0.06)
