"""The properties of payment and entitlement: each held, violated in every way, and without evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

HOUR = 3600.0
Told = Callable[..., Any]


def findings(story: Any, property_id: str) -> list[Any]:
    return list(story.judge(property_id).findings)


def only(story: Any, property_id: str) -> Any:
    (finding,) = findings(story, property_id)
    return finding


# --- no-entitlement-without-payment --------------------------------------------------------------------------------

NEWP = "no-entitlement-without-payment"


def test_an_entitlement_after_its_payment_is_fine(story: Told) -> None:
    judgement = story().plain().judge(NEWP)
    assert judgement.checks == 2
    assert judgement.findings == ()


def test_an_entitlement_at_the_very_moment_of_its_payment_is_fine(story: Told) -> None:
    assert findings(story().plain().alter("entitlement", {"source": "exact"}, at=39.5), NEWP) == []


def test_an_entitlement_before_its_payment_is_found_inline(story: Told) -> None:
    finding = only(story().plain().alter("entitlement", {"source": "exact"}, at=37.5), NEWP)
    assert finding.tier == "inline"
    assert finding.time_us == 37_500_000
    assert finding.proof == (
        "The entitlement of subscription s1 (workers_paid) was active at 2026-01-05 00:00:37.500 (granted because of: "
        "payment), but pi_1 succeeded only at 2026-01-05 00:00:39.500, 2.00 s later; therefore it was granted without "
        "payment."
    )
    assert [fact.kind for fact in finding.facts] == ["entitlement", "intent", "intent"]
    assert 0 < finding.magnitude < 1


def test_an_entitlement_that_is_never_paid_is_found_inline_and_in_batch(story: Told) -> None:
    told = story().unpaid(state="Provisioned", intent="requires_payment_method")
    told.tell(11, "entitlement", "s1", state="active", detail={"feature": "workers_paid", "because": "request"})
    told.tell(25 * HOUR, "final_entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    assert [(finding.tier, finding.magnitude) for finding in findings(told, NEWP)] == [
        ("inline", 500.0),
        ("batch", 500.0),
    ]


def test_a_priced_line_without_any_intent_is_found(story: Told) -> None:
    told = story().begin().state(10, "s1", "Provisioned", related=None)
    told.tell(10, "entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    assert "no intent for the 5.00 USD due was ever made" in only(told, NEWP).proof


def test_a_line_of_nothing_without_a_set_up_needs_a_payment_method(story: Told) -> None:
    def told(on_file: str) -> Any:
        tale = story().begin(pm_on_file=on_file).state(10, "s1", "Provisioned", related=None, amount_minor=0)
        return tale.tell(10, "entitlement", "s1", state="active", detail={"feature": "workers_paid"})

    assert findings(told("valid"), NEWP) == []
    assert len(findings(told("none"), NEWP)) == 1


def test_a_set_up_that_has_not_succeeded_grants_nothing(story: Told) -> None:
    told = story().begin().state(10, "s1", "Provisioned", related="seti_1", amount_minor=0)
    told.tell(
        10, "intent", "seti_1", state="requires_payment_method", amount_minor=0, detail={"subscription_ids": ["s1"]}
    )
    told.tell(10.5, "entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    assert len(findings(told, NEWP)) == 1
    told.tell(10.4, "intent", "seti_1", state="succeeded", amount_minor=0)
    assert findings(told, NEWP) == []


def test_a_line_of_nothing_waits_with_the_priced_line_of_its_batch(story: Told) -> None:
    told = story().begin(lines=2).bought().alter("intent", detail={"subscription_ids": ["s1", "s2"]})
    told.state(10.5, "s2", "Provisioned", amount_minor=0)
    told.tell(11, "entitlement", "s2", state="active", detail={"feature": "r2"})
    assert only(told, NEWP).proof.startswith("The entitlement of subscription s2 (r2)")


def test_what_stood_at_the_start_is_taken_as_given(story: Told) -> None:
    told = story().in_force().begin(pm_on_file="valid")
    assert findings(told, NEWP) == []


def test_a_plan_that_is_granted_before_its_difference_is_paid_is_found(story: Told) -> None:
    early = story().in_force().begin(products=["zone_business"]).upgrading().changed(12)
    early.finish_upgrade("zone_business", 240000, "requires_payment_method")
    assert [finding.tier for finding in findings(early, NEWP)] == ["inline", "batch"]
    assert findings(early, NEWP)[0].magnitude == 237500
    paid = story().in_force().begin(products=["zone_business"]).upgrading().upgraded()
    assert findings(paid.finish_upgrade("zone_business", 240000, "succeeded"), NEWP) == []


def test_a_cheaper_plan_needs_no_payment(story: Told) -> None:
    told = story().in_force()
    told.tell(20, "entitlement", "s0", state="active", detail={"feature": "images"})
    told.tell(20, "plan", "s0", state="change_applied", amount_minor=500, detail={"rate_plan": "images"})
    assert findings(told, NEWP) == []


def test_observed_entitlements_are_judged_where_the_service_tells_nothing(story: Told) -> None:
    told = story().plain().drop("entitlement", source="exact").drop("subscription", source="exact")
    assert findings(told, NEWP) == []
    assert only(told.alter("entitlement", at=20), NEWP).tier == "inline"


def test_times_from_the_ledger_may_be_two_seconds_off(story: Told) -> None:
    told = story().plain().alter("intent", {"state": "succeeded"}, source="ledger", at=42.9)
    assert findings(told, NEWP) == []
    assert len(findings(told.alter("intent", {"state": "succeeded"}, at=43.1), NEWP)) == 1


def test_a_payment_of_unknown_time_accuses_nobody(story: Told) -> None:
    told = story().plain().drop("intent").alter("final_intent", source="ledger")
    assert findings(told, NEWP) == []


def test_without_stripes_side_there_is_no_evidence(story: Told) -> None:
    assert story(sees_stripe=False).plain().judge(NEWP).checks == 0


def test_a_history_that_was_cut_off_leaves_the_batch_tier_undecided(story: Told) -> None:
    told = story().plain().alter("settled", state="cut_off").alter("entitlement", {"source": "exact"}, at=37.5)
    judgement = told.judge(NEWP)
    assert [finding.tier for finding in judgement.findings] == ["inline"]
    assert judgement.undecided is not None


# --- confirm-before-commit -----------------------------------------------------------------------------------------

CBC = "confirm-before-commit"


def test_a_subscription_committed_after_its_payment_is_fine(story: Told) -> None:
    assert findings(story().plain(), CBC) == []
    assert story().plain().judge(CBC).checks == 2


def test_a_store_that_commits_too_early_is_found(story: Told) -> None:
    finding = only(story().plain().alter("subscription", {"state": "Paid"}, at=20), CBC)
    assert "the store had subscription s1 as Paid" in finding.proof
    assert finding.tier == "inline"


def test_an_answer_that_shows_too_much_is_found(story: Told) -> None:
    told = story().plain().alter("subscription", {"source": "observed"}, state="Provisioned")
    assert "an answer showed subscription s1 as Provisioned (request r1)" in only(told, CBC).proof


def test_a_commitment_without_payment_is_found_at_the_end(story: Told) -> None:
    told = story().unpaid(state="Provisioned", intent="requires_payment_method")
    assert [finding.tier for finding in findings(told, CBC)] == ["batch"]


def test_the_plan_in_force_in_the_answer_of_an_update_is_fine(story: Told) -> None:
    told = story().in_force().begin().upgrading()
    told.show(11, "s0", "r1", "Provisioned", 2500, operation="update", rate_plan="zone_pro")
    assert findings(told, CBC) == []
    told.show(11, "s0", "r1", "Provisioned", 240000, operation="update", rate_plan="zone_business")
    assert len(findings(told, CBC)) == 1


def test_commitments_need_subscriptions(story: Told) -> None:
    assert story().begin().judge(CBC).checks == 0


# --- no-rollback ---------------------------------------------------------------------------------------------------

ROLLBACK = "no-rollback"


def test_nothing_undone_is_fine(story: Told) -> None:
    assert story().plain().judge(ROLLBACK) == (1, (), None, ())


def test_a_rollback_is_found(story: Told) -> None:
    told = story().plain().tell(41.5, "rollback", "s1", related="pi_1", state="failed", detail={"why": "card declined"})
    finding = only(told, ROLLBACK)
    assert "the rollback itself failed" in finding.proof
    assert finding.magnitude == 500


def test_a_commitment_that_nobody_cancelled_and_that_ends_is_found(story: Told) -> None:
    told = story().plain()
    assert "no cancellation was asked for" in only(told.state(50, "s1", "Cancelled"), ROLLBACK).proof
    told.send(49, "r9", "cancel")
    assert findings(told, ROLLBACK) == []


def test_a_state_that_goes_back_is_found(story: Told) -> None:
    assert len(findings(story().plain().state(50, "s1", "AwaitingPayment"), ROLLBACK)) == 1


def test_an_entitlement_taken_back_is_found(story: Told) -> None:
    told = story().plain().tell(50, "entitlement", "s1", state="inactive", detail={"because": "rollback"})
    assert len(findings(told, ROLLBACK)) == 1


def test_rollbacks_are_legacys_nature(story: Told) -> None:
    told = story(regime="legacy").plain().tell(41.5, "rollback", "s1", state="undone")
    assert told.judge(ROLLBACK) == (0, (), None, ())


# --- payment-leads-to-entitlement ----------------------------------------------------------------------------------

LEADS = "payment-leads-to-entitlement"


def test_who_pays_gets(story: Told) -> None:
    assert story().plain().judge(LEADS) == (1, (), None, ())


def test_who_pays_and_gets_nothing_is_found(story: Told) -> None:
    told = story().begin().bought().paid().finish("AwaitingPayment", None, "succeeded")
    told.drop("entitlement").drop("subscription", state="Paid").drop("subscription", state="Provisioned")
    finding = only(told, LEADS)
    assert "paid and got nothing" in finding.proof
    assert finding.magnitude == pytest.approx(7200 - 39.5)


def test_who_paid_in_time_and_saw_it_expire_is_found(story: Told) -> None:
    told = story().begin().bought().paid().finish("Expired", None, "succeeded", at=24 * HOUR)
    told.drop("entitlement").drop("subscription", state="Paid").drop("subscription", state="Provisioned")
    told.state(23.1 * HOUR, "s1", "Expired")
    assert "the subscription was Expired and had no active entitlement" in only(told, LEADS).proof
    assert findings(told, ABANDONED) == []
    late = told.alter("webhook", at=23.5 * HOUR)
    assert late.judge(LEADS).checks == 0
    assert "the money was not given back" in only(late, ABANDONED).proof


def test_an_entitlement_may_take_a_minute_and_no_longer(story: Told) -> None:
    told = story().plain().alter("entitlement", {"source": "exact"}, at=41.1 + 60)
    assert findings(told, LEADS) == []
    told.alter("entitlement", {"source": "exact"}, at=41.2 + 60)
    assert "60.10 s, where 60.00 s are allowed" in only(told, LEADS).proof


def test_the_minute_runs_from_the_delivery_of_the_event(story: Told) -> None:
    told = story().plain().alter("webhook", at=3600).alter("entitlement", at=3601)
    assert findings(told, LEADS) == []


def test_the_minute_runs_from_the_last_fault(story: Told) -> None:
    told = story().plain().alter("entitlement", at=600).tell(590, "fault", "billing-webhooks", state="error")
    assert findings(told, LEADS) == []


def test_an_entitlement_must_stay(story: Told) -> None:
    feature = {"feature": "workers_paid"}
    told = story().plain().tell(100, "entitlement", "s1", state="inactive", detail={**feature, "because": "sync"})
    told.tell(160, "entitlement", "s1", state="active", detail={**feature, "because": "sync"})
    assert "60.00 s without what was paid for" in only(told, LEADS).proof


def test_what_was_taken_back_before_it_was_paid_is_not_lost(story: Told) -> None:
    told = story().plain().tell(20, "entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    told.tell(21, "entitlement", "s1", state="inactive", detail={"feature": "workers_paid", "because": "rollback"})
    assert findings(told, LEADS) == []


def test_a_refunded_payment_leads_nowhere(story: Told) -> None:
    told = story().begin().bought().paid().finish("Expired", None, "succeeded", amount_refunded=500)
    assert told.judge(LEADS).checks == 0


def test_a_change_that_was_paid_for_must_be_in_force(story: Told) -> None:
    told = story().in_force().begin().upgrading().upgraded().finish_upgrade("zone_business", 240000, "succeeded")
    assert findings(told, LEADS) == []
    told.drop("plan", state="change_applied")
    assert "paid for in vain" in only(told, LEADS).proof


def test_no_payment_is_no_evidence(story: Told) -> None:
    assert story().unpaid().judge(LEADS).checks == 0


# --- charged-once --------------------------------------------------------------------------------------------------

ONCE = "charged-once"


def second(told: Any, at: float, subscriptions: list[str], *, paid: float | None = None) -> Any:
    """Another intent of 5.00 USD, pi_9."""
    made = {"subscription_ids": subscriptions}
    told.tell(at, "intent", "pi_9", state="requires_payment_method", amount_minor=500, detail=made)
    if paid is not None:
        told.tell(paid, "intent", "pi_9", state="succeeded", amount_minor=500, detail={"amount_received": 500})
        detail = {**made, "amount_received": 500, "amount_refunded": 0}
        told.tell(7200, "final_intent", "pi_9", state="succeeded", amount_minor=500, detail=detail)
    return told


def test_one_payment_for_one_decision_is_fine(story: Told) -> None:
    assert story().plain().judge(ONCE) == (1, (), None, ())


def test_two_payments_of_one_subscription_are_found(story: Told) -> None:
    finding = only(second(story().plain(), 50, ["s1"], paid=60), ONCE)
    assert "s1 was paid 2 times" in finding.proof
    assert finding.magnitude == 500


def test_a_refund_makes_it_good(story: Told) -> None:
    told = second(story().plain(), 50, ["s1"], paid=60)
    told.drop("final_intent", subject="pi_9").tell(
        70, "refund", "re_1", related="pi_9", state="succeeded", amount_minor=500
    )
    assert findings(told, ONCE) == []


def test_two_intents_payable_at_once_are_found(story: Told) -> None:
    finding = only(second(story().plain(), 20, ["s1"]), ONCE)
    assert "both pi_1 and pi_9" in finding.proof
    assert finding.magnitude < 1


def test_an_intent_may_take_the_place_of_one_that_was_cancelled(story: Told) -> None:
    told = story().begin().bought().tell(19, "intent", "pi_1", state="canceled", amount_minor=500)
    told.finish("Provisioned", "active", "canceled")
    assert findings(second(told, 19, ["s1"], paid=30), ONCE) == []


def test_one_decision_that_became_two_paid_subscriptions_is_found(story: Told) -> None:
    told = story().plain().state(50.5, "s2", "AwaitingPayment", related="pi_9")
    told = second(told, 50, ["s2"], paid=60)
    assert "The customer decided 1 time to buy workers_paid" in only(told, ONCE).proof


def tab(story: Told, key: str, made_at: float) -> Any:
    """A second tab asks for the same cart under `key`, and gets s2, paid with pi_9."""
    told = story().plain().send(made_at - 5, "r2", idempotency_key=key)
    return second(told.state(made_at, "s2", "AwaitingPayment", related="pi_9"), made_at, ["s2"], paid=made_at + 10)


def test_a_tab_that_comes_when_the_first_purchase_is_in_force_buys_anew(story: Told) -> None:
    assert findings(tab(story, "k2", made_at=50), ONCE) == []


def test_a_tab_that_comes_before_the_first_purchase_is_in_force_may_not_buy_again(story: Told) -> None:
    assert "The customer decided 1 time" in findings(tab(story, "k2", made_at=30), ONCE)[0].proof


def test_a_repeated_key_never_buys_anew(story: Told) -> None:
    assert "The customer decided 1 time" in findings(tab(story, "k1", made_at=50), ONCE)[0].proof


def test_two_decisions_may_be_paid_twice(story: Told) -> None:
    told = story().plain().state(50.5, "s2", "AwaitingPayment", related="pi_9")
    told.tell(45, "attempt", "a2", detail={"products": ["workers_paid"], "lines": 1})
    assert findings(second(told, 50, ["s2"], paid=60), ONCE) == []


def test_two_lines_alike_in_one_cart_may_have_two_intents(story: Told) -> None:
    told = story().plain().alter("attempt", detail={"products": ["workers_paid", "workers_paid"], "lines": 2})
    told.state(10.5, "s2", "AwaitingPayment", related="pi_9")
    assert findings(second(told, 10.4, ["s2"], paid=60), ONCE) == []


def test_two_live_purchases_of_one_decision_are_found(story: Told) -> None:
    told = story().unpaid().state(20.5, "s2", "AwaitingPayment", related="pi_9")
    assert "the purchase of workers_paid" in only(second(told, 20, ["s2"]), ONCE).proof


def test_two_intents_open_in_the_ledger_are_found(story: Told) -> None:
    told = story().begin().show(11, "s1", "r1", "AwaitingPayment", 500)
    for name in ("pi_1", "pi_2"):
        detail = {"subscription_ids": ["s1"]}
        told.tell(
            60, "final_intent", name, source="ledger", state="requires_payment_method", amount_minor=500, detail=detail
        )
    told.tell(60, "settled", "acct00000007", state="drained")
    assert len(findings(told, ONCE)) == 1


def test_charges_need_intents(story: Told) -> None:
    assert story().begin().tell(1, "settled", "a", state="drained").judge(ONCE).checks == 0


# --- provisioned-once ----------------------------------------------------------------------------------------------

PROVISIONED = "provisioned-once"


def test_one_provisioning_is_fine(story: Told) -> None:
    assert story().plain().judge(PROVISIONED) == (2, (), None, ())


def test_a_second_activation_is_found(story: Told) -> None:
    told = story().plain().tell(45, "entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    assert "provisioned twice" in only(told, PROVISIONED).proof
    told.tell(44.5, "entitlement", "s1", state="inactive", detail={"feature": "workers_paid"})
    assert findings(told, PROVISIONED) == []


def test_a_state_that_a_late_event_took_back_is_found(story: Told) -> None:
    assert "took its state back" in only(story().plain().state(60, "s1", "Paid"), PROVISIONED).proof


def test_an_event_that_took_effect_twice_is_found(story: Told) -> None:
    told = (
        story()
        .plain()
        .tell(45, "event", "evt_1", related="pi_1", operation="payment_intent.succeeded", state="applied")
    )
    assert "not recognised as a duplicate" in only(told, PROVISIONED).proof


def test_a_duplicate_that_was_recognised_is_fine(story: Told) -> None:
    told = story().plain().tell(45, "event", "evt_1", related="pi_1", state="duplicate")
    assert findings(told, PROVISIONED) == []


def test_a_second_invoice_for_one_intent_is_found(story: Told) -> None:
    told = story().plain().tell(45, "invoice", "i2", related="pi_1", state="paid", amount_minor=500)
    finding = only(told, PROVISIONED)
    assert "2 paid invoices, i1 and i2" in finding.proof
    assert finding.magnitude == 500


def test_nothing_provisioned_is_no_evidence(story: Told) -> None:
    assert story().begin().tell(1, "settled", "a", state="drained").judge(PROVISIONED).checks == 0


# --- amounts-agree -------------------------------------------------------------------------------------------------

AMOUNTS = "amounts-agree"


def test_equal_amounts_are_fine(story: Told) -> None:
    assert story().plain().judge(AMOUNTS) == (2, (), None, ())


def test_a_price_shown_that_is_not_due_is_found(story: Told) -> None:
    told = story().plain().alter("subscription", {"source": "observed"}, amount_minor=400)
    line, *_ = findings(told, AMOUNTS)
    assert "showed subscription s1 at 4.00 USD, but 5.00 USD was due" in line.proof
    assert line.tier == "inline"


def test_an_intent_that_asks_for_more_than_its_lines_is_found(story: Told) -> None:
    told = story().unpaid().alter("intent", amount_minor=700).alter("final_intent", amount_minor=700)
    assert "2.00 USD too much" in only(told, AMOUNTS).proof


def test_money_that_was_captured_and_not_applied_is_found(story: Told) -> None:
    told = story().begin().bought().paid().finish("AwaitingPayment", None, "succeeded")
    told.drop("entitlement").drop("subscription", state="Paid").drop("subscription", state="Provisioned")
    finding = only(told, AMOUNTS)
    assert "Captured 5.00 USD is not applied 0.00 USD plus refunded 0.00 USD" in finding.proof
    assert finding.tier == "batch"


def test_money_that_was_refunded_although_it_was_applied_is_found(story: Told) -> None:
    told = story().plain().drop("final_intent")
    detail = {"subscription_ids": ["s1"], "amount_received": 500, "amount_refunded": 500}
    told.tell(7200, "final_intent", "pi_1", state="succeeded", amount_minor=500, detail=detail)
    assert len(findings(told, AMOUNTS)) == 1


def test_a_late_success_that_was_refunded_is_conserved(story: Told) -> None:
    told = story().begin().bought().paid().finish("Expired", None, "succeeded", amount_refunded=500)
    told.drop("entitlement").drop("subscription", state="Paid").drop("subscription", state="Provisioned")
    assert findings(told, AMOUNTS) == []


def test_less_than_asked_is_found(story: Told) -> None:
    told = story().plain().alter("final_intent", detail={"subscription_ids": ["s1"], "amount_received": 300})
    assert len(findings(told, AMOUNTS)) == 1


def test_the_answer_of_an_update_is_not_compared_with_the_price(story: Told) -> None:
    told = story().in_force().begin().upgrading().upgraded().finish_upgrade("zone_business", 240000, "succeeded")
    assert findings(told, AMOUNTS) == []


def test_amounts_need_intents(story: Told) -> None:
    assert story().begin().state(1, "s1", "AwaitingPayment").judge(AMOUNTS).checks == 0


# --- stores-agree --------------------------------------------------------------------------------------------------

STORES = "stores-agree"


def test_stores_that_agree_are_fine(story: Told) -> None:
    assert story().plain().judge(STORES) == (1, (), None, ())
    assert findings(story().unpaid(), STORES) == []
    assert findings(story().in_force().begin().upgrading().finish_upgrade("zone_pro", 2500, "canceled"), STORES) == []


@pytest.mark.parametrize(
    ("state", "entitlement", "intent", "label"),
    [
        ("Provisioned", None, "succeeded", "provisioned without entitlement"),
        ("Paid", None, "succeeded", "paid and never provisioned"),
        ("AwaitingPayment", "active", "requires_payment_method", "entitlement without subscription"),
        ("AwaitingPayment", None, "succeeded", "paid at Stripe, awaiting payment here"),
        ("Provisioned", "active", "requires_payment_method", "in force here, unpaid at Stripe"),
        ("Expired", None, "succeeded", "ended here, money kept at Stripe"),
        ("Expired", None, "requires_payment_method", "ended here, payable at Stripe"),
    ],
)
def test_drift_is_found_and_counted(story: Told, state: str, entitlement: str, intent: str, label: str) -> None:
    told = story().begin().bought()
    if intent == "succeeded":
        told.tell(39, "intent", "pi_1", state="succeeded", amount_minor=500)
    judgement = told.finish(state, entitlement, intent).judge(STORES)
    assert len(judgement.findings) == 1
    assert label in judgement.noted


def test_a_payment_for_an_unknown_subscription_is_found(story: Told) -> None:
    told = story().plain().drop("subscription").drop("final_subscription").drop("plan").drop("entitlement")
    told.drop("final_entitlement")
    assert "unknown subscription" in told.judge(STORES).noted


def test_a_history_that_was_cut_off_is_undecided(story: Told) -> None:
    judgement = story().plain().alter("settled", state="cut_off").judge(STORES)
    assert judgement.checks == 0
    assert judgement.undecided is not None


def test_an_empty_account_is_no_evidence(story: Told) -> None:
    assert story().begin().tell(1, "settled", "a", state="drained").judge(STORES).checks == 0


# --- abandoned-grants-nothing --------------------------------------------------------------------------------------

ABANDONED = "abandoned-grants-nothing"


def test_an_abandoned_purchase_that_expires_is_fine(story: Told) -> None:
    assert story().unpaid().judge(ABANDONED) == (1, (), None, ())


def test_a_purchase_that_never_expires_is_found(story: Told) -> None:
    told = story().unpaid(state="AwaitingPayment", intent="requires_payment_method")
    assert "still AwaitingPayment" in only(told, ABANDONED).proof


def test_a_young_purchase_is_no_evidence_where_something_may_follow(story: Told) -> None:
    told = story(target="staging")
    told.unpaid(settled_at=20 * HOUR, state="AwaitingPayment", intent="requires_payment_method")
    assert told.judge(ABANDONED).checks == 0


def test_a_young_purchase_that_nothing_will_expire_is_a_finding(story: Told) -> None:
    told = story().unpaid(settled_at=20 * HOUR, state="AwaitingPayment", intent="requires_payment_method")
    assert len(told.judge(ABANDONED).findings) == 1


def test_an_expired_purchase_that_granted_something_is_found(story: Told) -> None:
    told = story().unpaid().tell(25 * HOUR, "final_entitlement", "s1", state="active")
    assert "granted 5.00 USD" in only(told, ABANDONED).proof


def test_an_expired_purchase_that_can_still_be_paid_is_found(story: Told) -> None:
    assert "can still be paid" in only(story().unpaid(intent="requires_payment_method"), ABANDONED).proof


def test_a_late_success_must_be_refunded(story: Told) -> None:
    def told(refunded: int) -> Any:
        tale = story().begin().bought().state(10.5 + 23 * HOUR, "s1", "Expired")
        tale.tell(23.5 * HOUR, "intent", "pi_1", state="succeeded", amount_minor=500)
        return tale.finish("Expired", None, "succeeded", at=26 * HOUR, amount_refunded=refunded)

    assert "the money was not given back" in only(told(0), ABANDONED).proof
    assert findings(told(500), ABANDONED) == []


def test_expiry_before_23_hours_is_found(story: Told) -> None:
    told = story().unpaid().alter("subscription", {"state": "Expired"}, at=12 * HOUR)
    assert "the customer had 23.0 h to pay" in only(told, ABANDONED).proof


def test_a_purchase_that_another_one_replaced_may_end_early(story: Told) -> None:
    told = story().unpaid().alter("subscription", {"state": "Expired"}, at=100)
    told.state(100, "s2", "AwaitingPayment", related=None).state(200, "s2", "Cancelled", related=None)
    assert findings(told, ABANDONED) == []


def test_who_abandoned_may_buy_again_at_once(story: Told) -> None:
    told = story().unpaid().send(24 * HOUR, "r5").reply(24 * HOUR + 1, "r5", status=409, code=1231)
    assert "stands in the way" in only(told, ABANDONED).proof


# --- failed-payment-can-be-retried ---------------------------------------------------------------------------------

RETRIED = "failed-payment-can-be-retried"


def declined(told: Any, at: float = 30) -> Any:
    code = {"decline_code": "insufficient_funds"}
    told.tell(at, "intent", "pi_1", state="requires_payment_method", amount_minor=500, detail=code)
    confirm = {"operation": "confirm_payment", "state": "requires_payment_method", "status": 402}
    return told.tell(at, "confirm", "pi_1", related="a1", detail={**code, "try": 1}, **confirm)


def test_a_second_card_after_a_decline_is_fine(story: Told) -> None:
    assert declined(story().plain()).judge(RETRIED) == (1, (), None, ())


def test_without_a_decline_there_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(RETRIED).checks == 0


def test_an_intent_that_ends_with_the_decline_is_found(story: Told) -> None:
    told = declined(story().unpaid()).alter("intent", {"state": "canceled"}, at=31)
    assert "cannot be tried with another payment method" in only(told, RETRIED).proof


def test_an_intent_that_ends_with_its_purchase_is_fine(story: Told) -> None:
    told = declined(story().unpaid(), at=22 * HOUR).alter("intent", {"amount_minor": 500, "detail": None}, at=83000)
    told.alter("subscription", {"state": "Expired"}, at=83000)
    assert findings(told, RETRIED) == []


def test_an_intent_that_another_one_replaced_is_fine(story: Told) -> None:
    told = declined(story().unpaid()).alter("intent", {"state": "canceled"}, at=31)
    assert findings(second(told, 31, ["s1"]), RETRIED) == []


def test_a_secret_that_no_longer_works_is_found(story: Told) -> None:
    told = declined(story().unpaid()).tell(35, "confirm", "pi_1", related="a1", state="unknown", status=400)
    assert "the same secret no longer works" in only(told, RETRIED).proof


def test_a_grant_after_the_decline_is_found(story: Told) -> None:
    told = declined(story().plain()).alter("entitlement", {"source": "exact"}, at=33)
    assert "a failed payment granted something" in only(told, RETRIED).proof


def test_a_purchase_that_fails_for_good_is_found(story: Told) -> None:
    told = declined(story().unpaid()).alter("subscription", {"state": "Expired"}, state="Failed", at=31)
    assert "s1 was Failed" in findings(told, RETRIED)[-1].proof


def test_a_challenge_that_failed_counts_as_a_decline(story: Told) -> None:
    told = story().plain()
    code = {"code": "payment_intent_authentication_failure"}
    told.tell(30, "intent", "pi_1", state="requires_payment_method", amount_minor=500, detail=code)
    assert told.judge(RETRIED).checks == 1


# --- update-keeps-old-plan -----------------------------------------------------------------------------------------

UPDATE = "update-keeps-old-plan"


def upgrade(story: Told) -> Any:
    return story().in_force().begin(pm_on_file="valid", products=["zone_business"]).upgrading()


def test_a_paid_upgrade_is_fine(story: Told) -> None:
    told = upgrade(story).upgraded().finish_upgrade("zone_business", 240000, "succeeded")
    assert told.judge(UPDATE) == (1, (), None, ())


def test_an_unpaid_upgrade_that_changes_nothing_is_fine(story: Told) -> None:
    assert findings(upgrade(story).finish_upgrade("zone_pro", 2500, "canceled"), UPDATE) == []


def test_an_upgrade_in_force_before_it_is_paid_is_found(story: Told) -> None:
    told = upgrade(story).changed(10.2).tell(40, "intent", "pi_2", state="succeeded", amount_minor=237500)
    told.alter("plan", {"state": "change_waiting"}, at=10.1)
    assert "was paid only at" in only(told.finish_upgrade("zone_business", 240000, "succeeded"), UPDATE).proof


def test_an_upgrade_that_is_never_paid_is_worse_than_one_paid_late(story: Told) -> None:
    never = upgrade(story).changed(10.2)
    never.alter("plan", {"state": "change_waiting"}, at=10.1)
    found = findings(never.finish_upgrade("zone_business", 240000, "canceled"), UPDATE)
    unpaid = next(one for one in found if "was never paid" in one.proof)
    late = upgrade(story).changed(10.2).tell(40, "intent", "pi_2", state="succeeded", amount_minor=237500)
    late.alter("plan", {"state": "change_waiting"}, at=10.1)
    paid_late = only(late.finish_upgrade("zone_business", 240000, "succeeded"), UPDATE)
    assert unpaid.magnitude > 100 * paid_late.magnitude > 0


def test_an_entitlement_that_changes_meanwhile_is_found(story: Told) -> None:
    told = upgrade(story).tell(20, "entitlement", "s0", state="inactive", detail={"feature": "zone_pro"})
    told.tell(20.5, "entitlement", "s0", state="active", detail={"feature": "zone_pro"})
    assert "should have stayed" in only(told.finish_upgrade("zone_pro", 2500, "canceled"), UPDATE).proof


def test_a_list_that_shows_the_coming_plan_is_found(story: Told) -> None:
    told = upgrade(story)
    told.show(20, "s0", "r2", "Provisioned", 240000, operation="list_subscriptions", rate_plan="zone_business")
    assert "showed the plan zone_business" in only(told.finish_upgrade("zone_pro", 2500, "canceled"), UPDATE).proof


def test_a_plan_or_price_that_changed_in_the_end_is_found(story: Told) -> None:
    told = upgrade(story).finish_upgrade("zone_business", 240000, "canceled")
    proof = only(told, UPDATE).proof
    assert "its plan was zone_business, not zone_pro" in proof
    assert "its price was 2400.00 USD, not 25.00 USD" in proof


def test_an_entitlement_that_is_gone_in_the_end_is_found(story: Told) -> None:
    told = upgrade(story).finish_upgrade("zone_pro", 2500, "canceled").alter("final_entitlement", state="inactive")
    assert "its entitlement was not active" in only(told, UPDATE).proof


def test_a_change_that_costs_nothing_is_in_force_at_once(story: Told) -> None:
    told = story().in_force()
    told.tell(20, "entitlement", "s0", state="inactive", detail={"feature": "zone_pro"})
    told.tell(20, "entitlement", "s0", state="active", detail={"feature": "images"})
    told.tell(20, "plan", "s0", state="change_applied", amount_minor=500, detail={"rate_plan": "images"})
    told.tell(60, "settled", "a", state="drained")
    assert told.judge(UPDATE) == (1, (), None, ())


def test_no_change_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(UPDATE).checks == 0


# --- zero-due-sets-up ----------------------------------------------------------------------------------------------

ZERO = "zero-due-sets-up"


def test_a_set_up_for_nothing_due_is_fine(story: Told) -> None:
    told = story().begin().send(10, "r1").reply(11, "r1").show(11, "s1", "r1", "AwaitingPayment", 0, rate_plan="r2")
    told.tell(11, "secret", "seti_1", related="r1", detail={"well_formed": True})
    told.tell(
        10.3, "intent", "seti_1", state="requires_payment_method", amount_minor=0, detail={"subscription_ids": ["s1"]}
    )
    assert told.judge(ZERO) == (2, (), None, ())


def test_a_payment_of_nothing_is_found(story: Told) -> None:
    told = story().begin().tell(10, "intent", "pi_1", state="requires_payment_method", amount_minor=0)
    assert "was made for 0.00 USD" in only(told, ZERO).proof


def test_the_secret_of_a_payment_for_nothing_due_is_found(story: Told) -> None:
    told = story().begin().send(10, "r1").reply(11, "r1").show(11, "s1", "r1", "AwaitingPayment", 0)
    told.tell(11, "secret", "pi_1", related="r1", detail={"well_formed": True})
    assert "for which nothing was due" in only(told, ZERO).proof


def test_a_line_of_nothing_beside_a_priced_one_is_paid_with_it(story: Told) -> None:
    told = story().begin(lines=2).bought().show(11, "s2", "r1", "AwaitingPayment", 0)
    assert told.judge(ZERO) == (0, (), None, ())
