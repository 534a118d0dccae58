"""Payment methods, profile, zones, invoices and bad debt."""

from __future__ import annotations

import pytest

PRO = {"rate_plan": {"id": "zone_pro"}, "frequency": "monthly"}


# --- payment methods ------------------------------------------------------------------------------------------------


def test_a_set_up_puts_a_payment_method_on_file(backend):
    shopper = backend.shopper()
    secret = shopper.ask("POST", "/billing/profile/payment-method", {"turnstile_token": "t"}).body["result"][
        "client_secret"
    ]
    assert secret.startswith("seti_")
    assert shopper.get("/payment-methods") == []
    shopper.confirm(secret)
    backend.wait(2)
    (method,) = shopper.get("/payment-methods")
    assert (method["type"], method["is_default"], method["valid"]) == ("card", True, True)
    assert [fact.state for fact in shopper.facts("account_payment_method")] == ["on_file", "default"]


def test_a_payment_method_is_added_and_removed(backend, refusal_of):
    shopper = backend.shopper()
    answer = shopper.ask("POST", "/payment-methods", {"payment_method_id": shopper.card()})
    identifier = answer.body["result"]["id"]
    assert shopper.ask("DELETE", f"/payment-methods/{identifier}").status == 200
    assert shopper.get("/payment-methods") == []
    backend.wait(2)  # the event of the attachment is late, and revives nothing
    assert shopper.get("/payment-methods") == []
    assert refusal_of(shopper.ask("DELETE", f"/payment-methods/{identifier}")) == (404, 7003)
    assert refusal_of(shopper.ask("POST", "/payment-methods", {"payment_method_id": identifier})) == (400, 1001)


def test_a_card_that_cannot_be_saved_is_1214(backend, refusal_of):
    shopper = backend.shopper()
    answer = shopper.ask("POST", "/payment-methods", {"payment_method_id": shopper.card("4000000000000002")})
    assert refusal_of(answer) == (402, 1214)
    assert shopper.get("/payment-methods") == []


def test_the_last_payment_method_of_a_subscription_in_force_is_not_removed(backend, refusal_of):
    shopper = backend.shopper("valid", subscriptions=[PRO])
    (method,) = shopper.get("/payment-methods")
    assert refusal_of(shopper.ask("DELETE", f"/payment-methods/{method['id']}")) == (409, 1231)
    added = shopper.ask("POST", "/payment-methods", {"payment_method_id": shopper.card()}).body["result"]
    assert not added["is_default"]
    assert shopper.ask("DELETE", f"/payment-methods/{method['id']}").status == 200
    (left,) = shopper.get("/payment-methods")
    assert (left["id"], left["is_default"]) == (added["id"], True)


def test_a_payment_method_detached_at_stripe_is_listed_as_not_valid(backend):
    shopper = backend.shopper("valid")
    (method,) = shopper.get("/payment-methods")
    backend.merchant("POST", f"/v1/payment_methods/{method['id']}/detach", {})
    backend.wait(2)
    (listed,) = shopper.get("/payment-methods")
    assert listed["valid"] is False
    assert shopper.facts("account_payment_method")[-1].state == "removed"


def test_expired_and_paypal_methods_are_shown_as_they_are(backend):
    (expired,) = backend.shopper("expired").get("/payment-methods")
    assert (expired["valid"], expired["is_default"]) == (False, True)
    (paypal,) = backend.shopper("paypal").get("/payment-methods")
    assert (paypal["type"], paypal["valid"]) == ("paypal", True)
    assert "card" not in paypal


def test_what_paid_is_shown_as_stripe_describes_it_or_not_at_all(backend, refusal_of):
    shopper = backend.shopper()
    (secret,) = shopper.buy("workers_paid").body["result"]["client_secrets"]
    shopper.confirm(secret)
    backend.wait(2)
    backend.fault("error", "stripe", "list_payment_methods", status=500)
    assert refusal_of(shopper.ask("GET", "/payment-methods")) == (503, 1232)
    backend.no_fault()
    (method,) = shopper.get("/payment-methods")
    again = shopper.ask("POST", "/payment-methods", {"payment_method_id": method["id"]}).body["result"]
    assert again == method
    assert again["card"]["last4"] == "4242"
    backend.fault("error", "stripe", "list_payment_methods", status=500)
    assert shopper.get("/payment-methods") == [method]


def test_a_removed_method_that_nobody_described_is_shown_as_it_was(backend):
    shopper = backend.shopper()
    (secret,) = shopper.buy("r2").body["result"]["client_secrets"]
    shopper.confirm(secret)
    backend.wait(2)
    identifier = next(iter(shopper.account.payment_methods))
    shopper.ask("DELETE", f"/subscriptions/{next(iter(shopper.account.subscriptions))}")
    removed = shopper.ask("DELETE", f"/payment-methods/{identifier}").body["result"]
    assert removed["card"]["brand"] == "visa"


# --- profile and zones ----------------------------------------------------------------------------------------------


def test_a_profile_always_exists_and_is_changed_in_part(backend, refusal_of):
    shopper = backend.shopper(country="DE")
    assert shopper.get("/billing/profile")["country"] == "DE"
    shopper.ask("PUT", "/billing/profile", {"name": "Ada"})
    profile = shopper.get("/billing/profile")
    assert (profile["name"], profile["country"]) == ("Ada", "DE")
    for body, named in (({"email": "no"}, "email"), ({"country": "Germany"}, "country"), ({"name": 5}, "name")):
        answer = shopper.ask("PUT", "/billing/profile", body)
        assert refusal_of(answer) == (400, 1001)
        assert answer.body["errors"][0]["message"].startswith(named)


def test_a_zone_leaves_initializing_only_once_its_plan_is_paid(backend, refusal_of):
    shopper = backend.shopper()
    zone = shopper.ask("POST", "/zones", {"name": "a.example.com"}).body["result"]
    assert zone["status"] == "initializing"
    assert refusal_of(shopper.ask("PATCH", f"/zones/{zone['id']}", {"status": "pending"})) == (409, 1231)
    line = {**PRO, "zone_id": zone["id"], "user_is_on_session": True}
    (secret,) = shopper.ask("POST", "/subscriptions", line).body["result"]["client_secrets"]
    assert refusal_of(shopper.ask("PATCH", f"/zones/{zone['id']}", {"status": "pending"})) == (409, 1231)
    shopper.confirm(secret)
    backend.wait(2)
    assert shopper.get(f"/zones/{zone['id']}")["status"] == "initializing"
    assert shopper.ask("PATCH", f"/zones/{zone['id']}", {"status": "pending"}).body["result"]["status"] == "pending"
    assert [fact.state for fact in shopper.facts("zone")] == ["initializing", "pending"]
    assert refusal_of(shopper.ask("PATCH", f"/zones/{zone['id']}", {"status": "deleted"})) == (400, 1001)
    assert refusal_of(backend.shopper().ask("GET", f"/zones/{zone['id']}")) == (404, 7003)


# --- invoices -------------------------------------------------------------------------------------------------------


@pytest.fixture
def payer(backend):
    """Twelve invoices of 5.00, one a day."""
    shopper = backend.shopper("valid")
    for _ in range(12):
        shopper.buy("workers_paid")
        backend.wait(86_400)
    return shopper


def test_history_is_newest_first_in_pages_that_neither_skip_nor_repeat(payer):
    pages = [payer.ask("GET", "/billing/history", query={"page": str(page), "per_page": "5"}) for page in (1, 2, 3, 4)]
    found = [invoice["id"] for page in pages for invoice in page.body["result"]]
    assert found == [f"i1-{number}" for number in range(12, 0, -1)]
    info = {"page": 3, "per_page": 5, "count": 2, "total_count": 12}
    assert pages[2].body["result_info"] == info
    assert payer.ask("GET", "/billing/history").body["result_info"]["per_page"] == 20


def test_days_are_whole_and_moments_exact(payer):
    days = {"from": "2026-01-06", "to": "2026-01-07"}
    assert [item["id"] for item in payer.get("/billing/history", **days)] == ["i1-3", "i1-2"]
    moment = payer.get("/billing/invoices/i1-2")["created_on"]
    assert [item["id"] for item in payer.get("/billing/history", **{"from": moment, "to": moment})] == ["i1-2"]
    assert payer.get("/billing/history", **{"from": "2027-01-01"}) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("page", "0"), ("page", "x"), ("per_page", "4"), ("per_page", "51"), ("from", "yesterday"), ("to", "2026-13-01")],
)
def test_a_query_that_does_not_fit_is_refused_by_name(backend, refusal_of, field, value):
    answer = backend.shopper().ask("GET", "/billing/history", query={field: value})
    assert refusal_of(answer) == (400, 1001)
    assert answer.body["errors"][0]["message"].startswith(field)


def test_an_invoice_is_one_an_intent_and_has_a_pdf(backend, payer, refusal_of):
    invoice = payer.get("/billing/invoices/i1-1")
    assert (invoice["amount"], invoice["status"], invoice["subscription_ids"]) == (500, "paid", ["s1-1"])
    answer = payer.ask("GET", "/billing/invoices/i1-1/pdf")
    assert answer.headers["content-type"] == "application/pdf"
    document = answer.body
    assert document.startswith(b"%PDF-1.4")
    table_at = int(document.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    assert document[table_at:].startswith(b"xref")
    for number, row in enumerate(document[table_at:].split(b"\n")[3:8], start=1):
        assert document[int(row[:10]) :].startswith(b"%d 0 obj" % number)
    assert refusal_of(backend.shopper().ask("GET", "/billing/invoices/i1-1")) == (404, 7003)


# --- bad debt -------------------------------------------------------------------------------------------------------


def pay(shopper, invoice_id="i1-1", **more):
    return shopper.ask("POST", "/billing/pay-bad-debt", {"invoice_id": invoice_id, **more})


def test_a_debt_is_paid_once_in_the_answer_and_nothing_else_is_touched(backend, refusal_of):
    shopper = backend.shopper("valid", bad_debt=900, subscriptions=[PRO])
    debt = next(item for item in shopper.get("/billing/history") if item["status"] == "bad_debt")
    before = shopper.get("/subscriptions"), shopper.get("/entitlements")
    answer = pay(shopper, debt["id"])
    assert answer.body["result"]["status"] == "bad_debt_resolved"
    assert answer.body["result"]["label"] == "Outstanding balance, resolved"
    assert refusal_of(pay(shopper, debt["id"])) == (409, 1220)
    backend.wait(2)
    assert shopper.captured_minor() == 900
    assert (shopper.get("/subscriptions"), shopper.get("/entitlements")) == before
    assert len(shopper.get("/billing/history")) == 2
    assert shopper.buy("workers_paid").status == 200


@pytest.mark.parametrize("made", [{"locked": True}, {"banned": True}])
def test_locked_and_banned_accounts_may_pay(backend, made):
    assert pay(backend.shopper("valid", bad_debt=900, **made)).status == 200


def test_only_an_outstanding_debt_of_ones_own_can_be_paid(backend, refusal_of):
    shopper = backend.shopper("valid", subscriptions=[PRO])
    other = backend.shopper("valid", bad_debt=900)
    for invoice_id in ("i1-1", "i2-1", "nope"):
        assert refusal_of(pay(shopper, invoice_id)) == (409, 1220)
    assert shopper.intents() == other.intents() == []


def test_a_debt_needs_a_payment_method(backend, refusal_of):
    assert refusal_of(pay(backend.shopper(bad_debt=900))) == (400, 1001)
    assert refusal_of(backend.shopper("valid", bad_debt=900).ask("POST", "/billing/pay-bad-debt", {})) == (400, 1001)


@pytest.mark.parametrize("payment_method", ["declining", "requires_authentication"])
def test_a_debt_that_cannot_be_charged_leaves_no_payable_intent_and_can_be_tried_again(
    backend, refusal_of, payment_method
):
    shopper = backend.shopper(payment_method, bad_debt=900)
    assert refusal_of(pay(shopper)) == (402, 1214)
    assert shopper.statuses() == ["canceled"]
    assert pay(shopper, payment_method_id=shopper.card()).status == 200
    assert shopper.captured_minor() == 900


def test_a_debt_whose_charge_is_unknown_is_not_charged_twice(backend, refusal_of):
    shopper = backend.shopper("valid", bad_debt=900)
    backend.fault("drop_answer", "stripe", "create_payment_intent", first=1)
    backend.deliveries.held = True
    assert refusal_of(pay(shopper)) == (503, 1232)
    backend.no_fault()
    assert pay(shopper).body["result"]["status"] == "bad_debt_resolved"
    assert shopper.captured_minor() == 900


def test_the_event_resolves_a_debt_whose_answer_was_lost(backend):
    shopper = backend.shopper("valid", bad_debt=900)
    backend.fault("drop_answer", "stripe", "create_payment_intent", first=1)
    pay(shopper)
    backend.wait(2)
    assert shopper.get("/billing/invoices/i1-1")["status"] == "bad_debt_resolved"
    assert shopper.captured_minor() == 900
