"""The properties of the account area: each held, violated in every way, undecided, and without evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sim.facts import LEDGER, OBSERVED

Told = Callable[..., Any]
HOUR = 3600.0
OTHER = "acct00000008"


def findings(story: Any, property_id: str) -> list[Any]:
    return list(story.judge(property_id).findings)


def only(story: Any, property_id: str) -> Any:
    (finding,) = findings(story, property_id)
    return finding


def read(told: Any, at: float, operation: str, listed: list[Any], owner: str = "self", **more: Any) -> Any:
    """A reading of a list by a probe."""
    state = more.pop("state", "look")
    subject = "acct00000007" if owner == "self" else OTHER
    detail = {"owner": owner, "read": listed, **more}
    return told.tell(
        at, "snapshot", subject, source=OBSERVED, operation=operation, state=state, status=200, detail=detail
    )


def ask(told: Any, at: float, request: str, operation: str, path: str, body: Any = None, method: str = "POST") -> Any:
    return told.send(at, request, operation, method=method, path=path, body=body, probe={"tries": "something"})


def pm(name: str, valid: bool = True, default: bool = True, kind: str = "card") -> dict[str, Any]:
    return {"id": name, "type": kind, "is_default": default, "valid": valid}


def sub(name: str, state: str = "Provisioned", price: int = 2500, plan: str = "zone_pro") -> dict[str, Any]:
    return {"id": name, "rate_plan": {"id": plan}, "price": price, "state": state}


def settled(told: Any, at: float = 7200.0) -> Any:
    return told.tell(at, "settled", "acct00000007", state="drained")


# --- pm-in-use-protected ---------------------------------------------------------------------------------------------

IN_USE = "pm-in-use-protected"


def removal(
    story: Told,
    status: int = 409,
    methods: tuple[Any, ...] = (pm("pm_1"),),
    held: tuple[Any, ...] = (sub("s0"),),
    after: tuple[Any, ...] | None = None,
    **answer: Any,
) -> Any:
    """A probe looks, removes pm_1, and looks again."""
    told = story()
    read(told, 1, "payment_methods", list(methods))
    read(told, 1.2, "list_subscriptions", list(held))
    ask(told, 2, "r1", "remove_payment_method", "/api/v4/payment-methods/pm_1", method="DELETE")
    told.reply(3, "r1", "remove_payment_method", status, **answer)
    kept = methods if status >= 400 else tuple(one for one in methods if one["id"] != "pm_1")
    read(told, 4, "payment_methods", list(kept if after is None else after))
    read(told, 4.2, "list_subscriptions", list(held))
    return settled(told)


def test_a_removal_that_is_refused_is_fine(story: Told) -> None:
    assert removal(story).judge(IN_USE) == (1, (), None, ())


def test_a_removal_that_is_told_is_fine(story: Told) -> None:
    assert removal(story, 200, detail={"messages": [1299]}).judge(IN_USE) == (1, (), None, ())


def test_a_removal_of_what_nothing_depends_on_is_fine(story: Told) -> None:
    assert removal(story, 200, held=()).judge(IN_USE) == (1, (), None, ())
    assert removal(story, 200, held=(sub("s0", "Cancelled"),)).judge(IN_USE) == (1, (), None, ())
    assert removal(story, 200, (pm("pm_1"), pm("pm_2", default=False))).judge(IN_USE) == (1, (), None, ())
    assert removal(story, 200, (pm("pm_1", valid=False),)).judge(IN_USE) == (1, (), None, ())


def test_the_last_usable_method_that_goes_without_a_word_is_found(story: Told) -> None:
    finding = only(removal(story, 200), IN_USE)
    assert "pm_1 was the only usable payment method on file, and s0 was in force (25.00 USD a period)" in finding.proof
    assert finding.magnitude == 2500
    expired_beside_it = removal(story, 200, (pm("pm_1"), pm("pm_2", valid=False, default=False)))
    assert "not a word" in only(expired_beside_it, IN_USE).proof


def test_what_was_read_before_another_change_says_nothing_of_a_removal(story: Told) -> None:
    told = story()
    read(told, 1, "payment_methods", [pm("pm_1")])
    read(told, 1.2, "list_subscriptions", [sub("s0")])
    ask(told, 1.4, "r0", "add_payment_method", "/api/v4/payment-methods", {"payment_method_id": "pm_2"})
    told.reply(1.6, "r0", "add_payment_method", 200)
    ask(told, 2, "r1", "remove_payment_method", "/api/v4/payment-methods/pm_1", method="DELETE")
    told.reply(3, "r1", "remove_payment_method", 200)
    judgement = settled(told).judge(IN_USE)
    assert judgement.findings == ()
    assert judgement.undecided is not None


def test_a_method_that_is_removed_and_still_listed_is_found(story: Told) -> None:
    told = removal(story, 200, held=(), after=(pm("pm_1"),))
    assert "it was still listed, or again" in only(told, IN_USE).proof


def test_a_method_that_comes_back_is_found(story: Told) -> None:
    told = removal(story, 200, held=())
    read(told, 100, "payment_methods", [pm("pm_1")])
    assert "it was still listed, or again" in only(told, IN_USE).proof
    ask(told, 50, "r2", "add_payment_method", "/payment-methods", {"payment_method_id": "pm_1"})
    assert findings(told, IN_USE) == []


def test_a_charge_to_what_was_removed_is_found(story: Told) -> None:
    told = removal(story, 200, (pm("pm_1"), pm("pm_2", default=False)))
    paid = {"payment_method": "pm_1", "amount_received": 500}
    told.tell(60, "intent", "pi_9", state="succeeded", amount_minor=500, detail=paid)
    finding = only(told, IN_USE)
    assert "pi_9 (5.00 USD) was charged to it" in finding.proof
    told.alter("intent", detail={"payment_method": "pm_2"})
    assert findings(told, IN_USE) == []


def waiting(story: Told) -> Any:
    """pi_1 waits for its customer, who has the secret, while pm_1 is removed."""
    told = removal(story, 200, (pm("pm_1"), pm("pm_2", default=False)), held=(sub("s1", "AwaitingPayment"),))
    told.tell(0.3, "intent", "pi_1", state="requires_action", amount_minor=500, detail={"subscription_ids": ["s1"]})
    return told.tell(0.5, "secret", "pi_1", related="r0", operation="bulk_create", detail={"well_formed": True})


def test_a_removal_between_secret_and_confirmation_that_leaves_the_purchase_alone_is_fine(story: Told) -> None:
    assert waiting(story).judge(IN_USE) == (1, (), None, ())


def test_a_removal_that_cancels_what_waits_is_found(story: Told) -> None:
    told = waiting(story).tell(2.5, "intent", "pi_1", state="canceled", amount_minor=500)
    assert "it was cancelled then, and cannot be paid any more" in only(told, IN_USE).proof


def test_what_the_customer_cancels_meanwhile_is_no_loss(story: Told) -> None:
    told = waiting(story).tell(2.5, "intent", "pi_1", state="canceled", amount_minor=500)
    ask(told, 2.2, "r2", "cancel", "/subscriptions/s1", method="DELETE")
    assert findings(told, IN_USE) == []


def test_a_removal_that_ends_a_line_is_found(story: Told) -> None:
    told = removal(story, 200, (pm("pm_1"), pm("pm_2", default=False)))
    told.drop("snapshot", time_us=4_200_000)
    read(told, 4.2, "list_subscriptions", [sub("s0", "Cancelled")])
    assert "s0 was Provisioned" in only(told, IN_USE).proof


def test_a_removal_before_anybody_looked_is_undecided(story: Told) -> None:
    told = removal(story, 200).drop("snapshot", time_us=1_000_000)
    assert "was not read" in str(told.judge(IN_USE).undecided)


def test_no_removal_and_removals_of_what_is_not_there_are_no_evidence(story: Told) -> None:
    assert story().plain().judge(IN_USE).checks == 0
    assert removal(story, 404, (pm("pm_2"),)).judge(IN_USE).checks == 0


# --- bad-debt-isolated -----------------------------------------------------------------------------------------------

ISOLATED = "bad-debt-isolated"
DEBT = {"id": "i1", "status": "bad_debt", "amount": 2500, "label": "Outstanding balance"}
RESOLVED = {**DEBT, "status": "bad_debt_resolved", "label": "Outstanding balance, resolved"}
PAID = {"id": "i0", "status": "paid", "amount": 500, "label": "Paid"}
THEIRS = {"id": "j1", "status": "bad_debt", "amount": 900, "label": "Outstanding balance"}


def debt(
    story: Told,
    status: int = 200,
    code: int | None = None,
    invoice: str = "i1",
    after: tuple[Any, ...] = (PAID, RESOLVED),
    theirs_after: tuple[Any, ...] = (THEIRS,),
    subs_after: tuple[Any, ...] = (sub("s0"),),
    methods: tuple[Any, ...] = (pm("pm_1"),),
    body: Mapping[str, Any] = {},
) -> Any:
    """A probe looks, pays an invoice, and looks again."""
    told = story()
    read(told, 1, "billing_history", [PAID, DEBT])
    read(told, 1.1, "billing_history", [THEIRS], "neighbour")
    read(told, 1.2, "list_subscriptions", [sub("s0")])
    read(told, 1.3, "entitlements", [{"subscription_id": "s0", "feature": "zone_pro", "status": "active"}])
    read(told, 1.4, "payment_methods", list(methods))
    ask(told, 10, "r1", "pay_bad_debt", "/billing/pay-bad-debt", {"invoice_id": invoice, **body})
    told.reply(12, "r1", "pay_bad_debt", status, code=code)
    read(told, 13, "billing_history", list(after))
    read(told, 13.1, "billing_history", list(theirs_after), "neighbour")
    read(told, 13.2, "list_subscriptions", list(subs_after))
    read(told, 13.3, "entitlements", [{"subscription_id": "s0", "feature": "zone_pro", "status": "active"}])
    return settled(told)


def charged(told: Any, at: float = 11, intent: str = "pi_1", amount: int = 2500, **final: Any) -> Any:
    """Stripe collects something that is tied to no subscription."""
    made = {"subscription_ids": [], "account_id": "acct00000007"}
    told.tell(at - 0.5, "intent", intent, state="requires_confirmation", amount_minor=amount, detail=made)
    detail = {"payment_method": "pm_1", "amount_received": amount}
    told.tell(at, "intent", intent, state="succeeded", amount_minor=amount, detail=detail)
    detail = {"subscription_ids": [], "amount_received": amount, "amount_refunded": 0, **final}
    return told.tell(7200, "final_intent", intent, state="succeeded", amount_minor=amount, detail=detail)


def refused(story: Told, status: int, code: int, invoice: str = "i1", **more: Any) -> Any:
    return debt(story, status, code, invoice, after=(PAID, DEBT), **more)


def test_a_debt_that_is_charged_once_is_fine(story: Told) -> None:
    assert charged(debt(story)).judge(ISOLATED) == (1, (), None, ())


@pytest.mark.parametrize(
    ("status", "code", "invoice"),
    [(409, 1220, "i0"), (409, 1220, "j1"), (409, 1220, "nobody"), (404, 7003, "nobody"), (402, 1214, "i1")],
)
def test_refusals_that_the_contract_knows_are_fine(story: Told, status: int, code: int, invoice: str) -> None:
    assert refused(story, status, code, invoice).judge(ISOLATED) == (1, (), None, ())


def test_a_debt_without_a_payment_method_is_refused_as_a_body(story: Told) -> None:
    assert findings(refused(story, 400, 1001, methods=()), ISOLATED) == []
    assert "for want of a payment method" in only(refused(story, 402, 1210, methods=()), ISOLATED).proof


@pytest.mark.parametrize(
    ("status", "code", "invoice", "expected"),
    [
        (403, 1212, "i1", "200, or 402, code 1214"),
        (403, 1215, "i1", "200, or 402, code 1214"),
        (402, 1210, "i1", "200, or 402, code 1214"),
        (400, 1001, "i1", "200, or 402, code 1214"),
        (404, 7003, "i0", "409, code 1220"),
        (400, 1001, "j1", "409, code 1220"),
        (500, 1000, "i1", "200, or 402, code 1214"),
    ],
)
def test_other_refusals_are_found(story: Told, status: int, code: int, invoice: str, expected: str) -> None:
    proof = only(refused(story, status, code, invoice), ISOLATED).proof
    assert f"{status}, code {code}, where {expected}, was expected" in proof


def test_a_standing_that_keeps_somebody_from_paying_is_named(story: Told) -> None:
    told = refused(story, 403, 1212).tell(0, "standing", "acct00000007", state="locked")
    assert "The account was locked, which keeps nobody from paying a debt." in only(told, ISOLATED).proof


@pytest.mark.parametrize("invoice", ["i0", "j1", "nobody"])
def test_an_invoice_that_cannot_be_paid_and_is_paid_is_found(story: Told, invoice: str) -> None:
    told = charged(debt(story, invoice=invoice, after=(PAID, DEBT)))
    assert "409, code 1220, was expected" in findings(told, ISOLATED)[0].proof


def test_a_debt_that_is_charged_twice_is_found(story: Told) -> None:
    finding = only(charged(charged(debt(story)), 11.5, "pi_2"), ISOLATED)
    assert "Stripe collected 50.00 USD in that time, with pi_1 (25.00 USD) and pi_2 (25.00 USD)" in finding.proof
    assert finding.magnitude == 2500


def test_a_debt_that_is_charged_wrongly_is_found(story: Told) -> None:
    assert "Stripe collected 30.00 USD" in only(charged(debt(story), amount=3000), ISOLATED).proof
    assert "Stripe collected 0.00 USD" in only(debt(story), ISOLATED).proof


def test_a_refusal_that_charges_is_found(story: Told) -> None:
    told = charged(refused(story, 409, 1220, "i0"))
    assert "was refused" in only(told, ISOLATED).proof
    assert "but Stripe collected 25.00 USD" in only(told, ISOLATED).proof


def test_a_debt_that_stays_one_although_it_was_paid_is_found(story: Told) -> None:
    told = charged(debt(story, after=(PAID, DEBT)))
    assert "had it as bad_debt, where bad_debt_resolved was expected" in only(told, ISOLATED).proof


def test_a_debt_that_is_resolved_by_a_refusal_is_found(story: Told) -> None:
    told = debt(story, 402, 1214)
    assert "had it as bad_debt_resolved, where bad_debt was expected" in only(told, ISOLATED).proof


def test_what_else_moves_is_found(story: Told) -> None:
    other = charged(debt(story, after=({**PAID, "status": "open"}, RESOLVED)))
    assert "i0 was paid over 5.00 USD, and is open over 5.00 USD" in only(other, ISOLATED).proof
    theirs = charged(debt(story, theirs_after=({**THEIRS, "status": "bad_debt_resolved"},)))
    assert "another account's billing_history changed: j1" in only(theirs, ISOLATED).proof
    held = charged(debt(story, subs_after=(sub("s0", "Cancelled"),)))
    assert "list_subscriptions changed: s0 was in force as zone_pro" in only(held, ISOLATED).proof


def test_what_somebody_asked_for_meanwhile_is_not_the_debts_doing(story: Told) -> None:
    told = charged(debt(story, subs_after=(sub("s0", "Cancelled"),)))
    ask(told, 12.5, "r2", "cancel", "/subscriptions/s0", method="DELETE")
    assert findings(told, ISOLATED) == []


def challenged(story: Told, end: str) -> Any:
    """The debt needs a challenge, and its intent ends like that."""
    told = refused(story, 402, 1214)
    made = {"subscription_ids": [], "account_id": "acct00000007"}
    told.tell(11, "intent", "pi_1", state="requires_action", amount_minor=2500, detail=made)
    return told.tell(7200, "final_intent", "pi_1", state=end, amount_minor=2500, detail=made)


@pytest.mark.parametrize("end", ["requires_action", "requires_payment_method", "succeeded"])
def test_a_challenge_that_leaves_its_intent_payable_is_found(story: Told, end: str) -> None:
    assert "could still be paid" in only(challenged(story, end), ISOLATED).proof


def test_a_challenge_whose_intent_is_cancelled_is_fine(story: Told) -> None:
    assert challenged(story, "canceled").judge(ISOLATED) == (1, (), None, ())


def test_a_decline_may_leave_its_intent(story: Told) -> None:
    told = challenged(story, "requires_payment_method").alter("intent", state="requires_payment_method")
    assert findings(told, ISOLATED) == []


def test_a_page_beyond_the_last_one_is_empty(story: Told) -> None:
    told = walked(story, FIRST, SECOND, [], total=7)
    assert findings(told, TRUTHFUL) == []


def test_the_first_answer_told_again_is_judged_once(story: Told) -> None:
    told = charged(debt(story))
    told.alter("request", detail={**told.facts[5].detail, "idempotency_key": "k1"})
    body = {"method": "POST", "path": "/billing/pay-bad-debt", "body": {"invoice_id": "i1"}, "idempotency_key": "k1"}
    told.tell(20, "request", "r2", related="a1", operation="pay_bad_debt", detail=body)
    told.reply(21, "r2", "pay_bad_debt")
    assert told.judge(ISOLATED) == (1, (), None, ())


def test_paid_again_without_a_key_is_found(story: Told) -> None:
    told = charged(charged(debt(story)), 20.5, "pi_2")
    ask(told, 20, "r2", "pay_bad_debt", "/billing/pay-bad-debt", {"invoice_id": "i1"})
    told.reply(21, "r2", "pay_bad_debt")
    assert "an invoice of the account that is no outstanding debt" in only(told, ISOLATED).proof


def test_a_debt_that_nobody_saw_before_is_undecided(story: Told) -> None:
    told = charged(debt(story)).drop("snapshot", time_us=1_000_000)
    assert "was not read" in str(told.judge(ISOLATED).undecided)


def test_a_malformed_request_is_no_evidence(story: Told) -> None:
    told = story()
    read(told, 1, "billing_history", [DEBT])
    ask(told, 2, "r1", "pay_bad_debt", "/billing/pay-bad-debt", {"invoice_id": 7})
    told.reply(3, "r1", "pay_bad_debt", 400, code=1001)
    assert settled(told).judge(ISOLATED) == (0, (), None, ())
    assert story().plain().judge(ISOLATED).checks == 0


# --- history-truthful ------------------------------------------------------------------------------------------------

TRUTHFUL = "history-truthful"


def invoice(number: int, at: str | None = None, **more: Any) -> dict[str, Any]:
    created = at if at is not None else f"2026-01-05T00:00:{number:02d}Z"
    return {"id": f"i{number}", "status": "paid", "label": "Paid", "amount": 500, "created_on": created, **more}


def newest_first(numbers: range) -> list[dict[str, Any]]:
    return [invoice(number) for number in reversed(numbers)]


def page(told: Any, at: float, listed: list[Any], number: int = 1, walk: str = "w1", **query: Any) -> Any:
    """A page of a walk, with five to the page."""
    asked = {"page": str(number), "per_page": "5", **{name.rstrip("_"): value for name, value in query.items()}}
    total = asked.pop("total", None)
    info = {"page": number, "per_page": 5, "count": len(listed), "total_count": total}
    return read(told, at, "billing_history", listed, state="page", query=asked, walk=walk, info=info)


def walked(story: Told, *pages: list[Any], known: list[Any] | None = None, **query: Any) -> Any:
    """A probe looks, then goes from page to page."""
    told = story()
    read(told, 100, "billing_history", newest_first(range(1, 8)) if known is None else known)
    for number, listed in enumerate(pages, 1):
        page(told, 200 + number, listed, number, **query)
    return told


FIRST, SECOND = newest_first(range(3, 8)), newest_first(range(1, 3))


def test_pages_that_neither_skip_nor_repeat_are_fine(story: Told) -> None:
    assert walked(story, FIRST, SECOND).judge(TRUTHFUL) == (4, (), None, ())


def test_a_boundary_that_skips_is_found(story: Told) -> None:
    assert "listed i2 before" in only(walked(story, FIRST, [invoice(1)]), TRUTHFUL).proof


def test_a_boundary_that_repeats_is_found(story: Told) -> None:
    finding = only(walked(story, FIRST, [invoice(3), *SECOND]), TRUTHFUL)
    assert "listed i3 on more than one of its pages" in finding.proof
    assert "none within its bounds arrived meanwhile" in finding.proof


def test_an_arrival_pushes_one_on(story: Told) -> None:
    told = walked(story, FIRST, [invoice(3), *SECOND])
    read(told, 300, "billing_history", newest_first(range(1, 9)))
    assert findings(told, TRUTHFUL) == []


def test_more_repeats_than_arrivals_are_found(story: Told) -> None:
    told = walked(story, FIRST, [invoice(4), invoice(3), *SECOND])
    read(told, 300, "billing_history", newest_first(range(1, 9)))
    assert "listed i4 and i3 on more than one of its pages" in only(told, TRUTHFUL).proof


def test_an_arrival_beyond_the_bound_pushes_nothing_on(story: Told) -> None:
    told = walked(story, FIRST, [invoice(3), *SECOND], to="2026-01-05T00:00:10Z")
    read(told, 300, "billing_history", [invoice(30), *newest_first(range(1, 8))])
    assert "none within its bounds arrived meanwhile" in only(told, TRUTHFUL).proof


def test_a_walk_that_was_not_finished_is_undecided(story: Told) -> None:
    told = walked(story, FIRST, total=7)
    assert "5 invoices were shown where there are 7" in str(told.judge(TRUTHFUL).undecided)
    told = page(walked(story, FIRST), 250, SECOND, 3)
    assert "pages 1 and 3 were answered" in str(told.judge(TRUTHFUL).undecided)


@pytest.mark.parametrize(
    ("query", "listed"),
    [
        ({"from_": "2026-01-05"}, [8, 7, 6]),
        ({"to": "2026-01-05"}, [7, 6, 5]),
        ({"from_": "2026-01-05", "to": "2026-01-05"}, [7, 6]),
        ({"from_": "2026-01-05T23:59:58Z"}, [8, 7]),
        ({"from_": "2026-01-05T23:59:59Z"}, [8, 7]),
        ({"from_": "2026-01-05T23:59:59Z"}, [8]),
        ({"to": "2026-01-05T12:00:00Z"}, [6, 5]),
        ({"to": "2026-01-05T12:00:00Z"}, [5]),
    ],
)
def test_exact_filters_are_fine(story: Told, query: dict[str, Any], listed: list[int]) -> None:
    told = walked(story, [OVER_DAYS[number] for number in listed], known=list(OVER_DAYS.values()), **query)
    assert findings(told, TRUTHFUL) == []


OVER_DAYS = {
    8: invoice(8, "2026-01-06T00:00:00Z"),
    7: invoice(7, "2026-01-05T23:59:59Z"),
    6: invoice(6, "2026-01-05T12:00:00Z"),
    5: invoice(5, "2026-01-04T23:59:59+00:00"),
}


@pytest.mark.parametrize(
    ("query", "listed", "proof"),
    [
        ({"to": "2026-01-05"}, [5], "listed i7 and i6 before"),
        ({"to": "2026-01-05"}, [8, 7, 6, 5], "it lists i8 of 2026-01-06T00:00:00Z"),
        ({"from_": "2026-01-05"}, [8, 7, 6, 5], "it lists i5 of 2026-01-04T23:59:59+00:00"),
        ({"from_": "2026-01-05"}, [8], "listed i7 and i6 before"),
        ({"from_": "2026-01-05T11:00:00Z"}, [8, 7], "listed i6 before"),
        ({"to": "2026-01-05T12:30:00Z"}, [7, 6, 5], "it lists i7 of 2026-01-05T23:59:59Z"),
    ],
)
def test_a_filter_that_is_not_exact_is_found(story: Told, query: dict[str, Any], listed: list[int], proof: str) -> None:
    told = walked(story, [OVER_DAYS[number] for number in listed], known=list(OVER_DAYS.values()), **query)
    assert proof in only(told, TRUTHFUL).proof


@pytest.mark.parametrize(
    ("status", "label", "fine"),
    [
        ("bad_debt_resolved", "Outstanding balance, resolved", True),
        ("bad_debt_resolved", "Paid (bad debt)", True),
        ("bad_debt_resolved", "Paid / Paid", False),
        ("bad_debt_resolved", "paid", False),
        ("paid", "Paid / Paid", False),
        ("paid", "Paid", True),
    ],
)
def test_labels(story: Told, status: str, label: str, fine: bool) -> None:
    told = walked(story, known=[invoice(1, status=status, label=label)])
    assert (findings(told, TRUTHFUL) == []) == fine


def test_what_is_wrong_within_one_answer_is_found(story: Told) -> None:
    assert "i1 more than once" in findings(walked(story, known=[invoice(1), invoice(1)]), TRUTHFUL)[0].proof
    assert "not newest first" in only(walked(story, [invoice(1), invoice(2)], known=[]), TRUTHFUL).proof
    assert "where 5 are the most" in findings(walked(story, newest_first(range(1, 8))), TRUTHFUL)[0].proof
    assert (
        "total_count is 3" in findings(walked(story, newest_first(range(1, 6)), known=[], total=3), TRUTHFUL)[0].proof
    )


def test_a_history_that_nobody_read_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(TRUTHFUL).checks == 0
    told = story()
    read(told, 1, "billing_history", [invoice(1), invoice(2)], "neighbour")
    assert told.judge(TRUTHFUL).checks == 0


# --- paypal-right-path -----------------------------------------------------------------------------------------------

PAYPAL = "paypal-right-path"


def by_paypal(story: Told, **circumstances: Any) -> Any:
    """The plain checkout, paid by PayPal after a redirect."""
    told = story(**circumstances).plain()
    told.alter("confirm", detail={"payment_method": "paypal", "try": 1})
    told.tell(30, "redirect", "pi_1", related="a1", state="left")
    told.alter("account_payment_method", detail={"type": "paypal"})
    told.alter("payment_method", detail={"type": "paypal"})
    return told.alter("final_payment_method", detail={"type": "paypal", "attached": True})


def on_file(told: Any) -> Any:
    """PayPal stood on file from the start."""
    return told.alter("attempt", detail={"client": "unified-checkout", "pm_on_file": "paypal", "lines": 1})


def test_a_purchase_by_paypal_is_fine(story: Told) -> None:
    assert by_paypal(story).judge(PAYPAL) == (1, (), None, ())
    assert on_file(by_paypal(story)).judge(PAYPAL) == (2, (), None, ())


def test_a_purchase_by_card_is_no_evidence(story: Told) -> None:
    assert story().plain().judge(PAYPAL).checks == 0


def test_paypal_that_is_granted_before_the_money_is_found(story: Told) -> None:
    told = by_paypal(story).tell(20, "entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    assert "it was activated before there was money" in only(told, PAYPAL).proof
    under_legacy = by_paypal(story, regime="legacy")
    under_legacy.tell(20, "entitlement", "s1", state="active", detail={"feature": "workers_paid"})
    assert findings(under_legacy, PAYPAL) == []


def test_paypal_that_is_paid_and_not_granted_is_found(story: Told) -> None:
    told = by_paypal(story).drop("entitlement").drop("final_entitlement").alter("final_subscription", state="Paid")
    told.drop("plan").drop("subscription", state="Provisioned")
    assert "pi_1 (5.00 USD) was paid by PayPal" in only(told, PAYPAL).proof


def test_paypal_on_file_that_the_gate_does_not_take_is_found(story: Told) -> None:
    told = on_file(story().begin().send(10, "r1").refuse(11, "r1"))
    assert "the account had PayPal on file" in only(settled(told), PAYPAL).proof


def test_paypal_on_file_that_a_service_cannot_charge_is_found(story: Told) -> None:
    told = on_file(story().unpaid())
    told.alter("request", detail={"method": "POST", "path": "/", "body": {"user_is_on_session": False}})
    assert "no charge was tried" in only(told, PAYPAL).proof
    told.tell(10.6, "charge", "ch_1", related="pi_1", state="failed", amount_minor=500)
    assert findings(told, PAYPAL) == []


def outside(told: Any, **delivered: Any) -> Any:
    """The same, as somebody sees it who reads Stripe's ledger."""
    told.facts = [
        fact._replace(source=LEDGER if fact.actor == "stripe" or fact.kind == "final_intent" else OBSERVED)
        for fact in told.facts
    ]
    if delivered:
        told.alter("intent", {"state": "succeeded"}, detail={"payment_method": "pm_1", **delivered})
    for name in ("list_subscriptions", "entitlements", "payment_methods", "ledger", "ledger_events"):
        source = LEDGER if name.startswith("ledger") else OBSERVED
        told.tell(7200, "reading", "acct00000007", source=source, operation=name, state="complete")
    return told


def test_from_outside_a_success_that_is_on_its_way_is_undecided(story: Told) -> None:
    def lost(**delivered: Any) -> Any:
        told = by_paypal(story).drop("entitlement").drop("final_entitlement").drop("plan")
        told.drop("subscription", state="Provisioned").drop("subscription", state="Paid")
        return outside(told.alter("final_subscription", state="AwaitingPayment"), **delivered)

    assert "is not known to have been delivered" in str(lost().judge(PAYPAL).undecided)
    assert "was paid by PayPal" in only(lost(delivered_by_us=50_000_000), PAYPAL).proof


def test_from_outside_without_the_ledger_it_is_undecided(story: Told) -> None:
    told = outside(by_paypal(story), delivered_by_us=50_000_000)
    assert told.judge(PAYPAL) == (1, (), None, ())
    told.drop("reading", operation="ledger")
    assert "ledger was not read" in str(told.judge(PAYPAL).undecided)


def test_a_run_that_was_cut_off_is_undecided(story: Told) -> None:
    assert "cut off" in str(by_paypal(story).drop("settled").judge(PAYPAL).undecided)


# --- what is seen only by those who look between two steps ------------------------------------------------------------


def watched(story: Told, price: int = 2500, status: str = "active", at: float = 12) -> Any:
    """From outside: an upgrade waits for pi_2, is declined at 30 and looked at before and after."""
    told = story()
    told.show(0, "s0", "r0", "Provisioned", 2500, rate_plan="zone_pro", operation="list_subscriptions", at_start=True)
    told.tell(0, "entitlement", "s0", source=OBSERVED, state="active", detail={"feature": "zone_pro", "at_start": True})
    told.upgrading().drop("plan")
    told.tell(30, "charge", "ch_2", related="pi_2", state="failed", amount_minor=237500)
    active = {"subscription_id": "s0", "feature": "zone_pro", "status": "active"}
    read(told, 20, "entitlements", [active])
    read(told, 40, "entitlements", [{**active, "status": status}])
    told.show(at, "s0", "r2", "Provisioned", price, rate_plan="zone_pro", operation="list_subscriptions")
    told.finish_upgrade("zone_pro", 2500, "canceled")
    return outside(told)


def test_a_change_that_leaves_the_plan_alone_is_fine_from_outside(story: Told) -> None:
    assert findings(watched(story), "update-keeps-old-plan") == []
    assert findings(watched(story), "no-rollback") == []


@pytest.mark.parametrize("at", [11.2, 25.0])
def test_another_price_in_a_list_while_the_change_waits_is_found(story: Told, at: float) -> None:
    finding = only(watched(story, price=240000, at=at), "update-keeps-old-plan")
    assert "showed the price 2400.00 USD instead of 25.00 USD" in finding.proof


def test_an_entitlement_that_a_decline_takes_away_is_found(story: Told) -> None:
    assert "was declined" in only(watched(story, status="inactive"), "no-rollback").proof
    told = watched(story, status="inactive").drop("charge")
    assert findings(told, "no-rollback") == []
    asked = ask(watched(story, status="inactive"), 35, "r3", "cancel", "/subscriptions/s0", method="DELETE")
    assert findings(asked, "no-rollback") == []


def repeated(story: Told, times: tuple[float, ...] = (10, 35, 60, 85), reads: bool = True, cure: int = 200) -> Any:
    """From outside: a purchase without a payment method answers 500, however often, and then one with a card in it."""
    told = story().begin()
    body: dict[str, Any] = {"subscriptions": [{"rate_plan": {"id": "r2"}}], "user_is_on_session": True}
    for number, at in enumerate(times):
        told.send(at, f"r{number}", body=body, idempotency_key="k1")
        told.reply(at + 1, f"r{number}", status=500, code=1000)
        if reads:
            told.reply(at + 2, f"l{number}", "list_subscriptions")
    told.send(100, "r9", body={**body, "payment_method_id": "pm_1"}, idempotency_key="k2")
    told.reply(101, "r9", status=cure)
    return outside(settled(told))


def test_a_500_that_only_a_payment_method_cures_is_found_from_outside(story: Told) -> None:
    finding = only(repeated(story), "no-pm-gate-rejections")
    assert "answered 500 to all 4 tries with the same key" in finding.proof


@pytest.mark.parametrize(
    "more",
    [{"times": (10, 35)}, {"times": (10, 20, 30)}, {"reads": False}, {"cure": 500}, {"cure": 402}],
    ids=str,
)
def test_a_500_that_may_come_of_anything_accuses_nobody_from_outside(story: Told, more: dict[str, Any]) -> None:
    judgement = repeated(story, **more).judge("no-pm-gate-rejections")
    assert judgement.findings == ()
    assert "cannot be seen from outside" in str(judgement.undecided)
