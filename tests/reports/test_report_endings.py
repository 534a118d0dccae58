"""What counts as converted, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from reports.drift import read_drift
from reports.endings import read_endings


def converted(story: Any) -> list[bool]:
    return [ending.converted for ending in read_endings(story.history)]


def test_granted_without_payment_is_not_converted(story: Any) -> None:
    granted = story().attempt(1).final(intent_state="requires_payment_method")
    assert converted(granted) == [False]
    assert read_drift(granted.history) == (1, 1, 0)


def test_paid_without_entitlement_is_not_converted_but_its_payment_time_is_known(story: Any) -> None:
    paid = story().attempt(1).note(31, "stripe", "intent", "pi_1", state="succeeded").final(entitlement=None)
    (ending,) = read_endings(paid.history)
    assert (ending.converted, ending.payment_us) == (False, 30_000_000)
    assert read_drift(paid.history).subscriptions == 1


def test_paid_after_it_expired_and_not_refunded_is_drift(story: Any) -> None:
    assert read_drift(story().attempt(1).final(state="Expired", entitlement=None).history) == (1, 0, 1)


def test_nothing_due_converts_when_provisioned(story: Any) -> None:
    free = story().attempt(1).note(3, "subscriptions-api", "entitlement", "sub1", state="active").final(intent=None)
    (ending,) = read_endings(free.history)
    assert (ending.converted, ending.payment_us, ending.entitlement_us) == (True, 2_000_000, 0)


@pytest.mark.parametrize(("plans", "expected"), [(["workers_paid", "images"], True), (["workers_paid"] * 2, False)])
def test_a_cart_converts_as_a_whole(story: Any, plans: list[str], expected: bool) -> None:
    """Two of one product are not one of each: a line bought twice does not stand for the one that is missing."""
    cart = story().attempt(1, products=["workers_paid", "images"], lines=2)
    for number, plan in enumerate(plans):
        cart.final(f"sub{number}", intent=f"pi_{number}", plan=plan)
    assert converted(cart) == [expected]


def test_half_a_cart_is_not_converted(story: Any) -> None:
    cart = story().attempt(1, products=["workers_paid", "images"], lines=2).final()
    assert converted(cart) == [False]


def upgrade(story: Any) -> Any:
    there = story().note(0, "subscriptions-api", "subscription", "sub1", state="Provisioned", detail={"at_start": True})
    return there.attempt(1, products=["zone_business"])


def test_an_upgrade_converts_when_the_change_is_paid_and_applied(story: Any) -> None:
    waiting = upgrade(story).note(2, "subscriptions-api", "plan", "sub1", related="pi_9", state="change_waiting")
    assert converted(waiting.final(intent=None, plan="zone_pro")) == [False]

    paid = upgrade(story).note(5, "stripe", "intent", "pi_9", state="succeeded")
    paid.note(6, "billing-webhooks", "plan", "sub1", related="pi_9", state="change_applied")
    (ending,) = read_endings(paid.final(intent=None, plan="zone_business").history)
    assert (ending.converted, ending.payment_us, ending.entitlement_us) == (True, 4_000_000, None)


def test_an_upgrade_granted_before_it_is_paid_converts_only_if_it_is(story: Any) -> None:
    def granted(then: str) -> Any:
        told = upgrade(story).note(2, "subscriptions-api", "plan", "sub1", state="change_applied")
        detail = {"subscription_ids": ["sub1"]}
        told.note(3, "stripe", "intent", "pi_9", state="requires_payment_method", detail=detail)
        if then == "paid":
            return told.note(9, "stripe", "intent", "pi_9", state="succeeded").final(intent=None, plan="zone_business")
        if then == "rolled back":
            told.note(9, "subscriptions-api", "plan", "sub1", related="pi_9", state="change_ended")
        return told.final(intent=None, plan="zone_business")

    assert converted(granted("paid")) == [True]
    assert converted(granted("left unpaid")) == [False]
    assert converted(granted("rolled back")) == [False]


def test_what_the_account_was_made_with_is_no_conversion(story: Any) -> None:
    assert converted(upgrade(story).final(intent=None)) == [False]


def second_attempt(story: Any, operation: str) -> Any:
    again = story().attempt(1).ask(2, "r1", "bulk_create", 200).attempt(50, "a2")
    again.ask(51, "r2", operation, 200, attempt="a2")
    again.note(3, "unified-checkout", "subscription", "sub1", related="r1", operation="bulk_create")
    again.note(3, "subscriptions-api", "subscription", "sub1", related="pi_1", state="AwaitingPayment")
    again.note(52, "unified-checkout", "subscription", "sub1", related="r2", operation=operation)
    return again.final()


def test_a_repeated_purchase_converts_both_attempts(story: Any) -> None:
    assert converted(second_attempt(story, "bulk_create")) == [True, True]


def test_a_listing_does_not_hand_a_line_to_a_later_attempt(story: Any) -> None:
    assert converted(second_attempt(story, "list_subscriptions")) == [True, False]


def test_a_line_that_nobody_was_shown_belongs_to_the_attempt_under_way(story: Any) -> None:
    lost = story().attempt(1).attempt(50, "a2")
    lost.note(51, "subscriptions-api", "subscription", "sub1", related="pi_1", state="AwaitingPayment")
    assert converted(lost.final()) == [False, True]


def test_an_account_that_was_cut_off_is_judged_by_what_was_last_known(story: Any) -> None:
    cut = story().bought()
    cut.facts = [fact for fact in cut.facts if not fact.kind.startswith("final_")]
    assert converted(cut) == [True]


def test_adding_a_payment_method_converts_by_its_own_outcome(story: Any) -> None:
    added = story().attempt(1, client="billing-profile", products=[], lines=0)
    assert converted(added) == [False]
    assert converted(added.note(9, "billing-profile", "outcome", "a1", state="converted")) == [True]
