"""A Stripe double that is restarted: what it lived through comes back, and what was under way goes on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

import sim.deployment
from conformance.over_http.locks import LockUnavailable
from conformance.servers.remembered_stripe import RememberedStripe, StripeMemoryError
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variant_label, variants
from sim.deployment import SimulatedDeployment
from sim.effects import Call, Effect, Program, Spawn, Wait
from sim.facts import Fact, Journal
from sim.messages import UNKNOWN, Answer, Request
from sim.stripe import Delivery, DeliveryPolicy, PunctualDelivery, Stripe
from sim.stripe.credentials import READING_KEY
from sim.time import MINUTE_US, SECOND_US, Clock
from sim.world import WorldClock

SECRET, PUBLISHABLE = "sk_test_gatefall", "pk_test_gatefall"
MERCHANT = {"authorization": f"Bearer {SECRET}"}
WEBHOOK_SECRET = "whsec_test"
CUSTOMERS = 2
VARIANTS = variants(read_scenarios([]), None, CUSTOMERS)


class MemoryEntries:
    """Entries in a list; `full` makes writing fail."""

    def __init__(self, *entries: str) -> None:
        self.entries = list(entries)
        self.full = False

    async def read(self) -> Sequence[str]:
        return list(self.entries)

    async def append(self, first: int, entries: Sequence[str]) -> None:
        await asyncio.sleep(0)
        if self.full:
            raise LockUnavailable("the disk is full: try again")
        assert first == len(self.entries)
        self.entries.extend(entries)

    async def close(self) -> None:
        pass


class NoFacts(Journal):
    def note(self, *fact: Any, **named: Any) -> None:
        pass


def make(clock: Clock, journal: Journal, deliveries: DeliveryPolicy) -> Stripe:
    return Stripe(clock, journal, deliveries, webhook_secret=WEBHOOK_SECRET, lists_in_order=True)


def remembered(entries: MemoryEntries, clock: Clock, seed: str = "", **settings: Any) -> RememberedStripe:
    settings = {"make": make, "journal": NoFacts(clock), "deliveries": PunctualDelivery(), **settings}
    identity, keys = {"seed": seed}, [SECRET, PUBLISHABLE, READING_KEY]
    return RememberedStripe(clock=clock, entries=entries, identity=identity, keys=keys, **settings)


def restored(entries: MemoryEntries, clock: Clock, **settings: Any) -> tuple[RememberedStripe, list[Spawn]]:
    double = remembered(entries, clock, **settings)
    return double, asyncio.run(double.restore())


def everything(stripe: Stripe) -> Mapping[str, Any]:
    """All that a double holds, as it would show it."""
    ledger = stripe._ledger
    return {
        "objects": [
            [account.account_id, account.count, {name: item.render() for name, item in account.objects.items()}]
            for account in ledger.accounts()
        ],
        "events": [event.render() for event in ledger.events()],
        "keys": {
            key: [entry.method, entry.path, entry.body, entry.begun_us, entry.answer and entry.answer.body]
            for key, entry in stripe._keys._entries.items()
        },
        "endpoints": [endpoint.render() for endpoint in stripe._webhooks.endpoints.values()],
    }


# --- with all customers of the library ---------------------------------------------------------------------------


class Unforgetting(RememberedStripe):
    """In place of the double of a simulation, which forgets customers that are done with."""

    entries: MemoryEntries
    last: Unforgetting

    def __init__(self, clock: Clock, journal: Journal, deliveries: DeliveryPolicy, **settings: Any) -> None:
        super().__init__(
            lambda *parts: Stripe(*parts, **settings),
            clock,
            journal,
            deliveries,
            MemoryEntries(),
            {"seed": ""},
            [SECRET, PUBLISHABLE, READING_KEY],
        )
        asyncio.run(self.restore())
        self.intents_of = self.stripe.intents_of
        self.payment_methods_of = self.stripe.payment_methods_of
        self.type_of_payment_method = self.stripe.type_of_payment_method
        Unforgetting.last = self

    def forget(self, account_id: str) -> None:
        pass


def facts_of(variant: Variant) -> list[tuple[int, list[Fact]]]:
    histories: list[tuple[int, list[Fact]]] = []
    SimulatedDeployment(variant, 1).run(
        range(variant.scenario.customers.count),
        lambda number, account, facts: histories.append((number, list(facts))),
    )
    return histories


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: f"{one.scenario.name} {variant_label(one)}")
def test_remembering_changes_nothing_and_forgets_nothing(variant: Variant, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = facts_of(variant)
    monkeypatch.setattr(sim.deployment, "Stripe", Unforgetting)
    assert facts_of(variant) == plain
    lived = Unforgetting.last
    asyncio.run(lived.flush())
    assert isinstance(lived._entries, MemoryEntries)
    secret = next(iter(lived.stripe._webhooks.endpoints.values())).secret

    def again(clock: Clock, journal: Journal, deliveries: DeliveryPolicy) -> Stripe:
        return Stripe(clock, journal, deliveries, webhook_secret=secret)

    double, under_way = restored(lived._entries, WorldClock(0), make=again)
    assert everything(double.stripe) == everything(lived.stripe)
    assert len(under_way) == len(lived._started)


# --- on its own --------------------------------------------------------------------------------------------------


def ended(program: Program[Answer]) -> tuple[Answer, list[Spawn]]:
    """The answer of a request that waits for nothing, and what it set going."""
    spawns: list[Spawn] = []
    while True:
        try:
            effect = program.send(None)
        except StopIteration as stop:
            return stop.value, spawns
        assert isinstance(effect, Spawn)
        spawns.append(effect)


class Rig:
    """A double under test, its clock and its entries."""

    def __init__(self) -> None:
        self.clock = WorldClock(1_000_000)
        self.entries = MemoryEntries()
        self.double, _ = restored(self.entries, self.clock)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[Answer, list[Spawn]]:
        self.clock.now_us += 1_500
        return ended(self.double.handle(Request(method, path, body, {**MERCHANT, **headers})))

    def pay(self) -> tuple[str, Spawn]:
        """Pay something: the id of its intent, and the delivery of its success."""
        body = {"amount": "500", "currency": "usd", "confirm": "true", "payment_method": "pm_card_visa"}
        body["return_url"] = "https://example.test"
        answer, spawns = self.ask("POST", "/v1/payment_intents", body)
        assert answer.status == 200, answer.body
        return answer.body["id"], spawns[-1]

    def restart(self, pause_us: int = 0) -> list[Spawn]:
        asyncio.run(self.double.flush())
        self.clock.now_us += pause_us
        self.double, spawns = restored(self.entries, self.clock)
        return spawns


def call_of(effect: Effect) -> Call:
    assert isinstance(effect, Call)
    return effect


def test_a_delivery_that_waits_is_made_after_the_restart_when_it_is_due() -> None:
    rig = Rig()
    rig.pay()
    (again,) = rig.restart(SECOND_US // 2)
    assert again.delay_us == SECOND_US // 2
    event = json.loads(call_of(again.program.send(None)).request.body)
    assert event["type"] == "payment_intent.succeeded"


def test_a_delivery_that_is_late_by_the_restart_is_made_at_once() -> None:
    rig = Rig()
    rig.pay()
    (again,) = rig.restart(MINUTE_US)
    assert again.delay_us == 0


def test_a_delivery_on_its_way_is_made_again_and_one_that_arrived_is_not() -> None:
    rig = Rig()
    _, delivery = rig.pay()
    before = call_of(delivery.program.send(None)).request.body
    (again,) = rig.restart()
    assert again.delay_us == 0
    assert call_of(again.program.send(None)).request.body == before
    with pytest.raises(StopIteration):
        again.program.send(Answer(200))
    assert rig.restart() == []


@pytest.mark.parametrize("answer", [UNKNOWN, Answer(503)])
def test_a_delivery_that_failed_waits_on_for_its_next_attempt(answer: Answer) -> None:
    rig = Rig()
    _, delivery = rig.pay()
    delivery.program.send(None)
    assert isinstance(delivery.program.send(answer), Wait)
    (again,) = rig.restart(SECOND_US)
    assert again.delay_us == MINUTE_US - SECOND_US
    rig.clock.now_us += again.delay_us
    call_of(again.program.send(None))
    waits = again.program.send(answer)
    assert isinstance(waits, Wait)
    assert waits.delay_us == 2 * MINUTE_US


def test_what_a_restart_left_goes_on_through_the_next_restart() -> None:
    rig = Rig()
    _, delivery = rig.pay()
    delivery.program.send(None)
    for _ in range(3):
        (again,) = rig.restart()
        call_of(again.program.send(None))
    with pytest.raises(StopIteration):
        again.program.send(Answer(200))
    assert rig.restart() == []


def test_ids_go_on_where_they_stood() -> None:
    rig = Rig()
    first, _ = rig.pay()
    rig.ask("GET", f"/v1/payment_intents/{first}")
    rig.ask("GET", "/v1/payment_intents/none")
    rig.restart()
    second, _ = rig.pay()
    straight = Rig()
    assert straight.pay()[0] == first
    straight.ask("GET", f"/v1/payment_intents/{first}")
    straight.ask("GET", "/v1/payment_intents/none")
    assert straight.pay()[0] == second


def test_an_idempotency_key_answers_the_same_after_a_restart() -> None:
    rig = Rig()
    first, _ = rig.ask("POST", "/v1/customers", {"name": "A"}, **{"idempotency-key": "k"})
    rig.restart()
    again, _ = rig.ask("POST", "/v1/customers", {"name": "A"}, **{"idempotency-key": "k"})
    assert again.body == first.body
    assert again.headers["idempotent-replayed"] == "true"


def test_every_key_is_the_same_after_a_restart_and_none_is_kept() -> None:
    rig = Rig()
    rig.pay()
    for credential in (
        f"Bearer {PUBLISHABLE}",
        f"Bearer {READING_KEY}",
        "Bearer sk_live_somebody",
        "Basic c2tfdGVzdF9nYXRlZmFsbDo=",
        "Basic !",
        "nonsense",
    ):
        rig.ask("POST", "/v1/customers", {"name": credential[-4:]}, authorization=credential)
    before = everything(rig.double.stripe)
    rig.restart()
    assert everything(rig.double.stripe) == before
    kept = "\n".join(rig.entries.entries)
    assert "sk_live" not in kept
    assert SECRET not in kept


def test_policies_are_not_asked_about_the_past() -> None:
    class Twice(PunctualDelivery):
        def copies(self, account_id: str, event_id: str, event_type: str) -> Sequence[Delivery]:
            return (Delivery(5), Delivery(7, lost=True))

    rig = Rig()
    rig.pay()
    asyncio.run(rig.double.flush())
    double, spawns = restored(rig.entries, rig.clock, deliveries=Twice())
    assert len(spawns) == 1
    rig.double = double
    _, _ = rig.pay()
    asyncio.run(rig.double.flush())
    _, spawns = restored(rig.entries, rig.clock)
    assert len(spawns) == 3


def test_a_delivery_that_was_swallowed_stays_swallowed_after_a_restart() -> None:
    class Swallowing(PunctualDelivery):
        def copies(self, account_id: str, event_id: str, event_type: str) -> Sequence[Delivery]:
            return (Delivery(SECOND_US, swallowed=True),)

    rig = Rig()
    rig.double, _ = restored(rig.entries, rig.clock, deliveries=Swallowing())
    rig.pay()
    (again,) = rig.restart()
    with pytest.raises(StopIteration):
        again.program.send(None)
    before = everything(rig.double.stripe)
    assert rig.restart() == []
    assert everything(rig.double.stripe) == before


def test_facts_of_the_past_are_not_told_again() -> None:
    told: list[Any] = []

    class Telling(Journal):
        def note(self, *fact: Any, **named: Any) -> None:
            told.append(fact)

    rig = Rig()
    rig.pay()
    asyncio.run(rig.double.flush())
    rig.double, _ = restored(rig.entries, rig.clock, journal=Telling(rig.clock))
    assert told == []
    rig.pay()
    assert told


# --- keeping -----------------------------------------------------------------------------------------------------


def test_what_cannot_be_kept_yet_is_told_and_kept_later_in_order() -> None:
    rig = Rig()
    rig.entries.full = True
    rig.pay()
    for _ in range(2):
        with pytest.raises(LockUnavailable):
            asyncio.run(rig.double.flush())
        rig.pay()
    rig.entries.full = False
    before = everything(rig.double.stripe)
    rig.restart()
    assert everything(rig.double.stripe) == before


def test_those_who_flush_at_once_write_once() -> None:
    rig = Rig()
    rig.pay()

    async def scene() -> None:
        await asyncio.gather(*[rig.double.flush() for _ in range(5)])

    asyncio.run(scene())
    before = everything(rig.double.stripe)
    rig.restart()
    assert everything(rig.double.stripe) == before


def lines_of(rig: Rig) -> Iterator[dict[str, Any]]:
    return map(json.loads, rig.entries.entries)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"answered": [200, "pi_other"]}, r"entry 1: \['POST', '/v1/payment_intents'\] is answered differently"),
        ({"request": ["POST", "/v1/nothing", None, {}, {}]}, "is answered differently"),
        ({"request": ["POST"]}, "entry 1: ValueError"),
        ({"decided": []}, "entry 1: "),
    ],
)
def test_a_past_that_does_not_repeat_itself_is_refused(change: dict[str, Any], words: str) -> None:
    rig = Rig()
    rig.pay()
    asyncio.run(rig.double.flush())
    lines = list(lines_of(rig))
    lines[1] |= change
    with pytest.raises(StripeMemoryError, match=words) as refused:
        restored(MemoryEntries(*map(json.dumps, lines)), rig.clock)
    assert "use that version, or an empty database" in str(refused.value)


def test_a_memory_of_another_seed_or_format_is_refused() -> None:
    rig = Rig()
    with pytest.raises(StripeMemoryError, match="was begun with seed '', this one has '7': use the same"):
        restored(rig.entries, rig.clock, seed="7")
    with pytest.raises(StripeMemoryError, match="of format 99"):
        restored(MemoryEntries('{"format": 99}'), rig.clock)
