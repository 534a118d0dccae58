"""Storms: drawn by lot for each customer, the same for the same seed, told, and over when they are over."""

from __future__ import annotations

import pytest

from scenarios.reading import read_scenarios
from scenarios.scenario import Fault, Scenario, Storm, StormKind, Variant
from scenarios.variants import variants
from sim.deliveries import Deliveries
from sim.deployment import SimulatedDeployment
from sim.facts import Fact, Journal
from sim.faults import FaultPlan, error_answer
from sim.principal import Principal
from sim.storm import Storms, drawn_faults
from sim.streams import Streams
from sim.time import HOUR_US, MINUTE_US, SECOND_US
from sim.world import WorldClock

STORM = Storm(until=2 * HOUR_US, after=MINUTE_US, probability=0.4, longest_delay=MINUTE_US)
SEED = 3


def drawn(customer: int, storm: Storm = STORM, seed: int = SEED) -> list[Fault]:
    return [fault for _, fault in drawn_faults(storm, Streams(seed, customer))]


def stories(name: str, customers: int, phase: int = 4) -> list[list[Fact]]:
    [variant] = variants(read_scenarios([name]), [phase], customers)
    return run(variant)


def run(variant: Variant) -> list[list[Fact]]:
    found: list[list[Fact]] = []
    count = variant.scenario.customers.count
    SimulatedDeployment(variant, SEED).run(range(count), lambda _number, _account, facts: found.append(facts))
    return found


def test_the_same_customer_meets_the_same_storm_and_another_one_another() -> None:
    assert drawn(5) == drawn(5)
    assert len({tuple(fault.kind for fault in drawn(customer)) for customer in range(50)}) > 40
    assert drawn(5) != drawn(5, seed=SEED + 1)


def test_every_kind_is_a_toss_of_a_coin() -> None:
    count = 400
    kinds = [fault.kind for customer in range(count) for fault in drawn(customer)]
    for kind in STORM.kinds:
        assert 0.4 < kinds.count(kind) / count < 0.6, kind


def test_what_is_drawn_stays_within_what_the_storm_allows() -> None:
    faults = [fault for customer in range(200) for fault in drawn(customer)]
    for fault in faults:
        assert fault.after is not None
        assert fault.until is not None
        assert STORM.after <= fault.after < fault.until <= STORM.until
        assert fault.first is not None or fault.kind == "outage" or 0 < fault.probability <= STORM.probability
        assert fault.delay is None or 100_000 <= fault.delay <= STORM.longest_delay
    assert {fault.first for fault in faults} == {None, 1, 2, 3}
    assert {fault.status for fault in faults if fault.kind == "error"} == {500, 502, 503, 504}
    assert {fault.service for fault in faults if fault.kind == "rate_limit"} == {"gateway", "stripe"}
    assert all((fault.service is None) == fault.kind.startswith("webhook_") for fault in faults)


def test_only_the_kinds_that_are_named_are_drawn_and_another_kind_changes_nothing() -> None:
    one = STORM.model_copy(update={"kinds": ("webhook_drop",)})
    other = STORM.model_copy(update={"kinds": ("latency", "webhook_drop")})
    for customer in range(20):
        assert {fault.kind for fault in drawn(customer, one)} <= {"webhook_drop"}
        assert [fault for fault in drawn(customer, other) if fault.kind == "webhook_drop"] == drawn(customer, one)


def test_what_was_drawn_is_told_before_the_customer_acts() -> None:
    for facts in stories("storm-checkout", 12):
        storm = [fact for fact in facts if fact.kind == "storm"]
        assert storm
        assert max(facts.index(fact) for fact in storm) < [fact.kind for fact in facts].index("attempt")
        kinds = {fact.state for fact in storm}
        assert {fact.state for fact in facts if fact.kind == "fault"} <= kinds


def test_a_customer_whom_nothing_befalls_is_told_to_be_calm() -> None:
    clock = WorldClock(0)
    journal = Journal(clock)
    calm = next(customer for customer in range(99) if not drawn(customer, _only("latency")))
    Storms(_only("latency"), journal).note("acct", Streams(SEED, calm))
    [fact] = journal.close("acct")
    assert (fact.kind, fact.state) == ("storm", "calm")


def _only(kind: StormKind) -> Storm:
    return STORM.model_copy(update={"kinds": (kind,)})


def test_nothing_strikes_once_the_storm_is_over() -> None:
    struck = [fact.time_us for facts in stories("storm-checkout", 60) for fact in facts if fact.kind == "fault"]
    assert struck
    assert max(struck) < 2 * HOUR_US


def test_a_storm_in_which_all_is_quiet_is_the_world_without_one() -> None:
    """Its draws have purposes of their own, so that nothing else changes."""
    [variant] = variants(read_scenarios(["a-normal-week"]), [4], 10)
    later = Storm(until=30 * 24 * HOUR_US, after=29 * 24 * HOUR_US)
    stormy = variant.model_copy(update={"scenario": variant.scenario.model_copy(update={"storm": later})})
    without = [[fact for fact in facts if fact.kind != "storm"] for facts in run(stormy)]
    assert without == run(variant)


def test_a_customer_alone_meets_what_the_customer_met_among_others() -> None:
    [variant] = variants(read_scenarios(["storm-services"]), [4], 9)
    alone: list[list[Fact]] = []
    SimulatedDeployment(variant, SEED).run([7], lambda _number, _account, facts: alone.append(facts))
    assert alone == [run(variant)[_position_of(variant, 7)]]


def _position_of(variant: Variant, customer: int) -> int:
    order: list[int] = []
    count = variant.scenario.customers.count
    SimulatedDeployment(variant, SEED).run(range(count), lambda number, _account, _facts: order.append(number))
    return order.index(customer)


# --- the kinds that storms brought along ------------------------------------------------------------------------------


def test_a_rate_limit_says_when_to_come_again() -> None:
    answer = error_answer("gateway", 429, 7 * SECOND_US)
    assert (answer.status, answer.headers["retry-after"], answer.body["errors"][0]["code"]) == (429, "7", 971)
    assert error_answer("stripe", 429).headers == {"retry-after": "5"}
    assert error_answer("stripe", 429).body["error"]["code"] == "rate_limit"


def test_an_outage_befalls_every_operation_within_its_window() -> None:
    clock = WorldClock(0)
    outage = Fault(kind="outage", service="stripe", after=10 * SECOND_US, until=20 * SECOND_US)
    plan = FaultPlan([outage], Journal(clock))
    principal = Principal(0, "acct", Streams(SEED, 0))

    def status_at(second: int, service: str = "stripe") -> int | None:
        strike = plan.strike(service, "create_refund", principal, second * SECOND_US)
        return None if strike is None or strike.answer is None else strike.answer.status

    assert [status_at(second) for second in (9, 10, 19, 20)] == [None, 503, 503, None]
    assert status_at(15, "gateway") is None


def test_what_was_lost_unnoticed_is_sent_again_later() -> None:
    clock = WorldClock(0)
    streams = Streams(SEED, 0)
    fault = Fault(kind="webhook_resend", delay=MINUTE_US, first=1)
    deliveries = Deliveries([fault], lambda _: streams, Journal(clock), clock, lambda _: SECOND_US)
    first, again = deliveries.copies("acct", "evt_1", "payment_intent.succeeded")
    assert (first.swallowed, first.lost, first.delay_us) == (True, False, SECOND_US)
    assert (again.swallowed, again.lost, again.delay_us) == (False, False, SECOND_US + MINUTE_US)
    [usual] = deliveries.copies("acct", "evt_2", "payment_intent.succeeded")
    assert not usual.swallowed


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (Fault(kind="webhook_drop", first=2), [True, True, False, False, False, False]),
        (Fault(kind="webhook_drop", after=2 * SECOND_US), [False, False, True, True, True, True]),
        (Fault(kind="webhook_drop", until=3 * SECOND_US), [True, True, True, False, False, False]),
        (Fault(kind="webhook_drop", first=1, after=2 * SECOND_US), [False, False, True, False, False, False]),
        (
            Fault(kind="webhook_drop", after=SECOND_US, until=3 * SECOND_US, probability=0.0),
            [False, False, False, False, False, False],
        ),
    ],
)
def test_probability_first_and_window_combine(fault: Fault, struck: list[bool]) -> None:
    """Whether each of six events, a second apart, is lost; the run began an hour after the clock did."""
    clock = WorldClock(HOUR_US)
    streams = Streams(SEED, 0)
    deliveries = Deliveries([fault], lambda _: streams, Journal(clock), clock, begun_us=HOUR_US)
    seen = []
    for second in range(6):
        clock.now_us = HOUR_US + second * SECOND_US
        seen.append(deliveries.copies("acct", f"evt_{second}", "charge.succeeded")[0].lost)
    assert seen == struck


def test_events_that_were_lost_unnoticed_converge_when_they_are_sent_again() -> None:
    scenario = Scenario(
        name="resent",
        title="Lost, then sent again",
        faults=(Fault(kind="webhook_resend", delay=30 * MINUTE_US),),
    )
    variant = Variant(
        scenario=scenario.model_copy(update={"customers": scenario.customers.model_copy(update={"count": 10})}),
        file="resent.yaml",
        phase=4,
        regime="continuation",
        front_end="new",
        pm_gate=False,
    )
    swallowed = 0
    for facts in run(variant):
        swallowed += sum(fact.state == "swallowed" for fact in facts)
        paid = [fact for fact in facts if fact.kind == "final_intent" and fact.state == "succeeded"]
        ends = [fact.state for fact in facts if fact.kind == "final_subscription"]
        assert not paid or "Provisioned" in ends
    assert swallowed > 5
