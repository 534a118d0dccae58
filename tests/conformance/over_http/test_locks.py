"""The locks of one process: first come, first served, and nothing left behind."""

from __future__ import annotations

import asyncio

from conformance.over_http.locks import MemoryLocks


def test_whoever_waits_goes_on_in_the_order_of_coming() -> None:
    async def scene() -> list[str]:
        locks, order = MemoryLocks(), list[str]()

        async def visit(name: str) -> None:
            lease = await locks.acquire("a")
            order.append(name)
            await asyncio.sleep(0)
            await lease.release()

        async with asyncio.TaskGroup() as group:
            for name in "abcde":
                group.create_task(visit(name))
        assert len(locks) == 0
        return order

    assert asyncio.run(scene()) == list("abcde")


def test_one_key_does_not_hold_another_up() -> None:
    async def scene() -> None:
        locks = MemoryLocks()
        one = await locks.acquire("a")
        other = await locks.acquire("b")
        assert len(locks) == 2
        await other.release()
        await one.release()
        assert len(locks) == 0

    asyncio.run(scene())


def test_nobody_enters_while_a_lease_is_held_and_a_second_release_does_nothing() -> None:
    async def scene() -> None:
        locks = MemoryLocks()
        first = await locks.acquire("a")
        second = asyncio.create_task(locks.acquire("a"))
        third = asyncio.create_task(locks.acquire("a"))
        await asyncio.sleep(0)
        assert not second.done()
        await first.release()
        await first.release()
        lease = await second
        await asyncio.sleep(0)
        assert not third.done()
        await lease.abandon()
        await (await third).release()
        assert len(locks) == 0

    asyncio.run(scene())


def test_whoever_gives_up_waiting_leaves_the_line() -> None:
    async def scene() -> None:
        locks = MemoryLocks()
        first = await locks.acquire("a")
        impatient = asyncio.create_task(locks.acquire("a"))
        patient = asyncio.create_task(locks.acquire("a"))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.sleep(0)
        await first.release()
        await (await patient).release()
        assert impatient.cancelled()
        assert len(locks) == 0

    asyncio.run(scene())


def test_a_turn_that_comes_together_with_the_cancellation_is_passed_on() -> None:
    async def scene() -> None:
        locks = MemoryLocks()
        first = await locks.acquire("a")
        cancelled = asyncio.create_task(locks.acquire("a"))
        next_one = asyncio.create_task(locks.acquire("a"))
        await asyncio.sleep(0)
        await first.release()
        cancelled.cancel()
        await (await next_one).release()
        assert cancelled.cancelled()
        assert len(locks) == 0

    asyncio.run(scene())


def test_cancelled_and_released_at_once() -> None:
    async def scene() -> None:
        locks = MemoryLocks()
        first = await locks.acquire("a")
        cancelled = asyncio.create_task(locks.acquire("a"))
        await asyncio.sleep(0)
        cancelled.cancel()
        await first.release()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert len(locks) == 0
        await (await locks.acquire("a")).release()

    asyncio.run(scene())
