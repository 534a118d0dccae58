"""The properties of the gate: each held, violated in every way, and without evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.properties import PROPERTIES
from scenarios.phase import GATED_OPERATIONS

Told = Callable[..., Any]


def findings(story: Any, property_id: str) -> list[Any]:
    return list(story.judge(property_id).findings)


def only(story: Any, property_id: str) -> Any:
    (finding,) = findings(story, property_id)
    return finding


# --- no-pm-gate-rejections -----------------------------------------------------------------------------------------

NONE = "no-pm-gate-rejections"


def test_a_secret_instead_of_a_rejection_is_fine(story: Told) -> None:
    assert story().plain().judge(NONE) == (1, (), None, ())


@pytest.mark.parametrize("operation", GATED_OPERATIONS)
@pytest.mark.parametrize("phase", [2, 3, 4, 5, 6])
def test_a_rejection_after_removal_is_found(story: Told, operation: str, phase: int) -> None:
    told = story(phase=phase).begin(pm_on_file="expired").send(10, "r1", operation).refuse(11, "r1", operation)
    finding = only(told, NONE)
    assert f"was refused by {operation} (payment method on file: expired) with 402, code 1210" in finding.proof
    assert [fact.kind for fact in finding.facts] == ["request", "answer"]


@pytest.mark.parametrize("phase", [0, 1])
def test_before_removal_it_does_not_apply(story: Told, phase: int) -> None:
    assert story(phase=phase).begin().refuse(11, "r1").judge(NONE) == (0, (), None, ())


def test_a_rejection_from_any_other_operation_is_found_too(story: Told) -> None:
    assert len(findings(story().begin().refuse(11, "r1", "create_zone"), NONE)) == 1


def test_the_gates_own_facts_tell_where_there_are_no_answers(story: Told) -> None:
    assert len(findings(story().tell(10, "gate", "bulk_create", state="refused"), NONE)) == 1


def test_no_secret_for_a_customer_who_is_there_is_found(story: Told) -> None:
    assert "had no way to pay" in only(story().unpaid().drop("secret"), NONE).proof


def test_a_payment_that_only_waits_for_its_event_needs_no_secret(story: Told) -> None:
    told = story().plain().drop("secret").alter("intent", {"state": "succeeded"}, at=10.6)
    assert findings(told, NONE) == []


def test_a_service_is_told_otherwise(story: Told) -> None:
    told = story().unpaid().drop("secret").drop("request").send(10, "r1", body={"user_is_on_session": False})
    assert findings(told, NONE) == []


def test_its_alert_counts_every_answer(story: Told) -> None:
    told = story().plain().refuse(50, "r3", "update")
    alert = PROPERTIES[NONE].alert
    assert alert is not None
    assert alert(told.history()) == [(11_000_000, False), (50_000_000, True)]


def test_no_answers_are_no_evidence(story: Told) -> None:
    assert story().begin().judge(NONE).checks == 0


# --- gate-as-configured --------------------------------------------------------------------------------------------

CONFIGURED = "gate-as-configured"


def test_refused_where_the_phase_says(story: Told) -> None:
    for phase, operation in ((0, "bulk_create"), (0, "profile_update"), (1, "create")):
        told = story(phase=phase).begin().send(10, "r1", operation).refuse(11, "r1", operation)
        assert told.judge(CONFIGURED) == (1, (), None, ())


@pytest.mark.parametrize(
    ("circumstances", "operation"),
    [({"phase": 1}, "update"), ({"phase": 1}, "profile_update"), ({"phase": 0, "pm_gate": False}, "bulk_create")],
)
def test_refused_where_the_phase_does_not_say_is_found(
    story: Told, circumstances: dict[str, Any], operation: str
) -> None:
    told = story(**circumstances).begin().send(10, "r1", operation).refuse(11, "r1", operation)
    assert "the gate is" in only(told, CONFIGURED).proof


@pytest.mark.parametrize("on_file", ["valid", "declining", "requires_authentication", "paypal"])
def test_refused_with_a_usable_payment_method_is_found(story: Told, on_file: str) -> None:
    told = story(phase=0).begin(pm_on_file=on_file).send(10, "r1").refuse(11, "r1")
    assert f"although a payment method was on file ({on_file})" in only(told, CONFIGURED).proof
    told.tell(5, "account_payment_method", "pm_1", state="removed")
    assert findings(told, CONFIGURED) == []


@pytest.mark.parametrize("on_file", ["none", "expired"])
def test_accepted_without_a_usable_payment_method_is_found(story: Told, on_file: str) -> None:
    told = story(phase=0).begin(pm_on_file=on_file).send(10, "r1").reply(11, "r1")
    assert "was accepted, although no valid payment method" in only(told, CONFIGURED).proof


def test_accepted_with_a_payment_method_in_the_request_is_fine(story: Told) -> None:
    told = story(phase=0).begin().send(10, "r1", body={"payment_method_id": "pm_9"}).reply(11, "r1")
    assert told.judge(CONFIGURED) == (1, (), None, ())


def test_accepted_after_the_detour_is_fine(story: Told) -> None:
    told = story(phase=0).begin().tell(5, "detour", "a1", state="added").send(10, "r1").reply(11, "r1")
    assert findings(told, CONFIGURED) == []
    other = story(phase=0).begin().tell(5, "account_payment_method", "pm_1", state="on_file").send(10, "r1")
    assert findings(other.reply(11, "r1"), CONFIGURED) == []


def test_an_expired_card_that_stood_at_the_start_adds_nothing(story: Told) -> None:
    told = story(phase=0).tell(0, "account_payment_method", "pm_1", state="on_file", detail={"at_start": True})
    told.tell(0, "payment_method", "pm_1", state="attached").begin(pm_on_file="expired").send(10, "r1").reply(11, "r1")
    assert len(findings(told, CONFIGURED)) == 1


def test_a_softened_operation_warns(story: Told) -> None:
    def told(messages: list[int]) -> Any:
        tale = story(phase=1).begin().send(10, "r1", "update")
        return tale.reply(11, "r1", "update", detail={"messages": messages})

    assert findings(told([1210]), CONFIGURED) == []
    assert "without the 1210 warning" in only(told([]), CONFIGURED).proof


def test_something_made_by_a_refused_request_is_found(story: Told) -> None:
    told = story(phase=0).begin().send(10, "r1").state(10.5, "s1", "AwaitingPayment").refuse(11, "r1")
    assert "s1 had been made all the same" in only(told, CONFIGURED).proof
    two_tabs = story(phase=0).begin().send(10, "r1").state(10.5, "s1", "AwaitingPayment").refuse(11, "r1")
    two_tabs.send(10.1, "r2", body={"payment_method_id": "pm_9"}).reply(12, "r2")
    assert findings(two_tabs, CONFIGURED) == []


def test_after_removal_it_does_not_apply(story: Told) -> None:
    assert story(phase=2).begin().send(10, "r1").refuse(11, "r1").judge(CONFIGURED) == (0, (), None, ())


# --- gate-code-means-gate ------------------------------------------------------------------------------------------

CODE = "gate-code-means-gate"


def test_the_gate_and_a_refused_card_are_told_apart(story: Told) -> None:
    told = story().begin().refuse(11, "r1").reply(12, "r2", status=402, code=1214, detail={"decline_code": "lost_card"})
    assert told.judge(CODE) == (2, (), None, ())


@pytest.mark.parametrize(
    ("answer", "clause"),
    [
        ({"status": 403, "code": 1210}, "1210 belongs to 402 alone"),
        ({"status": 402, "code": 1210, "operation": "pay_bad_debt"}, "never had the gate"),
        ({"status": 402, "code": 1210, "detail": {"decline_code": "lost_card"}}, "declined by Stripe (lost_card)"),
        ({"status": 402, "code": None}, "cannot be told from the gate"),
        ({"status": 402, "code": 1001}, "cannot be told from the gate"),
    ],
)
def test_what_looks_like_the_gate_and_is_not_is_found(story: Told, answer: dict[str, Any], clause: str) -> None:
    assert clause in only(story().begin().send(10, "r1").reply(11, "r1", **answer), CODE).proof


def test_a_card_refused_at_stripe_that_looks_like_the_gate_is_found(story: Told) -> None:
    told = story().begin().send(10, "r1", body={"payment_method_id": "pm_9"}).refuse(11, "r1")
    assert findings(told, CODE) == []
    told.tell(10.5, "charge", "ch_1", related="pi_1", state="failed")
    assert "Stripe had just refused a card" in only(told, CODE).proof


def test_no_refusal_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(CODE).checks == 0


# --- other-refusals-survive ----------------------------------------------------------------------------------------

OTHERS = "other-refusals-survive"


def test_refusals_with_their_status_are_fine(story: Told) -> None:
    told = story().begin().reply(11, "r1", status=403, code=1212).reply(12, "r2", status=409, code=1231)
    assert told.judge(OTHERS) == (2, (), None, ())


def test_a_refusal_with_another_status_is_found(story: Told) -> None:
    told = story().begin().reply(11, "r1", status=400, code=1215)
    assert "that code comes with 403" in only(told, OTHERS).proof


@pytest.mark.parametrize(("standing", "code"), [("locked", 1212), ("banned", 1213), ("debtor", 1215)])
def test_accounts_that_must_not_buy_are_refused(story: Told, standing: str, code: int) -> None:
    def told(**answer: Any) -> Any:
        tale = story().begin().tell(0, "standing", "acct00000007", state=standing).send(10, "r1")
        return tale.reply(11, "r1", **answer)

    assert findings(told(status=403, code=code), OTHERS) == []
    assert f"403, code {code} was expected" in only(told(status=200), OTHERS).proof
    assert len(findings(told(status=402, code=1210), OTHERS)) == 1
    assert findings(told(status=503, code=1232), OTHERS) == []
    assert findings(told(status=400, code=1001), OTHERS) == []


def test_an_account_that_was_unlocked_buys_again(story: Told) -> None:
    told = story().begin().tell(0, "standing", "a", state="locked").tell(5, "standing", "a", state="good")
    assert findings(told.send(10, "r1").reply(11, "r1"), OTHERS) == []


def test_a_standing_that_changes_meanwhile_accuses_nobody(story: Told) -> None:
    told = story().begin().tell(0, "standing", "a", state="locked").tell(10.5, "standing", "a", state="good")
    assert told.send(10, "r1").reply(11, "r1").judge(OTHERS).checks == 0


def test_a_debtor_who_has_paid_may_buy(story: Told) -> None:
    told = story().begin().tell(0, "standing", "a", state="debtor").send(5, "r0", "pay_bad_debt")
    told.reply(6, "r0", "pay_bad_debt").send(10, "r1").reply(11, "r1")
    assert findings(told, OTHERS) == []
    told.alter("answer", {"subject": "r0"}, state="refused", status=402, code=1214)
    assert "403, code 1215 was expected" in only(told, OTHERS).proof


def test_reads_that_are_refused_for_the_standing_are_found(story: Told) -> None:
    told = story().begin().tell(0, "standing", "a", state="banned")
    told.send(10, "r1", "billing_history").reply(11, "r1", "billing_history")
    assert told.judge(OTHERS) == (1, (), None, ())
    told.alter("answer", state="refused", status=403, code=1213)
    assert "may still read what it has" in only(told, OTHERS).proof


# --- secret-usable -------------------------------------------------------------------------------------------------

SECRET = "secret-usable"


def test_a_live_secret_of_ones_own_is_fine(story: Told) -> None:
    assert story().plain().judge(SECRET) == (1, (), None, ())


def test_a_malformed_secret_is_found(story: Told) -> None:
    told = story().plain().alter("secret", detail={"well_formed": False})
    assert "not well formed" in only(told, SECRET).proof
    assert len(findings(story().begin().tell(11, "secret", "malformed", related="r1"), SECRET)) == 1


def test_somebody_elses_secret_is_found(story: Told) -> None:
    told = story().plain().alter("secret", detail={"well_formed": True, "owner_account": "acct00000001"})
    assert "belongs to account acct00000001" in only(told, SECRET).proof
    by_stripe = story().plain()
    by_stripe.alter("intent", {"amount_minor": 500}, detail={"account_id": "acct00000002", "subscription_ids": ["s1"]})
    assert "belongs to account acct00000002" in only(by_stripe, SECRET).proof


def test_the_secret_of_an_unknown_intent_is_found(story: Told) -> None:
    told = story().plain().tell(50, "secret", "pi_77", related="r1", operation="pre_auth", detail={"well_formed": True})
    assert "which Stripe does not know" in only(told, SECRET).proof


def test_the_secret_of_a_cancelled_intent_is_found(story: Told) -> None:
    told = story().plain().alter("intent", {"state": "succeeded"}, state="canceled", at=9)
    assert "had been cancelled at" in only(told, SECRET).proof


def test_a_secret_that_is_cancelled_while_the_answer_travels_is_fine(story: Told) -> None:
    told = story().plain().alter("intent", {"state": "succeeded"}, state="canceled", at=10.9)
    assert findings(told, SECRET) == []


def test_a_stored_answer_may_hold_a_secret_that_has_ended(story: Told) -> None:
    told = story().unpaid().alter("intent", {"state": "canceled"}, at=20)
    told.send(30, "r7", idempotency_key="k1").reply(31, "r7")
    told.tell(31, "secret", "pi_1", related="r7", operation="bulk_create", detail={"well_formed": True})
    assert findings(told, SECRET) == []


def test_a_secret_that_is_settled_already_is_fine(story: Told) -> None:
    told = story().plain().tell(60, "secret", "pi_1", related="r1", detail={"well_formed": True})
    assert findings(told, SECRET) == []


def test_a_set_up_for_what_must_be_paid_is_found(story: Told) -> None:
    told = story().begin().send(10, "r1").state(10.5, "s1", "AwaitingPayment", related="seti_1").reply(11, "r1")
    told.tell(
        10.3, "intent", "seti_1", state="requires_payment_method", amount_minor=0, detail={"subscription_ids": ["s1"]}
    )
    told.tell(11, "secret", "seti_1", related="r1", operation="bulk_create", detail={"well_formed": True})
    assert "nothing would be paid" in only(told, SECRET).proof


def test_no_secret_is_no_evidence(story: Told) -> None:
    assert story().begin().judge(SECRET).checks == 0


# --- off-session-told ----------------------------------------------------------------------------------------------

OFF = "off-session-told"


def service(story: Told, messages: list[int] | None = None) -> Any:
    """A service buys without a customer: 200, AwaitingPayment."""
    told = story().unpaid().drop("request").drop("answer").drop("secret")
    told.send(10, "r1", body={"user_is_on_session": False}, actor="iapi/provisioner")
    return told.reply(11, "r1", actor="iapi/provisioner", detail={"messages": messages} if messages else None)


def test_a_service_that_is_told_is_fine(story: Told) -> None:
    assert service(story, [1211]).judge(OFF) == (1, (), None, ())


def test_a_service_that_is_not_told_is_found(story: Told) -> None:
    assert "without the message 1211" in only(service(story), OFF).proof


def test_a_service_that_is_shown_an_unpaid_subscription_as_active_is_found(story: Told) -> None:
    told = service(story, [1211]).alter("subscription", {"source": "observed"}, state="Provisioned")
    finding = only(told, OFF)
    assert "was shown s1 as Provisioned" in finding.proof
    assert finding.magnitude == 500


def test_a_payment_that_only_waits_for_its_event_needs_no_message(story: Told) -> None:
    told = service(story).tell(10.6, "intent", "pi_1", state="succeeded", amount_minor=500)
    assert findings(told, OFF) == []


def test_a_refusal_without_a_code_is_found(story: Told) -> None:
    def told(**answer: Any) -> Any:
        return story().begin().send(10, "r1", body={"user_is_on_session": False}).reply(11, "r1", **answer)

    assert "no error code" in only(told(status=402), OFF).proof
    assert findings(told(status=402, code=1214), OFF) == []
    assert told(status=503).judge(OFF).checks == 0


def test_a_customer_who_is_there_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(OFF).checks == 0


# --- consumers-known -----------------------------------------------------------------------------------------------

CONSUMERS = "consumers-known"


@pytest.mark.parametrize("client", ["unified-checkout", "multisku", "billing-profile", "iapi/provisioner"])
def test_declared_consumers_are_listed_and_fine(story: Told, client: str) -> None:
    told = story(phase=0).begin().refuse(11, "r1", actor=client).tell(60, "settled", "a", state="drained")
    judgement = told.judge(CONSUMERS)
    assert judgement == (1, (), None, (f"{client} bulk_create",))


def test_an_undeclared_consumer_is_found_once_a_customer(story: Told) -> None:
    told = story(phase=0).begin().refuse(11, "r1", "create", actor="iapi/zone-sync")
    told.refuse(12, "r2", "create", actor="iapi/zone-sync")
    judgement = told.tell(60, "settled", "a", state="drained").judge(CONSUMERS)
    assert "iapi/zone-sync was refused with 402, code 1210, by create" in judgement.findings[0].proof
    assert len(judgement.findings) == 1
    assert judgement.noted == ("iapi/zone-sync create", "iapi/zone-sync create")


def test_a_warning_is_a_1210_too(story: Told) -> None:
    told = story(phase=1).begin().reply(11, "r1", "update", actor="iapi/x", detail={"messages": [1210]})
    assert "was warned with 1210 by update" in only(told.tell(60, "settled", "a", state="drained"), CONSUMERS).proof


def test_without_a_list_a_1210_is_undecided(story: Told) -> None:
    told = story(phase=0, declared_consumers=None).begin().refuse(11, "r1").tell(60, "settled", "a", state="drained")
    judgement = told.judge(CONSUMERS)
    assert judgement.findings == ()
    assert judgement.undecided is not None
    held = story(phase=0, declared_consumers=None).plain().judge(CONSUMERS)
    assert held == (1, (), None, ())


def test_a_pattern_declares_one_operation(story: Told) -> None:
    circumstances = {"phase": 0, "declared_consumers": (("iapi/*", "create"),)}
    told = story(**circumstances).begin().refuse(11, "r1", "create", actor="iapi/x")
    told.refuse(12, "r2", "update", actor="iapi/x").tell(60, "settled", "a", state="drained")
    assert "by update" in only(told, CONSUMERS).proof


def test_no_gated_answer_is_no_evidence(story: Told) -> None:
    told = story().begin().reply(1, "r1", "entitlements").tell(60, "settled", "a", state="drained")
    assert told.judge(CONSUMERS).checks == 0


# --- old-frontend-survives -----------------------------------------------------------------------------------------

OLD = "old-frontend-survives"


def test_an_old_front_end_that_ends_clearly_is_fine(story: Told) -> None:
    assert story(front_end="old").plain().judge(OLD) == (1, (), None, ("converted",))


@pytest.mark.parametrize(("phase", "front_end"), [(2, "old"), (3, "old"), (0, "new"), (1, "inline"), (5, "inline")])
def test_it_applies_to_fronts_and_backends_of_different_age(story: Told, phase: int, front_end: str) -> None:
    assert story(phase=phase, front_end=front_end).plain().judge(OLD).checks == 1


@pytest.mark.parametrize(("phase", "front_end"), [(0, "old"), (1, "old"), (3, "inline"), (4, "new"), (6, "new")])
def test_it_does_not_apply_to_contemporaries(story: Told, phase: int, front_end: str) -> None:
    assert story(phase=phase, front_end=front_end).plain().judge(OLD).checks == 0


def test_a_crash_is_found(story: Told) -> None:
    assert "crashed" in only(story(front_end="old").plain().alter("outcome", state="error"), OLD).proof


def test_a_customer_who_is_told_nothing_is_found(story: Told) -> None:
    told = story(front_end="old").plain().alter("outcome", state="stuck").drop("shown")
    assert "without being told anything" in only(told, OLD).proof


def test_a_customer_who_is_told_that_it_is_processing_is_counted_and_no_finding(story: Told) -> None:
    told = story(front_end="old").plain().alter("outcome", state="stuck").alter("shown", state="processing")
    assert told.judge(OLD) == (1, (), None, ("stuck",))


def test_a_bad_end_after_a_fault_or_a_missing_answer_is_not_its_doing(story: Told) -> None:
    faulty = story(front_end="old").plain().alter("outcome", state="error").tell(20, "fault", "stripe", state="error")
    assert findings(faulty, OLD) == []
    unknown = story(front_end="old").plain().alter("outcome", state="error").reply(30, "r5", status=None)
    assert findings(unknown, OLD) == []


def test_no_end_at_all_is_found(story: Told) -> None:
    assert "never came to an end" in only(story(front_end="old").plain().drop("outcome"), OLD).proof


def test_a_grant_for_good_is_found(story: Told) -> None:
    told = story(front_end="old").unpaid(state="Provisioned", intent="requires_payment_method")
    told.tell(25 * 3600, "final_entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    finding = only(told, OLD)
    assert "was granted for good" in finding.proof
    assert finding.magnitude == 502


def test_a_service_has_no_front_end(story: Told) -> None:
    told = story(front_end="old").plain().alter("attempt", detail={"client": "iapi/provisioner"})
    assert told.judge(OLD).checks == 0
