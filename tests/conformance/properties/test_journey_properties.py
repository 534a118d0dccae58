"""The properties of webhooks, redirects, carts, zones and keys: each held, violated in every way, without evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sim.facts import OBSERVED

HOUR = 3600.0
Told = Callable[..., Any]
SUCCESS = {"related": "pi_1", "operation": "payment_intent.succeeded"}


def findings(story: Any, property_id: str) -> list[Any]:
    return list(story.judge(property_id).findings)


def only(story: Any, property_id: str) -> Any:
    (finding,) = findings(story, property_id)
    return finding


def settled(told: Any, at: float = 7200.0) -> Any:
    return told.tell(at, "settled", "acct00000007", state="drained")


def lost(story: Told) -> Any:
    """Paid, and the event was acknowledged and forgotten."""
    told = (
        story()
        .begin()
        .bought()
        .paid()
        .tell(99, "outcome", "a1", state="processing")
        .finish("AwaitingPayment", None, "succeeded")
    )
    told.drop("entitlement").drop("plan").drop("subscription", state="Paid").drop("subscription", state="Provisioned")
    return told.alter("event", state="ignored")


# --- webhook-authentic ---------------------------------------------------------------------------------------------

AUTHENTIC = "webhook-authentic"


def test_an_event_that_stripe_sent_is_fine(story: Told) -> None:
    assert story().plain().judge(AUTHENTIC) == (1, (), None, ())


def test_an_event_that_stripe_never_sent_is_found(story: Told) -> None:
    told = story().plain().tell(50, "event", "evt_x", state="applied", **SUCCESS)
    assert "was never sent by Stripe" in only(told, AUTHENTIC).proof


def test_a_forged_event_that_took_effect_is_found(story: Told) -> None:
    told = story().plain().tell(50, "event", "evt_x", state="applied", **SUCCESS)
    told.tell(50, "webhook", "evt_x", state="delivered", status=200, detail={"authentic": False}, **SUCCESS)
    proofs = [finding.proof for finding in findings(told, AUTHENTIC)]
    assert len(proofs) == 2
    assert "came with a bad signature" in proofs[0]
    assert "400 was expected" in proofs[1]


def test_a_forged_event_that_was_refused_is_fine(story: Told) -> None:
    told = story().plain().tell(50, "event", "evt_x", state="rejected", **SUCCESS)
    told.tell(50, "webhook", "evt_x", state="failed", status=400, detail={"authentic": False}, **SUCCESS)
    assert told.judge(AUTHENTIC) == (3, (), None, ())


def test_a_rejected_event_that_changed_something_is_found(story: Told) -> None:
    told = story().plain().tell(41, "event", "evt_x", state="rejected", **SUCCESS)
    assert "a rejected event changed something" in only(told, AUTHENTIC).proof


def test_no_event_is_no_evidence(story: Told) -> None:
    assert story().unpaid().judge(AUTHENTIC).checks == 0


# --- webhook-eventually-applied ------------------------------------------------------------------------------------

EVENTUALLY = "webhook-eventually-applied"


def test_an_event_that_was_applied_is_fine(story: Told) -> None:
    assert story().plain().judge(EVENTUALLY) == (1, (), None, ())


def test_an_event_that_was_forgotten_is_found(story: Told) -> None:
    finding = only(lost(story), EVENTUALLY)
    assert "billing-webhooks last said ignored" in finding.proof
    assert "it was AwaitingPayment" in finding.proof
    assert finding.magnitude == pytest.approx(7200 - 41.1)


def test_an_event_that_was_given_up_is_found(story: Told) -> None:
    told = lost(story).drop("event").alter("webhook", state="gave_up", status=503)
    assert "billing-webhooks never had it" in only(told, EVENTUALLY).proof


def test_an_event_that_was_forgotten_until_the_purchase_expired_is_found(story: Told) -> None:
    told = lost(story).alter("final_subscription", state="Expired").state(7000, "s1", "Expired")
    assert "it was Expired" in only(told, EVENTUALLY).proof


def test_a_change_that_waits_for_ever_is_found(story: Told) -> None:
    told = story().in_force().begin().upgrading().upgraded().finish_upgrade("zone_business", 240000, "succeeded")
    told.tell(
        42, "webhook", "evt_2", related="pi_2", operation="payment_intent.succeeded", state="delivered", status=200
    )
    assert findings(told, EVENTUALLY) == []
    assert "its change was not in force" in only(told.drop("plan", state="change_applied"), EVENTUALLY).proof


def test_something_late_that_revives_what_ended_is_found(story: Told) -> None:
    told = story().unpaid().state(24 * HOUR, "s1", "Provisioned")
    assert "revived what had ended" in only(told, EVENTUALLY).proof


def test_a_late_success_that_was_refunded_is_fine(story: Told) -> None:
    told = (
        story()
        .unpaid()
        .drop("final_intent")
        .tell(24 * HOUR, "webhook", "evt_1", state="delivered", status=200, **SUCCESS)
    )
    detail = {"subscription_ids": ["s1"], "amount_received": 500, "amount_refunded": 500}
    told.tell(25 * HOUR, "final_intent", "pi_1", state="succeeded", amount_minor=500, detail=detail)
    assert findings(told, EVENTUALLY) == []


def test_a_forged_success_is_not_stripes(story: Told) -> None:
    told = settled(story().begin().bought())
    told.tell(50, "webhook", "evt_x", state="failed", status=400, detail={"authentic": False}, **SUCCESS)
    assert told.judge(EVENTUALLY) == (0, (), None, ())


def test_no_success_is_no_evidence(story: Told) -> None:
    told = settled(story().begin().bought())
    assert told.judge(EVENTUALLY).checks == 0


# --- redirect-never-returns ----------------------------------------------------------------------------------------

REDIRECT = "redirect-never-returns"


def test_never_back_and_completed_by_event_is_fine(story: Told) -> None:
    told = story().plain().tell(39, "redirect", "pi_1", related="a1", state="never_back")
    assert told.judge(REDIRECT) == (1, (), None, ())


def test_never_back_and_not_completed_is_found(story: Told) -> None:
    told = lost(story).tell(39, "redirect", "pi_1", related="a1", state="never_back")
    assert "the event alone did not complete the purchase" in only(told, REDIRECT).proof


def test_never_back_and_never_paid_is_fine(story: Told) -> None:
    told = story().unpaid().tell(39, "redirect", "pi_1", related="a1", state="never_back")
    assert findings(told, REDIRECT) == []


def test_cancelled_on_the_way_leaves_the_cart_intact(story: Told) -> None:
    told = story().unpaid().tell(39, "redirect", "pi_1", related="a1", state="cancelled")
    assert told.judge(REDIRECT) == (1, (), None, ())
    told.alter("intent", {"state": "canceled"}, at=45)
    assert "the cart was lost" in only(told, REDIRECT).proof


def test_back_early_sees_processing_and_not_failure(story: Told) -> None:
    told = story().plain().tell(39, "redirect", "pi_1", related="a1", state="finished").drop("confirm")
    told.tell(39.2, "shown", "a1", state="processing")
    assert findings(told, REDIRECT) == []
    told.alter("shown", {"state": "processing"}, state="failure")
    assert "so 'processing' was the truth" in only(told, REDIRECT).proof


def test_a_failure_after_which_the_customer_tried_again_was_one(story: Told) -> None:
    told = story().plain().tell(30, "redirect", "pi_1", related="a1", state="returned")
    told.tell(31, "shown", "a1", state="failure")
    assert findings(told, REDIRECT) == []


def test_a_failure_of_another_part_of_the_cart_may_be_shown(story: Told) -> None:
    told = story().plain().tell(39, "redirect", "pi_1", related="a1", state="finished").drop("confirm")
    told.tell(41, "shown", "a1", state="failure")
    assert len(findings(told, REDIRECT)) == 1
    told.tell(11, "secret", "pi_2", related="r1", detail={"well_formed": True})
    assert findings(told, REDIRECT) == []


def test_no_redirect_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(REDIRECT).checks == 0


# --- cart-conserved ------------------------------------------------------------------------------------------------

CART = "cart-conserved"


def test_a_line_that_is_entitled_is_fine(story: Told) -> None:
    assert story().plain().judge(CART) == (1, (), None, ())


def test_a_line_that_expired_is_fine(story: Told) -> None:
    assert story().unpaid().judge(CART) == (1, (), None, ())


def test_a_line_that_nobody_saw_again_is_found(story: Told) -> None:
    told = story().plain().alter("attempt", detail={"products": ["workers_paid", "r2"], "lines": 2})
    finding = only(told, CART)
    assert "1 got lost without a word" in finding.proof
    assert finding.magnitude == 1


def test_a_line_that_is_shown_by_its_secret_alone_is_not_lost(story: Told) -> None:
    told = story().plain().drop("subscription", source="observed")
    assert findings(told, CART) == []
    assert len(findings(told.drop("secret"), CART)) == 1


def test_a_line_between_two_states_is_found(story: Told) -> None:
    told = story().plain().drop("final_entitlement")
    assert "neither entitled, nor awaiting payment, nor ended" in only(told, CART).proof
    assert len(findings(story().plain().alter("final_subscription", state="Paid"), CART)) == 1


def test_a_line_that_was_paid_and_still_awaits_payment_is_found(story: Told) -> None:
    proof = only(lost(story), CART).proof
    assert "(workers_paid, 5.00 USD), paid for by pi_1 at 2026-01-05 00:00:39.500, was AwaitingPayment" in proof


def test_a_line_that_came_out_twice_is_found(story: Told) -> None:
    told = story().plain().tell(7200, "final_subscription", "s2", state="AwaitingPayment", amount_minor=500)
    assert "A line came out more than once" in only(told, CART).proof


def test_what_stood_at_the_start_is_no_line(story: Told) -> None:
    told = story().in_force().plain().tell(7200, "final_subscription", "s0", state="Provisioned", amount_minor=2500)
    told.tell(7200, "final_entitlement", "s0", state="active", detail={"feature": "zone_pro"})
    assert findings(told, CART) == []


def test_a_probe_has_nobody_to_be_shown_a_refusal(story: Told) -> None:
    told = settled(story().begin().send(10, "r1").refuse(11, "r1").tell(12, "outcome", "a1", state="probed"))
    assert findings(told, CART) == []


def test_a_refusal_that_nobody_saw_is_found(story: Told) -> None:
    told = settled(story().begin().send(10, "r1").refuse(11, "r1").tell(12, "outcome", "a1", state="blocked_by_gate"))
    assert "was shown nothing about it" in only(told, CART).proof
    told.tell(11, "shown", "a1", state="refused", status=402, code=1210)
    assert findings(told, CART) == []


def test_a_double_click_is_told_once(story: Told) -> None:
    told = settled(story().begin().send(10, "r1").send(10.1, "r2").refuse(11, "r1").refuse(11.2, "r2"))
    told.tell(11, "shown", "a1", state="refused", status=402, code=1210)
    told.tell(11.1, "outcome", "a1", state="blocked_by_gate")
    assert findings(told, CART) == []


def test_a_refusal_that_was_tried_again_is_fine(story: Told) -> None:
    told = story().plain().send(2, "r0").reply(3, "r0", status=503, code=1232)
    assert findings(told, CART) == []


def test_no_outcome_is_no_evidence(story: Told) -> None:
    assert settled(story().begin()).judge(CART).checks == 0


# --- each-secret-settled -------------------------------------------------------------------------------------------

EACH = "each-secret-settled"


def two_secrets(story: Told, *, second: str = "requires_payment_method") -> Any:
    """A cart of two: s1 with pi_1 is paid; s2 with pi_2, of the same amount, ends as told."""
    told = story().plain(settled_at=25 * HOUR)
    made = {"subscription_ids": ["s2"]}
    told.tell(10.4, "intent", "pi_2", state="requires_payment_method", amount_minor=500, detail=made)
    told.state(10.5, "s2", "AwaitingPayment", related="pi_2", detail={"rate_plan": "images"})
    told.tell(11, "secret", "pi_2", related="r1", operation="bulk_create", detail={"well_formed": True})
    if second == "canceled":
        told.tell(42, "intent", "pi_2", state="canceled", amount_minor=500)
    return told


def test_two_secrets_of_which_one_is_paid_are_fine(story: Told) -> None:
    assert two_secrets(story).judge(EACH) == (1, (), None, ())


def test_one_that_is_cancelled_as_a_duplicate_is_found(story: Told) -> None:
    assert "so it was taken for a duplicate" in only(two_secrets(story, second="canceled"), EACH).proof


def test_one_that_is_cancelled_because_of_another_is_found(story: Told) -> None:
    told = two_secrets(story, second="canceled").alter("intent", {"subject": "pi_2"}, amount_minor=700)
    assert "the others were pi_1 succeeded" in only(told, EACH).proof


def test_one_that_expires_is_fine(story: Told) -> None:
    told = two_secrets(story, second="canceled").alter("intent", {"state": "canceled"}, at=23 * HOUR + 11)
    assert findings(told, EACH) == []


def test_one_that_is_charged_again_is_found(story: Told) -> None:
    told = two_secrets(story).tell(50, "charge", "ch_2", related="pi_1", state="succeeded", amount_minor=500)
    assert "pi_1 (5.00 USD) was charged 2 times" in only(told, EACH).proof


def test_one_that_was_paid_and_lost_is_found(story: Told) -> None:
    told = two_secrets(story).alter("final_subscription", state="AwaitingPayment").drop("final_entitlement")
    assert "what was paid got lost" in only(told, EACH).proof


def test_a_single_secret_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(EACH).checks == 0


# --- zone-activated ------------------------------------------------------------------------------------------------

ZONE = "zone-activated"


def zone(story: Told, pending: float | None = 45.0, **circumstances: Any) -> Any:
    """s1 is the plan of zone z1."""
    told = story(**circumstances).plain().tell(5, "zone", "z1", related="s1", state="initializing")
    if pending is not None:
        told.tell(pending, "zone", "z1", related="s1", state="pending")
    return told.tell(7200, "final_zone", "z1", related="s1", state="initializing" if pending is None else "pending")


def test_a_zone_activated_after_payment_is_fine(story: Told) -> None:
    assert zone(story).judge(ZONE) == (1, (), None, ())


def test_a_zone_activated_before_payment_is_found(story: Told) -> None:
    assert "the zone was activated unpaid" in only(zone(story, pending=30), ZONE).proof


def test_some_deployments_activate_zones_apart_from_plans(story: Told) -> None:
    assert findings(zone(story, pending=30, zones_apart_from_plans=True), ZONE) == []


def test_a_zone_that_is_stuck_is_found(story: Told) -> None:
    assert "it is stuck" in only(zone(story, pending=None), ZONE).proof


@pytest.mark.parametrize(("asked_s", "found"), [(31, 0), (7000, 1)])
def test_a_zone_is_not_stuck_where_a_probe_asked_for_it_too_soon_and_never_again(
    story: Told, asked_s: int, found: int
) -> None:
    """A deployment may take a minute to grant what was paid; customers come back for the zone, probes do not."""
    told = zone(story, pending=None).alter("attempt", detail={"client": "probe/every-operation", "probe": "every"})
    told.tell(asked_s, "request", "r90", operation="patch_zone", detail={"method": "PATCH", "path": "/zones/z1"})
    assert len(findings(told, ZONE)) == found


def test_a_zone_that_is_stuck_because_its_payment_got_lost_is_found(story: Told) -> None:
    told = lost(story).tell(5, "zone", "z1", related="s1", state="initializing")
    told.tell(7200, "final_zone", "z1", related="s1", state="initializing")
    assert "it is stuck" in only(told, ZONE).proof


def test_a_zone_whose_plan_was_never_paid_may_wait(story: Told) -> None:
    told = story().unpaid().tell(5, "zone", "z1", related="s1", state="initializing")
    told.tell(25 * HOUR, "final_zone", "z1", related="s1", state="initializing")
    assert told.judge(ZONE) == (1, (), None, ())


def test_a_zone_is_tied_by_the_subscriptions_own_word_too(story: Told) -> None:
    told = zone(story, pending=30).alter("zone", related=None).alter("final_zone", related=None)
    assert told.judge(ZONE).checks == 0
    told.alter("subscription", {"state": "AwaitingPayment"}, detail={"rate_plan": "zone_pro", "zone_id": "z1"})
    assert len(findings(told, ZONE)) == 1


def test_no_zone_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(ZONE).checks == 0


# --- pm-saved-as-side-effect ---------------------------------------------------------------------------------------

SAVED = "pm-saved-as-side-effect"


def had(story: Told) -> Any:
    """A plain checkout of an account with pm_0 as its default."""
    told = story().plain().alter("attempt", detail={"pm_on_file": "expired", "products": ["workers_paid"], "lines": 1})
    told.drop("account_payment_method", state="default").alter("final_payment_method", state="on_file")
    told.tell(0, "account_payment_method", "pm_0", state="default", detail={"at_start": True})
    return told.tell(7200, "final_payment_method", "pm_0", state="default", detail={"attached": True})


def test_the_payment_method_that_paid_is_on_file(story: Told) -> None:
    assert story().plain().judge(SAVED) == (1, (), None, ())
    assert had(story).judge(SAVED) == (1, (), None, ())


def test_one_that_paid_and_is_not_on_file_is_found(story: Told) -> None:
    told = had(story).drop("final_payment_method", subject="pm_1")
    assert "pm_1 paid pi_1" in only(told, SAVED).proof
    told.tell(100, "account_payment_method", "pm_1", state="removed")
    assert findings(told, SAVED) == []


def test_one_that_displaced_the_default_is_found(story: Told) -> None:
    told = had(story).drop("final_payment_method")
    told.tell(7200, "final_payment_method", "pm_0", state="on_file")
    told.tell(7200, "final_payment_method", "pm_1", state="default")
    assert "paying displaced it" in only(told, SAVED).proof
    told.tell(30, "account_payment_method", "pm_0", state="removed")
    assert findings(told, SAVED) == []


def test_no_default_where_there_was_none_is_found(story: Told) -> None:
    told = story().plain().alter("final_payment_method", state="on_file")
    assert "still no default" in only(told, SAVED).proof


def test_two_defaults_are_found(story: Told) -> None:
    told = story().plain().tell(7200, "final_payment_method", "pm_2", state="default")
    assert "all the default payment method" in only(told, SAVED).proof


def test_a_refunded_payment_saves_nothing(story: Told) -> None:
    told = story().begin().bought().paid().finish("Expired", None, "succeeded", amount_refunded=500)
    assert told.judge(SAVED).checks == 0


def test_no_payment_is_no_evidence(story: Told) -> None:
    assert story().unpaid().judge(SAVED).checks == 0


# --- idempotency-honoured ------------------------------------------------------------------------------------------

KEYS = "idempotency-honoured"


def repeated(story: Told, *, subscription: str = "s1", secret: str = "pi_1", **answer: Any) -> Any:
    """r1 again, with its key and body."""
    told = story().plain().send(12, "r3", idempotency_key="k1").reply(13, "r3", **answer)
    if answer.get("status", 200) == 200:
        told.show(13, subscription, "r3", "AwaitingPayment", 500)
        told.tell(13, "secret", secret, related="r3", operation="bulk_create", detail={"well_formed": True})
    return told


def test_the_first_answer_again_is_fine(story: Told) -> None:
    assert repeated(story).judge(KEYS) == (1, (), None, ())


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"subscription": "s2"}, "made s2 where the first answer had s1"),
        ({"secret": "pi_2"}, "gave the secrets of pi_2 where the first answer had pi_1"),
        ({"status": 402, "code": 1210}, "was answered with 402, code 1210 after 200"),
        ({"status": 409, "code": 1230}, "was answered with 409, code 1230 after 200"),
    ],
)
def test_another_answer_is_found(story: Told, change: dict[str, Any], clause: str) -> None:
    assert clause in only(repeated(story, **change), KEYS).proof


def test_another_body_must_conflict(story: Told) -> None:
    def told(**answer: Any) -> Any:
        body = {"user_is_on_session": True, "payment_method_id": "pm_1"}
        return story().plain().send(12, "r3", idempotency_key="k1", body=body).reply(13, "r3", **answer)

    assert findings(told(status=409, code=1230), KEYS) == []
    assert "instead of 409, code 1230" in only(told(status=200), KEYS).proof


def test_another_operation_counts_as_another_body(story: Told) -> None:
    told = story().plain().send(12, "r3", "create", idempotency_key="k1").reply(13, "r3", "create")
    assert len(findings(told, KEYS)) == 1


@pytest.mark.parametrize("answer", [{"status": 503, "code": 1232}, {"status": None}, {"status": 429, "code": 971}])
def test_what_a_key_does_not_keep_is_no_evidence(story: Told, answer: dict[str, Any]) -> None:
    assert repeated(story, **answer).judge(KEYS).checks == 0


def test_different_keys_are_no_evidence(story: Told) -> None:
    told = story().plain().send(12, "r3", idempotency_key="k2").reply(13, "r3")
    assert told.judge(KEYS).checks == 0


# --- conversion-counted-once ---------------------------------------------------------------------------------------

COUNTED = "conversion-counted-once"


def test_one_outcome_for_one_attempt_is_fine(story: Told) -> None:
    assert story().plain().judge(COUNTED) == (1, (), None, ())
    told = story().plain().tell(100, "attempt", "a2").tell(110, "outcome", "a2", state="declined")
    assert told.judge(COUNTED) == (2, (), None, ())


def test_no_outcome_is_found(story: Told) -> None:
    assert "has no outcome" in only(story().plain().drop("outcome"), COUNTED).proof


def test_two_outcomes_are_found(story: Told) -> None:
    finding = only(story().plain().tell(90, "outcome", "a1", state="declined"), COUNTED)
    assert finding.proof.startswith("Attempt a1 ended 2 times: converted at 2026-01-05 00:00:44.200 and declined at")


def test_an_outcome_without_an_attempt_is_found(story: Told) -> None:
    assert "but never began" in only(story().plain().tell(90, "outcome", "a9", state="declined"), COUNTED).proof


def test_an_attempt_that_begins_twice_is_found(story: Told) -> None:
    assert "began 2 times" in only(story().plain().tell(3, "attempt", "a1"), COUNTED).proof


def test_an_attempt_that_was_cut_off_is_undecided(story: Told) -> None:
    judgement = story().plain().drop("outcome").alter("settled", state="cut_off").judge(COUNTED)
    assert judgement.findings == ()
    assert judgement.undecided is not None


def test_no_attempt_is_no_evidence(story: Told) -> None:
    assert settled(story()).judge(COUNTED).checks == 0


def test_the_builder_marks_what_clients_see(story: Told) -> None:
    kinds = {
        fact.kind: fact.source for fact in story().plain().facts if fact.kind not in ("subscription", "entitlement")
    }
    assert {kind for kind, source in kinds.items() if source == OBSERVED} >= {"attempt", "answer", "secret", "confirm"}
