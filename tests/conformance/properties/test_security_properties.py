"""The properties of isolation, administrators, secrets and card data: each held, violated in every way, undecided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sim.facts import OBSERVED

Told = Callable[..., Any]
ACCOUNT = "acct00000007"
NEIGHBOUR = "near00000007"
SUBSCRIPTION = {
    "id": "s9",
    "rate_plan": {"id": "zone_pro"},
    "frequency": "monthly",
    "price": 2500,
    "state": "Provisioned",
}
ENTITLEMENT = {"feature": "workers_paid", "subscription_id": "s1", "status": "active"}
CARD = "4000056655665556"


def findings(story: Any, property_id: str) -> list[Any]:
    return list(story.judge(property_id).findings)


def only(story: Any, property_id: str) -> Any:
    (finding,) = findings(story, property_id)
    return finding


def tried(told: Any, at: float, request: str, operation: str, tries: str, status: int | None, **about: Any) -> Any:
    """A probe's request and its answer; `code` and `body` are the answer's code and the request's body."""
    code, body = about.pop("code", None), about.pop("body", None)
    told.send(at, request, operation, probe={"tries": tries, **about}, body=body)
    return told.reply(at + 0.1, request, operation, status, code=code)


def looked(told: Any, at: float, state: str, operation: str, read: Any, owner: str = "self", status: int = 200) -> Any:
    """A reading of one of the two accounts."""
    subject = ACCOUNT if owner == "self" else NEIGHBOUR
    detail = {"owner": owner, "read": read}
    return told.tell(
        at, "snapshot", subject, source=OBSERVED, operation=operation, state=state, status=status, detail=detail
    )


def settled(told: Any, at: float = 7200.0) -> Any:
    return told.tell(at, "settled", ACCOUNT, state="drained")


# --- accounts-isolated ---------------------------------------------------------------------------------------------

ISOLATED = "accounts-isolated"


def beside(told: Any, before: Any = (SUBSCRIPTION,), after: Any = (SUBSCRIPTION,)) -> Any:
    """The neighbour has a subscription, and still has it."""
    looked(told, 1, "before", "list_subscriptions", [])
    looked(told, 1, "before", "list_subscriptions", list(before), "neighbour")
    looked(told, 90, "after", "list_subscriptions", [])
    looked(told, 90, "after", "list_subscriptions", list(after), "neighbour")
    return settled(told)


def reached(told: Any, status: int | None, **about: Any) -> Any:
    return tried(told, 10, "r1", "cancel", "foreign_id", status, what="subscription", id="s9", owner=NEIGHBOUR, **about)


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_another_accounts_id_may_be_refused_in_any_way(story: Told, status: int) -> None:
    assert beside(reached(story(), status)).judge(ISOLATED) == (2, (), None, ())


def test_another_accounts_id_that_is_not_refused_is_found(story: Told) -> None:
    finding = only(beside(reached(story(), 200)), ISOLATED)
    assert "named subscription s9 of account near00000007, and was answered with 200" in finding.proof


def test_another_accounts_id_over_which_the_deployment_fails_is_found(story: Told) -> None:
    assert "it got so far" in only(beside(reached(story(), 500)), ISOLATED).proof


@pytest.mark.parametrize("status", [None, 429, 503])
def test_an_answer_that_says_nothing_leaves_it_undecided(story: Told, status: int | None) -> None:
    judgement = beside(reached(story(), status)).judge(ISOLATED)
    assert judgement.findings == ()
    assert "cancel (r1) was answered with" in (judgement.undecided or "")


def test_another_account_in_the_path_is_found(story: Told) -> None:
    told = beside(story())
    tried(told, 10, "r1", "entitlements", "foreign_account", 200, owner=NEIGHBOUR)
    assert "named account near00000007 in its path" in only(told, ISOLATED).proof


def test_a_credential_that_is_none_is_found(story: Told) -> None:
    told = beside(story())
    tried(told, 10, "r1", "entitlements", "credential", 200, credential="no token")
    assert "came with no token for a credential" in only(told, ISOLATED).proof


def test_a_change_of_the_neighbours_things_is_found(story: Told) -> None:
    told = beside(reached(story(), 404), after=({**SUBSCRIPTION, "state": "Cancelled"},))
    finding = only(told, ISOLATED)
    assert 's9 was state "Provisioned", and is "Cancelled"' in finding.proof
    assert finding.magnitude == 10


def test_what_the_neighbour_lost_or_got_is_found(story: Told) -> None:
    assert "s9 is gone" in only(beside(reached(story(), 404), after=()), ISOLATED).proof
    assert "s9 is new" in only(beside(reached(story(), 404), before=()), ISOLATED).proof


def test_a_neighbour_who_is_not_reached_for_may_do_as_it_likes(story: Told) -> None:
    assert beside(story(), before=()).judge(ISOLATED).checks == 0


def test_what_the_contract_leaves_open_may_change(story: Told) -> None:
    told = beside(reached(story(), 404), after=({**SUBSCRIPTION, "read_at": "2026-01-05T00:01:30Z"},))
    assert findings(told, ISOLATED) == []


def test_a_list_that_shows_the_neighbours_things_is_found(story: Told) -> None:
    told = looked(beside(reached(story(), 404)), 80, "after", "list_subscriptions", [SUBSCRIPTION])
    assert "showed account acct00000007 s9" in only(told, ISOLATED).proof


def test_a_row_that_both_accounts_are_shown_is_found(story: Told) -> None:
    told = beside(reached(story(), 404))
    for owner in ("self", "neighbour"):
        looked(told, 0, "before", "list_subscriptions", [SUBSCRIPTION], owner)
    assert "one of them was shown what is the other's" in only(told, ISOLATED).proof


def test_ids_that_both_accounts_have_are_nobodys_secret(story: Told) -> None:
    told = beside(reached(story(), 404))
    looked(told, 0, "before", "billing_history", [{"id": "1", "amount": 500}])
    looked(told, 0, "before", "billing_history", [{"id": "1", "amount": 900}], "neighbour")
    assert findings(told, ISOLATED) == []


def test_the_same_key_in_another_account_is_another_key(story: Told) -> None:
    told = beside(story())
    tried(told, 10, "r1", "bulk_create", "foreign_key", 200, owner=NEIGHBOUR)
    told.show(10.1, "s1", "r1", "AwaitingPayment", 500)
    assert findings(told, ISOLATED) == []


def test_a_key_that_is_shared_is_found(story: Told) -> None:
    told = beside(story())
    tried(told, 10, "r1", "bulk_create", "foreign_key", 200, owner=NEIGHBOUR)
    told.show(10.1, "s9", "r1", "Provisioned", 2500)
    assert "brought the answer that the other had got, with s9" in only(told, ISOLATED).proof


def test_a_key_that_the_other_has_used_up_is_found(story: Told) -> None:
    told = beside(story())
    tried(told, 10, "r1", "bulk_create", "foreign_key", 409, owner=NEIGHBOUR, code=1230)
    assert "was taken for used" in only(told, ISOLATED).proof


def test_what_could_not_be_tried_is_undecided(story: Told) -> None:
    told = story().tell(5, "unreachable", "foreign_id", source=OBSERVED, detail={"reason": "there is no neighbour"})
    assert told.judge(ISOLATED).undecided == "foreign_id could not be tried: there is no neighbour"


@pytest.mark.parametrize(
    "name", ["accounts-isolated", "admin-authenticated", "admin-grants-only-what-is-paid", "secrets-stay-secret"]
)
def test_a_customer_who_only_buys_is_no_evidence(story: Told, name: str) -> None:
    assert story().plain().judge(name).checks == 0


# --- admin-authenticated -------------------------------------------------------------------------------------------

AUTHENTICATED = "admin-authenticated"


def knocked(told: Any, status: int | None, **more: Any) -> Any:
    """A token that is none, between two readings."""
    looked(told, 1, "before", "entitlements", more.pop("before", []))
    tried(told, 10, "r1", "admin_unlock", "admin_token", status, manner="alg: none", **more)
    return settled(looked(told, 20, "after", "entitlements", more.pop("after", [])))


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_none_is_refused(story: Told, status: int) -> None:
    assert knocked(story(), status).judge(AUTHENTICATED) == (2, (), None, ())


def test_a_token_that_is_none_and_does_is_found(story: Told) -> None:
    proof = only(knocked(story(), 200), AUTHENTICATED).proof
    assert "came at 2026-01-05 00:00:10.000 with alg: none and was answered with 200; 401 or 403" in proof


@pytest.mark.parametrize("status", [404, 405, 503, None])
def test_where_there_is_no_such_operation_nothing_is_known(story: Told, status: int | None) -> None:
    judgement = knocked(story(), status).judge(AUTHENTICATED)
    assert judgement.checks == 0
    assert "nothing is known of its tokens" in (judgement.undecided or "")


def test_refusals_prove_nothing_where_nobody_is_let_in(story: Told) -> None:
    told = knocked(story(), 401)
    tried(told, 30, "r2", "admin_state", "admin", 401)
    assert "refused too (admin_state: 401)" in (told.judge(AUTHENTICATED).undecided or "")


def test_a_change_by_a_token_that_was_refused_is_found(story: Told) -> None:
    told = looked(knocked(story(), 401), 15, "after", "entitlements", [ENTITLEMENT])
    assert "the entitlement workers_paid of s1 is new" in only(told, AUTHENTICATED).proof


def test_a_lock_that_shows_when_buying_is_found(story: Told) -> None:
    told = tried(knocked(story(), 401), 30, "r2", "bulk_create", "standing", 403, code=1212, standing="good")
    assert "was refused (403, code 1212), as if it were locked" in only(told, AUTHENTICATED).proof


def test_an_unlock_that_shows_when_buying_is_found(story: Told) -> None:
    told = tried(knocked(story(), 401), 30, "r2", "bulk_create", "standing", 200, standing="locked")
    assert "was let through (200) instead of refused with code 1212" in only(told, AUTHENTICATED).proof


def test_a_lock_that_stays_is_fine(story: Told) -> None:
    told = tried(knocked(story(), 401), 30, "r2", "bulk_create", "standing", 403, code=1212, standing="locked")
    assert told.judge(AUTHENTICATED) == (3, (), None, ())


# --- admin-grants-only-what-is-paid --------------------------------------------------------------------------------

GRANTS = "admin-grants-only-what-is-paid"


def administered(told: Any, at: float, granted: bool, operation: str = "admin_sync_entitlements") -> Any:
    """An administrator's operation between two readings of the entitlements."""
    looked(told, at, "before", "entitlements", [])
    tried(told, at + 1, "r8", operation, "admin", 200)
    return looked(told, at + 2, "after", "entitlements", [ENTITLEMENT] if granted else [])


def test_what_is_paid_may_be_granted_by_an_administrator(story: Told) -> None:
    assert administered(story().plain(), 100, granted=True).judge(GRANTS) == (1, (), None, ())


def test_what_is_unpaid_and_stays_so_is_fine(story: Told) -> None:
    assert administered(story().unpaid(), 100, granted=False).judge(GRANTS) == (1, (), None, ())


def test_what_is_unpaid_and_shown_as_granted_is_found(story: Told) -> None:
    finding = only(administered(story().unpaid(), 100, granted=True), GRANTS)
    assert "entitlements shows subscription s1 granted" in finding.proof
    assert "pi_1 (5.00 USD due) never succeeded" in finding.proof
    assert finding.magnitude == 500


def test_what_the_service_says_it_granted_unpaid_is_found_once(story: Told) -> None:
    told = administered(story().unpaid(), 100, granted=True)
    told.tell(101, "entitlement", "s1", state="active", detail={"feature": "workers_paid", "because": "sync"})
    assert "sync activated the entitlement of subscription s1" in only(told, GRANTS).proof


def test_a_state_that_is_granted_unpaid_is_found(story: Told) -> None:
    told = administered(story().unpaid(), 100, granted=False)
    looked(told, 99, "before", "list_subscriptions", [{"id": "s1", "state": "Expired"}])
    looked(told, 103, "after", "list_subscriptions", [{"id": "s1", "state": "Provisioned"}])
    assert "list_subscriptions shows subscription s1 granted" in only(told, GRANTS).proof


def test_a_second_recomputation_that_changes_something_is_found(story: Told) -> None:
    told = administered(story().plain(), 100, granted=True, operation="admin_recompute")
    looked(told, 110, "recomputed", "entitlements", [{**ENTITLEMENT, "activated_on": "2026-01-05T00:01:41Z"}])
    looked(told, 120, "recomputed_again", "entitlements", [{**ENTITLEMENT, "activated_on": "2026-01-05T00:01:51Z"}])
    assert "the second time should have changed nothing" in only(told, GRANTS).proof


def test_a_second_recomputation_that_changes_nothing_is_fine(story: Told) -> None:
    told = administered(story().plain(), 100, granted=True, operation="admin_recompute")
    for at, label in ((110, "recomputed"), (120, "recomputed_again")):
        looked(told, at, label, "admin_state", {"account_id": ACCOUNT, "entitlements": [ENTITLEMENT]})
    assert told.judge(GRANTS) == (2, (), None, ())


def test_an_administrator_who_is_not_let_in_leaves_it_undecided(story: Told) -> None:
    told = tried(story().plain(), 100, "r8", "admin_recompute", "admin", 401)
    looked(told, 99, "before", "entitlements", [])
    assert told.judge(GRANTS).undecided == "admin_recompute was answered with 401 to a valid token"


# --- secrets-stay-secret -------------------------------------------------------------------------------------------

SECRET = "secrets-stay-secret"


def inspected(told: Any, state: str, **detail: Any) -> Any:
    return told.tell(
        20, "inspected", "r1", source=OBSERVED, operation="profile_get", state=state, status=200, detail=detail or None
    )


@pytest.mark.parametrize("state", ["fits", "misfit"])
def test_an_answer_without_a_leak_is_fine(story: Told, state: str) -> None:
    assert inspected(story().plain(), state).judge(SECRET) == (1, (), None, ())


def test_a_leak_is_found(story: Told) -> None:
    finding = only(inspected(story().plain(), "leak", what="a secret key of Stripe's (sk_test_…)"), SECRET)
    assert "(request r1, status 200) gave account acct00000007 a secret key of Stripe's" in finding.proof


def test_a_secret_in_an_address_is_found(story: Told) -> None:
    told = inspected(story().plain(), "fits")
    told.send(50, "r7", "profile_get", path="/api/v4/billing/profile?client_secret=pi_1_secret_abc")
    assert "at an address with a secret in it" in only(told, SECRET).proof


# --- card-data-stays-out -------------------------------------------------------------------------------------------

CARDS = "card-data-stays-out"


def pushed(told: Any, status: int | None, needed: bool = True) -> Any:
    body = {"card": {"number": CARD}}
    return tried(
        told, 10, "r5", "add_payment_method", "card_number", status, needed=needed, place="card.number",
        last4="5556", body=body,
    )  # fmt: skip


def test_bodies_without_card_numbers_are_fine(story: Told) -> None:
    assert story().plain().judge(CARDS) == (2, (), None, ())


@pytest.mark.parametrize("number", ["4242424242424242", "4000 0566 5566 5556", "3782-822463-10005", 5555555555554444])
def test_a_client_that_sends_a_card_number_is_found(story: Told, number: object) -> None:
    told = story().plain().send(50, "r9", "add_payment_method", body={"card": {"number": number}})
    assert "unified-checkout sent the gateway a card number" in only(told, CARDS).proof


@pytest.mark.parametrize(
    "body",
    [
        {"subscription_id": "4242424242424242"},
        {"reference": "4242424242424241"},
        {"reference": "9242424242424242"},
        {"amount": 1767571200000000, "name": "acct4242424242424242"},
    ],
)
def test_a_number_that_is_none_of_a_card_is_fine(story: Told, body: object) -> None:
    assert findings(story().plain().send(50, "r9", "create_zone", body=body), CARDS) == []


@pytest.mark.parametrize(("status", "needed"), [(400, True), (422, False), (200, False)])
def test_a_card_number_may_be_refused_or_ignored(story: Told, status: int, needed: bool) -> None:
    assert settled(pushed(story(), status, needed)).judge(CARDS) == (2, (), None, ())


def test_a_card_number_that_was_needed_and_taken_is_found(story: Told) -> None:
    assert "and was done: 200" in only(settled(pushed(story(), 200)), CARDS).proof


def test_a_card_number_over_which_the_deployment_fails_is_found(story: Told) -> None:
    assert "the deployment failed over it: 500" in only(settled(pushed(story(), 500)), CARDS).proof


def test_a_card_number_that_is_shown_later_is_found(story: Told) -> None:
    told = looked(settled(pushed(story(), 200, needed=False)), 20, "after", "profile_get", {"name": f"A, {CARD}"})
    assert "profile_get showed one: it was kept" in only(told, CARDS).proof


def test_a_card_number_that_an_answer_held_later_is_found(story: Told) -> None:
    what = "a card number (ends in 5556), which the request did not bring"
    told = settled(pushed(story(), 200, needed=False)).tell(
        20, "inspected", "r7", source=OBSERVED, operation="profile_get", state="leak", status=200, detail={"what": what}
    )
    assert "profile_get answered with a card number (ends in 5556)" in only(told, CARDS).proof


def test_a_number_that_was_blotted_out_before_judging_is_found(story: Told) -> None:
    told = story().send(50, "r9", "add_payment_method", body={"card": {"number": "…4242"}, "zone_id": "…1234"})
    told.tell(90, "settled", ACCOUNT, source=OBSERVED, state="drained")
    assert "sent the gateway a card number" in only(told, CARDS).proof
    without = story().send(50, "r9", "create_zone", body={"name": "a…1234", "zone_id": "…1234"})
    assert findings(without.tell(90, "settled", ACCOUNT, source=OBSERVED, state="drained"), CARDS) == []


def test_a_card_on_file_that_came_of_a_number_is_found(story: Told) -> None:
    told = settled(pushed(story(), 200, needed=False))
    looked(told, 1, "before", "payment_methods", [])
    looked(told, 20, "after", "payment_methods", [{"id": "pm_1", "type": "card", "card": {"last4": "5556"}}])
    assert "pm_1, a card that ends like one of them, is on file" in only(told, CARDS).proof


def test_a_push_that_was_not_answered_is_undecided(story: Told) -> None:
    assert settled(pushed(story(), None)).judge(CARDS).undecided == "add_payment_method (r5) was answered with nothing"


# --- webhook-authentic, between a probe's readings -----------------------------------------------------------------

AUTHENTIC = "webhook-authentic"


def forged(told: Any, state: str = "AwaitingPayment") -> Any:
    waiting = {**SUBSCRIPTION, "state": "AwaitingPayment"}
    looked(told, 20, "before", "list_subscriptions", [waiting])
    success = {"related": "pi_1", "operation": "payment_intent.succeeded"}
    told.tell(21, "webhook", "evt_x", state="failed", status=400, detail={"authentic": False}, **success)
    return looked(told, 22, "after", "list_subscriptions", [{**waiting, "state": state}])


def test_a_forgery_that_changes_nothing_is_fine(story: Told) -> None:
    assert forged(settled(story())).judge(AUTHENTIC) == (2, (), None, ())


def test_a_refused_forgery_that_changes_something_is_found(story: Told) -> None:
    assert (
        "nothing happened to account acct00000007 but deliveries"
        in only(forged(settled(story()), "Provisioned"), AUTHENTIC).proof
    )


def test_what_the_customer_changed_meanwhile_is_nobodys_forgery(story: Told) -> None:
    told = forged(settled(story()), "Cancelled").send(21.5, "r4", "cancel", method="DELETE")
    assert findings(told, AUTHENTIC) == []
