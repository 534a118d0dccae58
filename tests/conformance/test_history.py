"""Histories: facts by kind, and the views that properties share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conformance.subscription_timeline import SubscriptionTimeline

Told = Callable[..., Any]


def subscription(told: Any, name: str) -> SubscriptionTimeline:
    found = told.history().subscription(name)
    assert found is not None
    return found


def test_facts_are_found_by_kind_in_order(story: Told) -> None:
    history = story().plain().history()
    assert [fact.state for fact in history.of("intent")] == ["requires_payment_method", "succeeded"]
    assert list(history.of("no-such-kind")) == []
    assert "no-such-kind" not in history.by_kind


def test_a_subscription_is_tied_to_the_intent_that_pays_it(story: Told) -> None:
    found = subscription(story().plain(), "s1")
    assert [intent.id for intent in found.base_intents] == ["pi_1"]
    assert found.change_intents == []
    assert (found.rate_plan, found.state, found.due_minor, found.active_at_end) == (
        "workers_paid",
        "Provisioned",
        500,
        True,
    )
    assert len(found.exact) == 3
    assert len(found.shown) == 1


def test_what_stood_at_the_start_has_only_changes(story: Told) -> None:
    found = subscription(story().in_force().begin().upgrading(), "s0")
    assert found.given
    assert found.base_intents == []
    assert [intent.id for intent in found.change_intents] == ["pi_2"]


def test_a_change_of_something_bought_before_is_told_from_its_purchase(story: Told) -> None:
    told = story().plain()
    told.tell(
        100, "intent", "pi_2", state="requires_payment_method", amount_minor=9, detail={"subscription_ids": ["s1"]}
    )
    told.tell(100, "plan", "s1", state="change_waiting", amount_minor=500, detail={"rate_plan": "workers_paid"})
    found = subscription(told, "s1")
    assert [intent.id for intent in found.base_intents] == ["pi_1"]
    assert [intent.id for intent in found.change_intents] == ["pi_2"]


def test_requests_and_answers_are_put_together(story: Told) -> None:
    history = story().plain().history()
    assert list(history.exchanges) == ["r1"]  # the poll is left out
    exchange = history.exchanges["r1"]
    assert exchange.accepted
    assert exchange.idempotency_key == "k1"
    assert not exchange.off_session
    assert exchange.brings_payment_method is False
    assert [fact.subject for fact in exchange.subscriptions] == ["s1"]
    assert history.shown_in("a1") == ["s1"]


def test_an_intents_timeline(story: Told) -> None:
    intent = story().plain().history().intents["pi_1"]
    assert intent.succeeded
    assert intent.success_us == 39_500_000
    assert not intent.succeeded_by(39_499_999)
    assert intent.state_at(39_499_999) == "requires_payment_method"
    assert intent.state_at(0) is None
    assert (intent.amount_minor, intent.received_minor, intent.refunded_minor) == (500, 500, 0)
    assert intent.paid_with == "pm_1"


def test_a_client_may_be_all_who_knows_of_a_success(story: Told) -> None:
    told = story().begin().tell(40, "confirm", "pi_1", related="a1", state="succeeded", status=200)
    intent = told.history().intents["pi_1"]
    assert intent.succeeded
    assert intent.success_us is None


def test_only_a_drained_history_has_settled(story: Told) -> None:
    assert story().plain().history().settled
    assert not story().plain().alter("settled", state="cut_off").history().settled
    assert not story().plain().drop("settled").history().settled
