from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scenarios.scenario import Fault
from sim.effects import Acquire, Alarm, Call, Program, Release, Spawn, Wait
from sim.facts import Journal
from sim.faults import FaultPlan
from sim.messages import Answer, Request
from sim.network import IMMEDIATE, Latency, Network
from sim.principal import Principal
from sim.purposes import Purpose
from sim.streams import Streams
from sim.workers import Workers
from sim.world import ModelError, World

SECOND = 1_000_000


class Scripted:
    """A service whose handler is given."""

    def __init__(self, handler: Callable[[Request], Program[Answer]]) -> None:
        self.handle = handler


class Constant(Network):
    """The same legs for every call to the services named."""

    def __init__(self, **legs: tuple[int, int]) -> None:
        super().__init__({})
        self._constant = legs

    def legs(self, service: str, request: Request, streams: Streams) -> tuple[int, int]:
        return self._constant.get(service, (0, 0))


def principal(customer: int = 0) -> Principal:
    return Principal(customer, f"acct{customer:08d}", Streams(1, customer))


def echo(request: Request) -> Program[Answer]:
    return Answer(200, request.body)
    yield


def test_a_call_takes_its_two_legs() -> None:
    world = World(Constant(api=(3, 4)))
    acted: list[int] = []

    def handler(request: Request) -> Program[Answer]:
        acted.append(world.clock.now_us)
        return Answer(200)
        yield

    world.services["api"] = Scripted(handler)
    seen: list[tuple[int, int]] = []

    def customer() -> Program[None]:
        yield Wait(10)
        answer = yield Call("api", Request("GET", "/"))
        seen.append((world.clock.now_us, answer.status))

    world.start(principal(), customer())
    world.run()
    assert acted == [13]
    assert seen == [(17, 200)]


def test_nested_calls_return_inside_out() -> None:
    world = World(Constant(outer=(1, 1), inner=(10, 10)))

    def outer(request: Request) -> Program[Answer]:
        answer = yield Call("inner", Request("GET", "/", body="x"))
        return Answer(201, answer.body + "y")

    world.services = {"outer": Scripted(outer), "inner": Scripted(echo)}
    seen: list[Any] = []

    def customer() -> Program[None]:
        answer = yield Call("outer", Request("GET", "/"))
        seen.append((world.clock.now_us, answer.status, answer.body))

    world.start(principal(), customer())
    world.run()
    assert seen == [(22, 201, "xy")]


def test_a_caller_that_gave_up_knows_nothing_and_the_callee_goes_on() -> None:
    world = World(Constant(api=(5, 5)))
    done: list[int] = []

    def slow(request: Request) -> Program[Answer]:
        yield Wait(100)
        done.append(world.clock.now_us)
        return Answer(200)

    world.services["api"] = Scripted(slow)
    seen: list[tuple[int, bool]] = []

    def customer() -> Program[None]:
        answer = yield Call("api", Request("GET", "/"), timeout_us=50)
        seen.append((world.clock.now_us, answer.unknown))

    world.start(principal(), customer())
    world.run()
    assert seen == [(50, True)]
    assert done == [105]


def test_the_inner_deadline_strikes_first_and_the_outer_caller_hears_the_rest() -> None:
    world = World(Constant(api=(0, 0), stripe=(500, 0)))

    def api(request: Request) -> Program[Answer]:
        answer = yield Call("stripe", Request("POST", "/"), timeout_us=100)
        return Answer(503 if answer.unknown else 200)

    world.services = {"api": Scripted(api), "stripe": Scripted(echo)}
    seen: list[tuple[int, int]] = []

    def customer() -> Program[None]:
        answer = yield Call("api", Request("GET", "/"), timeout_us=400)
        seen.append((world.clock.now_us, answer.status))

    world.start(principal(), customer())
    world.run()
    assert seen == [(100, 503)]


def test_the_outer_deadline_may_strike_before_the_inner_one() -> None:
    world = World(Constant(stripe=(500, 0)))
    heard: list[int] = []

    def api(request: Request) -> Program[Answer]:
        answer = yield Call("stripe", Request("POST", "/"), timeout_us=1000)
        heard.append(world.clock.now_us)
        return Answer(answer.status)

    world.services = {"api": Scripted(api), "stripe": Scripted(echo)}
    seen: list[tuple[int, bool]] = []

    def customer() -> Program[None]:
        answer = yield Call("api", Request("GET", "/"), timeout_us=400)
        seen.append((world.clock.now_us, answer.unknown))

    world.start(principal(), customer())
    world.run()
    assert seen == [(400, True)]
    assert heard == [500]


def test_an_answer_on_its_way_back_can_be_too_late() -> None:
    world = World(Constant(api=(10, 100)))
    world.services["api"] = Scripted(echo)
    seen: list[tuple[int, bool]] = []

    def customer() -> Program[None]:
        answer = yield Call("api", Request("GET", "/"), timeout_us=50)
        seen.append((world.clock.now_us, answer.unknown))

    world.start(principal(), customer())
    world.run()
    assert seen == [(50, True)]


def test_locks_are_first_come_first_served() -> None:
    world = World(IMMEDIATE)
    order: list[tuple[str, int]] = []

    def worker(name: str) -> Program[None]:
        yield Acquire("account")
        order.append((name, world.clock.now_us))
        yield Wait(10)
        yield Release("account")

    for delay, name in enumerate("abc"):
        world.start(principal(), worker(name), delay)
    world.run()
    assert order == [("a", 0), ("b", 10), ("c", 20)]
    assert world.locks == {}


def test_waiting_for_a_lock_can_time_out_without_losing_the_lock() -> None:
    world = World(IMMEDIATE)

    def locked(request: Request) -> Program[Answer]:
        yield Acquire("account")
        yield Wait(100)
        yield Release("account")
        return Answer(200)

    world.services["api"] = Scripted(locked)
    seen: list[tuple[str, int, int]] = []

    def customer(name: str, timeout_us: int) -> Program[None]:
        answer = yield Call("api", Request("POST", "/"), timeout_us=timeout_us)
        seen.append((name, world.clock.now_us, answer.status))

    world.start(principal(), customer("first", 1000))
    world.start(principal(), customer("impatient", 30))
    world.start(principal(), customer("patient", 1000))
    world.run()
    assert seen == [("impatient", 30, 0), ("first", 100, 200), ("patient", 300, 200)]
    assert world.locks == {}


def test_two_workers_serve_two_and_the_third_waits() -> None:
    world = World(Constant(api=(1, 1)), workers={"api": Workers(2, 10, exponential=False)})
    world.services["api"] = Scripted(echo)
    seen: list[int] = []

    def customer() -> Program[None]:
        yield Call("api", Request("GET", "/"))
        seen.append(world.clock.now_us)

    for _ in range(3):
        world.start(principal(), customer())
    world.run()
    assert seen == [12, 12, 22]


@pytest.mark.parametrize(("awaited", "rings", "quiet_at_us"), [(True, [("acct00000000", 77)], 77), (False, [], 8)])
def test_quiet_is_told_once_when_programs_and_awaited_alarms_are_over(
    awaited: bool, rings: list[tuple[str, int]], quiet_at_us: int
) -> None:
    quiet: list[tuple[int, int]] = []
    world = World(IMMEDIATE, on_quiet=lambda one: quiet.append((one.customer, world.clock.now_us)))
    rang: list[tuple[str, int]] = []

    class Alarmed(Scripted):
        def on_alarm(self, account_id: str) -> Program[None]:
            rang.append((account_id, world.clock.now_us))
            return
            yield

        def awaits_alarm(self, account_id: str) -> bool:
            return awaited

    world.services["api"] = Alarmed(echo)

    def tab() -> Program[None]:
        yield Wait(5)

    def customer() -> Program[None]:
        yield Spawn(tab(), 3)
        yield Alarm("api", "acct00000000", 77)

    world.start(principal(), customer())
    world.run()
    assert rang == rings
    assert quiet == [(0, quiet_at_us)]


class Reminded(Scripted):
    """A service that wants every alarm of the accounts named, and keeps when each rang."""

    def __init__(self, world: World, *accounts: str) -> None:
        super().__init__(echo)
        self.rang: list[tuple[str, int]] = []
        self._world = world
        self._accounts = accounts

    def on_alarm(self, account_id: str) -> Program[None]:
        self.rang.append((account_id, self._world.clock.now_us))
        if account_id == "again" and len(self.rang) == 1:
            yield Alarm("api", account_id, 10)
            yield Alarm("api", account_id, 60)

    def awaits_alarm(self, account_id: str) -> bool:
        return account_id in self._accounts


def alarm(account_id: str, *times_us: int) -> Program[None]:
    for at_us in times_us:
        yield Alarm("api", account_id, at_us)


def test_alarms_ring_at_their_times_whatever_the_order_of_setting_them() -> None:
    world = World(IMMEDIATE)
    service = world.services["api"] = Reminded(world, "a", "b")
    world.start(principal(0), alarm("a", 90, 30, 90))
    world.start(principal(1), alarm("b", 50, 30, 70), delay_us=5)
    world.run()
    assert service.rang == [("a", 30), ("b", 30), ("b", 50), ("b", 70), ("a", 90), ("a", 90)]


def test_dropped_alarms_do_not_keep_later_ones_from_ringing() -> None:
    world = World(IMMEDIATE)
    service = world.services["api"] = Reminded(world, "b")
    world.start(principal(0), alarm("a", 20, 40, 60))
    world.start(principal(1), alarm("b", 50))
    world.run()
    assert service.rang == [("b", 50)]


def test_an_alarm_may_set_others_and_one_of_the_past_rings_at_once() -> None:
    world = World(IMMEDIATE)
    service = world.services["api"] = Reminded(world, "again")
    world.start(principal(), alarm("again", 59))
    world.run()
    assert service.rang == [("again", 59), ("again", 59), ("again", 60)]


def test_feed_starts_arrivals_at_their_times() -> None:
    world = World(IMMEDIATE)
    seen: list[tuple[int, int]] = []

    def customer(number: int) -> Program[None]:
        seen.append((number, world.clock.now_us))
        return
        yield

    world.feed((number * 7, principal(number), customer(number)) for number in range(4))
    world.run()
    assert seen == [(0, 0), (1, 7), (2, 14), (3, 21)]


def test_a_broken_program_names_customer_time_and_operation() -> None:
    world = World(IMMEDIATE)

    def broken(request: Request) -> Program[Answer]:
        raise KeyError("price")
        yield

    world.services["api"] = Scripted(broken)

    def customer() -> Program[None]:
        yield Wait(9)
        yield Call("api", Request("POST", "/", operation="bulk_create"))

    world.start(principal(4), customer())
    with pytest.raises(ModelError, match=r"customer 4 at 9 us while handling bulk_create: KeyError\('price'\)"):
        world.run()


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(kind="error", service="gateway", status=503, first=1), [(503, 0), (200, 1)]),
        (Fault(kind="drop_request", service="gateway", first=1), [(0, 0), (200, 1)]),
        (Fault(kind="drop_answer", service="gateway", first=1), [(0, 1), (200, 2)]),
        (Fault(kind="error", service="gateway", status=500, operation="other"), [(200, 1), (200, 2)]),
        (Fault(kind="error", service="gateway", status=500, after=10**9), [(200, 1), (200, 2)]),
        (Fault(kind="error", service="gateway", status=500, probability=0.0), [(200, 1), (200, 2)]),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_faults_strike_calls(fault: Fault, expected: list[tuple[int, int]]) -> None:
    """Each pair: the status the caller got, and how many requests had been handled by then."""
    fault = Fault.model_construct(**{**fault.model_dump(), "service": "api"})
    world = World(Constant(api=(1, 1)))
    world.faults = FaultPlan([fault], Journal(world.clock))
    handled: list[int] = []

    def count(request: Request) -> Program[Answer]:
        handled.append(1)
        return Answer(200)
        yield

    world.services["api"] = Scripted(count)
    seen: list[tuple[int, int]] = []

    def customer() -> Program[None]:
        for _ in range(2):
            answer = yield Call("api", Request("POST", "/", operation="bulk_create"))
            seen.append((answer.status, len(handled)))

    world.start(principal(), customer())
    world.run()
    assert seen == expected


def test_latencies_follow_their_median_and_95th_percentile() -> None:
    network = Network({"api": Latency(100_000, 400_000, Purpose.LATENCY_GATEWAY)})
    totals = sorted(sum(network.legs("api", Request("GET", "/"), Streams(3, number))) for number in range(4000))
    assert totals[2000] == pytest.approx(100_000, rel=0.05)
    assert totals[3800] == pytest.approx(400_000, rel=0.1)


def test_charging_in_the_creation_takes_as_long_as_a_confirmation() -> None:
    def median_us(operation: str, body: dict[str, object]) -> int:
        request = Request("POST", "/v1/payment_intents", body, operation=operation)
        totals = sorted(sum(Network().legs("stripe", request, Streams(3, number))) for number in range(2000))
        return totals[1000]

    assert 460_000 < median_us("create_payment_intent", {"amount": 500}) < 540_000
    charged = median_us("create_payment_intent", {"amount": 500, "confirm": True})
    assert charged == median_us("confirm_payment_intent", {})
    assert 1_100_000 < charged < 1_300_000
