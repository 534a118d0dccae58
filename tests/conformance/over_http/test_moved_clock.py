"""Moving a live world's clock on hurries what waits by it."""

from __future__ import annotations

import asyncio

from conformance.over_http.live_clock import LiveClock
from conformance.over_http.live_world import LiveWorld
from sim.effects import Program, Spawn, Wait
from sim.time import HOUR_US


def test_what_waits_by_the_clock_begins_when_the_clock_is_moved_past_it() -> None:
    done: list[str] = []

    def later() -> Program[None]:
        done.append("begun")
        yield Wait(2 * HOUR_US)
        done.append("ended")

    def spawning() -> Program[None]:
        yield Spawn(later(), HOUR_US)

    async def main() -> None:
        clock = LiveClock()
        world = LiveWorld(clock=clock)
        await world.run(spawning())
        clock.advance(3_599)
        await asyncio.sleep(0)
        assert done == []
        clock.advance(2)
        while not done:
            await asyncio.sleep(0)
        clock.advance(7_201)
        await world.drain()
        await world.close()

    asyncio.run(main())
    assert done == ["begun", "ended"]


def test_a_clock_does_not_go_back() -> None:
    clock = LiveClock()
    before = clock.now_us
    clock.advance(10)
    assert clock.now_us - before >= 10_000_000
    assert clock.offset_us == 10_000_000
