"""The live world keeps the promises that the SimPy world makes to programs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from conformance.over_http import live_world
from conformance.over_http.callees import InProcess, OverWireUnlessInternal
from conformance.over_http.live_clock import LiveClock
from conformance.over_http.live_world import LiveWorld
from conformance.over_http.locks import LockUnavailable, MemoryLocks
from sim.effects import Acquire, Alarm, Call, Program, Release, Spawn, Visit, Wait
from sim.messages import UNKNOWN, Answer, Request
from sim.subscriptions_api.rollback import RollBack
from sim.time import SECOND_US

REQUEST = Request("POST", "/somewhere", {})


class Told:
    """A callee that answers when it is told to."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.called = asyncio.Event()
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    async def __call__(self, request: Request, timeout_us: int) -> Answer:
        self.requests.append(request)
        self.called.set()
        return await asyncio.shield(self.answer)


class Servant:
    """A service that is one program."""

    def __init__(self, program: Callable[[Request], Program[Answer]]) -> None:
        self._program = program

    def handle(self, request: Request) -> Program[Answer]:
        return self._program(request)


def run(scene: Callable[[], Awaitable[None]]) -> None:
    """Play a scene in a loop of its own, for at most ten seconds."""

    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scene()

    asyncio.run(bounded())


def calls(service: str, timeout_us: int = SECOND_US) -> Program[Answer]:
    answer: Answer = yield Call(service, REQUEST, timeout_us)
    return answer


def test_a_call_is_answered_by_its_callee() -> None:
    async def scene() -> None:
        world = LiveWorld()
        told = world.callees["stripe"] = Told()
        told.answer.set_result(Answer(201, "made"))
        answer = await world.run(calls("stripe"))
        assert (answer.status, answer.body, told.requests) == (201, "made", [REQUEST])

    run(scene)


def test_a_service_that_nobody_knows_is_named() -> None:
    async def scene() -> None:
        world = LiveWorld()
        with pytest.raises(KeyError, match="no service is called 'gateway'"):
            await world.run(calls("gateway"))

    run(scene)


def test_a_receiver_is_found_by_its_origin() -> None:
    async def scene() -> None:
        told = Told()
        told.answer.set_result(Answer(204))
        asked: list[str] = []

        def elsewhere(origin: str) -> Told:
            asked.append(origin)
            return told

        world = LiveWorld(elsewhere=elsewhere)
        assert (await world.run(calls("http://127.0.0.1:9"))).status == 204
        assert asked == ["http://127.0.0.1:9"]

    run(scene)


def test_the_callee_goes_on_when_its_caller_gave_up() -> None:
    async def scene() -> None:
        world = LiveWorld()
        bank = world.callees["bank"] = Told()
        done: list[int] = []

        def slow(request: Request) -> Program[Answer]:
            answer: Answer = yield Call("bank", REQUEST)
            done.append(answer.status)
            return answer

        world.callees["stripe"] = InProcess(world, "stripe", Servant(slow))
        assert await world.run(calls("stripe", 1_000)) is UNKNOWN
        assert done == []
        bank.answer.set_result(Answer(200))
        await world.drain()
        assert done == [200]

    run(scene)


def test_a_client_that_disconnects_does_not_stop_the_service() -> None:
    async def scene() -> None:
        world = LiveWorld()
        bank = world.callees["bank"] = Told()
        done: list[int] = []

        def slow(request: Request) -> Program[Answer]:
            answer: Answer = yield Call("bank", REQUEST)
            done.append(answer.status)
            return answer

        client = asyncio.create_task(world.answer("stripe", Servant(slow), REQUEST))
        await bank.called.wait()
        client.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client
        bank.answer.set_result(Answer(200))
        await world.drain()
        assert done == [200]

    run(scene)


def locking(world: LiveWorld, then: Callable[[], Program[Any]]) -> Program[Answer]:
    """Take an account's lock as the services do, and do something under it."""
    yield Acquire("acct1")
    try:
        yield from then()
    except Exception:
        yield Release("acct1")
        raise
    yield Release("acct1")
    return Answer(200)


def careless(then: Callable[[], Program[Any]]) -> Program[Answer]:
    """Take an account's lock and forget to give it back."""
    yield Acquire("acct1")
    yield from then()
    return Answer(200)


def nothing() -> Program[None]:
    yield from ()


def breaks() -> Program[None]:
    yield Wait(0)
    raise RuntimeError("the model broke")


def test_the_lock_of_an_account_serialises_its_programs() -> None:
    async def scene() -> None:
        world = LiveWorld(pace=0)
        inside: list[int] = []

        def visit() -> Program[None]:
            inside.append(len(world.locks))  # type: ignore[arg-type]
            count = len(inside)
            for _ in range(5):
                yield Wait(SECOND_US)
            assert len(inside) == count, "somebody came in meanwhile"

        await asyncio.gather(*(world.run(locking(world, visit)) for _ in range(4)))
        assert len(inside) == 4
        assert len(world.locks) == 0  # type: ignore[arg-type]

    run(scene)


@pytest.mark.parametrize("careful", [True, False])
def test_a_program_that_breaks_holds_nothing(careful: bool) -> None:
    async def scene() -> None:
        world = LiveWorld()
        program = locking(world, breaks) if careful else careless(breaks)
        with pytest.raises(RuntimeError, match="the model broke"):
            await world.run(program)
        assert len(world.locks) == 0  # type: ignore[arg-type]

    run(scene)


def test_a_program_that_forgot_its_lock_holds_nothing() -> None:
    async def scene() -> None:
        world = LiveWorld()
        assert (await world.run(careless(nothing))).status == 200
        assert len(world.locks) == 0  # type: ignore[arg-type]

    run(scene)


def test_a_program_that_is_cancelled_holds_nothing() -> None:
    async def scene() -> None:
        world = LiveWorld()
        bank = world.callees["bank"] = Told()
        task = asyncio.create_task(world.run(locking(world, lambda: calls("bank"))))
        await bank.called.wait()
        assert len(world.locks) == 1  # type: ignore[arg-type]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(world.locks) == 0  # type: ignore[arg-type]

    run(scene)


class Unavailable(MemoryLocks):
    """A database that is down."""

    async def acquire(self, key: str) -> Any:
        raise LockUnavailable("the database does not answer")


def test_a_lock_that_cannot_be_had_is_told_to_come_again(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        world = LiveWorld(Unavailable())
        answer = await world.answer("gateway", Servant(lambda request: locking(world, nothing)), REQUEST)
        assert answer.status == 503
        assert "the database does not answer" in answer.body["errors"][0]["message"]

    run(scene)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_store_that_cannot_be_read_is_told_to_come_again(at_once: bool) -> None:
    def reading(request: Request) -> Program[Answer]:
        if not at_once:
            yield Wait(0)
        raise LockUnavailable("the database does not answer")

    async def scene() -> None:
        answer = await LiveWorld().answer("gateway", Servant(reading), REQUEST)
        assert answer.status == 503
        assert "the database does not answer" in answer.body["errors"][0]["message"]

    run(scene)


@pytest.mark.parametrize("at_once", [True, False])
def test_what_breaks_is_a_500_in_the_form_of_the_service_and_one_line(
    at_once: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: Request) -> Program[Answer]:
        if not at_once:
            yield Wait(0)
        raise RuntimeError("secret of the model")

    async def scene() -> None:
        world = LiveWorld()
        stripe = await world.answer("stripe", Servant(broken), REQUEST)
        gateway = await world.answer("gateway", Servant(broken), REQUEST)
        assert (stripe.status, stripe.body["error"]["type"]) == (500, "api_error")
        assert (gateway.status, gateway.body["success"], gateway.body["result"]) == (500, False, None)
        assert "secret" not in str(stripe.body) + str(gateway.body)
        assert world.broken_count == 2

    with caplog.at_level(logging.INFO):
        run(scene)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        f"{name} broke at POST /somewhere: RuntimeError: secret of the model" for name in ("stripe", "gateway")
    ]


def test_what_is_spawned_runs_on_its_own_and_can_be_waited_for() -> None:
    async def scene() -> None:
        world = LiveWorld(pace=0.001)
        seen: list[str] = []

        def spawned(name: str) -> Program[None]:
            yield Wait(SECOND_US)
            seen.append(name)

        def spawning() -> Program[str]:
            yield Spawn(spawned("late"), 3 * SECOND_US)
            yield Spawn(spawned("now"))
            return "answered"

        assert await world.run(spawning()) == "answered"
        assert seen == []
        await world.drain()
        assert seen == ["now", "late"]
        assert world.lateness.count == 3

    run(scene)


def test_what_is_spawned_and_breaks_is_one_line_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        world = LiveWorld()
        world.start(breaks())
        await world.drain()
        assert world.broken_count == 1

    with caplog.at_level(logging.INFO):
        run(scene)
    assert [record.getMessage() for record in caplog.records] == [
        "what was started on its own broke: RuntimeError: the model broke"
    ]


def test_no_more_programs_are_started_than_there_may_be(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        world = LiveWorld(started_max=2)
        seen: list[int] = []

        def note(number: int) -> Program[None]:
            seen.append(number)
            yield from ()

        for number in range(3):
            world.start(note(number))
        await world.drain()
        assert (seen, world.refused_count) == ([0, 1], 1)

    run(scene)
    assert "another one was not started" in caplog.text


def test_closing_drops_what_waits_and_lets_end_what_is_under_way() -> None:
    async def scene() -> None:
        world = LiveWorld()
        bank = world.callees["bank"] = Told()
        seen: list[str] = []

        def paying() -> Program[None]:
            yield Acquire("acct1")
            yield Call("bank", REQUEST)
            seen.append("paid")
            yield Release("acct1")
            yield Wait(3_600 * SECOND_US)
            seen.append("waited")

        world.start(paying())
        world.start(calls("bank"), 3_600 * SECOND_US)
        await bank.called.wait()
        closing = asyncio.create_task(world.close(patience_s=5))
        await asyncio.sleep(0)
        bank.answer.set_result(Answer(200))
        await closing
        assert (seen, world.started_count, len(bank.requests)) == (["paid"], 0, 1)
        world.start(calls("bank"))
        assert world.started_count == 0

    run(scene)


def test_closing_does_not_wait_for_who_is_asleep() -> None:
    async def scene() -> None:
        world = LiveWorld()

        def sleeping() -> Program[None]:
            yield Acquire("acct1")
            yield Wait(3_600 * SECOND_US)

        world.start(sleeping())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await world.close(patience_s=3_600)
        assert world.started_count == 0
        assert len(world.locks) == 0  # type: ignore[arg-type]

    run(scene)


def test_closing_does_not_wait_for_ever() -> None:
    async def scene() -> None:
        world = LiveWorld()
        bank = world.callees["bank"] = Told()
        world.start(locking(world, lambda: calls("bank")))
        await bank.called.wait()
        await world.close(patience_s=0.01)
        assert world.started_count == 0
        assert len(world.locks) == 0  # type: ignore[arg-type]

    run(scene)


def test_a_reminder_rings_once_it_is_due() -> None:
    class Expiring:
        def __init__(self) -> None:
            self.rung: list[str] = []

        def handle(self, request: Request) -> Program[Answer]:
            raise NotImplementedError

        def on_alarm(self, account_id: str) -> Program[None]:
            self.rung.append(account_id)
            yield from ()

        def awaits_alarm(self, account_id: str) -> bool:
            return True

    async def scene() -> None:
        clock = LiveClock()
        world = LiveWorld(clock=clock)
        service = world.alarmed["subscriptions-api"] = Expiring()

        def reminded() -> Program[None]:
            for hours in (30, 23):
                yield Alarm("subscriptions-api", "acct1", clock.now_us + hours * 3_600 * SECOND_US)
            yield Alarm("subscriptions-api", "acct2", clock.now_us + 40 * 3_600 * SECOND_US)

        await world.run(reminded())
        assert world.sweep() == 0
        clock.advance(24 * 3_600)
        assert (world.sweep(), world.sweep()) == (1, 0)
        await world.drain()
        assert service.rung == ["acct1"]

    run(scene)


def test_a_visit_is_a_request_to_the_hosted_page() -> None:
    async def scene() -> None:
        world = LiveWorld()
        told = world.callees["stripe"] = Told()
        told.answer.set_result(Answer(303, None, {"location": "https://shop.test"}))

        def visiting() -> Program[Answer]:
            answer: Answer = yield Visit("http://127.0.0.1:1/hosted/3d_secure/pi_1", "complete")
            return answer

        assert (await world.run(visiting())).headers["location"] == "https://shop.test"
        [request] = told.requests
        assert (request.method, request.path, request.body) == (
            "POST",
            "/hosted/3d_secure/pi_1",
            {"outcome": "complete"},
        )

    run(scene)


def test_what_no_wire_carries_stays_in_the_process() -> None:
    async def scene() -> None:
        wire, inside = Told(), Told()
        for told in (wire, inside):
            told.answer.set_result(Answer(200))
        callee = OverWireUnlessInternal(wire, inside)
        internal = Request("POST", "/internal", RollBack.__new__(RollBack))
        await callee(REQUEST, 1)
        await callee(internal, 1)
        assert (wire.requests, inside.requests) == ([REQUEST], [internal])

    run(scene)


def test_the_clock_moves_forwards_only() -> None:
    clock = LiveClock()
    before_us = clock.now_us
    clock.advance(86_400)
    assert clock.now_us >= before_us + 86_400 * SECOND_US
    with pytest.raises(ValueError, match="forwards only: -1 s"):
        clock.advance(-1)


def test_people_can_be_hurried_and_programs_that_ask_again_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    slept_s: list[float] = []

    class NotedNap(live_world._Nap):
        def __init__(self, delay_s: float) -> None:
            slept_s.append(delay_s)
            super().__init__(0)

    def polls() -> Program[None]:
        yield Wait(4 * SECOND_US)
        yield Wait(2 * SECOND_US, needed=True)

    async def scene() -> None:
        monkeypatch.setattr(live_world, "_Nap", NotedNap)
        await LiveWorld(pace=0).run(polls())

    run(scene)
    assert slept_s == [0, 2]
