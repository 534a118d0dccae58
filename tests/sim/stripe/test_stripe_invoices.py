"""Invoices made by hand, and what can be done with an invoice in which state."""

import pytest

from tests.sim.stripe.billing_desk import DAY_S, HOUR_S, Desk


@pytest.fixture
def desk(shop):
    return Desk(shop)


@pytest.fixture
def customer(desk):
    return desk.customer("pm_card_visa")


def draft(desk, customer, amount=1500, **values):
    invoice = desk.shop.made("/v1/invoices", {"customer": customer, "currency": "usd", **values})
    desk.shop.made("/v1/invoiceitems", {"customer": customer, "invoice": invoice["id"], "amount": amount})
    return f"/v1/invoices/{invoice['id']}"


def test_from_draft_to_paid(desk, customer):
    path = draft(desk, customer, description="Once")
    found = desk.shop.get(path)
    assert (found["status"], found["amount_due"], found["number"]) == ("draft", 1500, None)
    assert found["auto_advance"] is False
    final = desk.shop.made(f"{path}/finalize", {"expand": ["confirmation_secret"]})
    assert (final["status"], final["amount_remaining"]) == ("open", 1500)
    assert final["confirmation_secret"]["client_secret"].startswith("pi_")
    paid = desk.shop.made(f"{path}/pay")
    assert (paid["status"], paid["amount_paid"], paid["amount_remaining"]) == ("paid", 1500, 0)
    assert desk.shop.post(f"{path}/pay").status == 400
    [payment] = desk.shop.ask("GET", "/v1/invoice_payments", {"invoice": paid["id"]}).body["data"]
    assert (payment["status"], payment["amount_paid"]) == ("paid", 1500)
    assert desk.shop.get(f"/v1/invoice_payments/{payment['id']}") == payment
    by_intent = {"payment": {"type": "payment_intent", "payment_intent": payment["payment"]["payment_intent"]}}
    assert desk.shop.ask("GET", "/v1/invoice_payments", by_intent).body["data"] == [payment]


def test_paying_fails(desk, customer):
    path = draft(desk, customer)
    desk.save_card(customer, "pm_card_chargeCustomerFail")
    answer = desk.shop.post(f"{path}/pay")
    assert (answer.status, answer.body["error"]["decline_code"]) == (402, "generic_decline")
    assert desk.shop.get(path)["status"] == "open"
    assert desk.types()[-1] == "invoice.payment_failed"
    assert desk.shop.made(f"{path}/pay", {"payment_method": "pm_card_visa"})["status"] == "paid"


def test_paying_wants_the_customer(desk, customer):
    path = draft(desk, customer)
    desk.save_card(customer, "pm_card_authenticationRequired")
    answer = desk.shop.post(f"{path}/pay")
    assert (answer.status, answer.body["error"]["code"]) == (402, "invoice_payment_intent_requires_action")


def test_paid_elsewhere(desk, customer):
    path = draft(desk, customer)
    paid = desk.shop.made(f"{path}/pay", {"paid_out_of_band": True})
    assert (paid["status"], paid["amount_paid_off_stripe"]) == ("paid", 1500)
    assert desk.shop.get("/v1/charges")["data"] == []


def test_nothing_due_is_paid_at_once(desk, customer):
    path = draft(desk, customer, amount=0)
    assert desk.shop.made(f"{path}/finalize")["status"] == "paid"
    assert desk.shop.get("/v1/payment_intents")["data"] == []


def test_void_and_uncollectible(desk, customer):
    path = draft(desk, customer)
    assert desk.shop.post(f"{path}/void").status == 400
    desk.shop.made(f"{path}/finalize")
    lost = desk.shop.made(f"{path}/mark_uncollectible")
    assert (lost["status"], lost["status_details"]) == ("uncollectible", {"uncollectible": {"reason": "user_forgiven"}})
    secret = desk.intent(lost)["client_secret"]
    void = desk.shop.made(f"{path}/void")
    assert (void["status"], void["status_transitions"]["voided_at"]) == ("void", desk.shop.now_s)
    assert desk.intent(void)["status"] == "canceled"
    assert desk.confirm(secret).status == 400
    assert desk.shop.post(f"{path}/pay").status == 400


def test_an_uncollectible_one_can_still_be_paid(desk, customer):
    path = draft(desk, customer)
    desk.shop.made(f"{path}/finalize")
    desk.shop.made(f"{path}/mark_uncollectible")
    assert desk.shop.made(f"{path}/pay")["status"] == "paid"


def test_deleting_is_for_drafts(desk, customer):
    path = draft(desk, customer)
    gone = desk.shop.ask("DELETE", path).body
    assert gone["deleted"] is True
    assert desk.shop.ask("GET", path).status == 404
    assert desk.shop.get("/v1/invoiceitems")["data"] == []
    path = draft(desk, customer)
    desk.shop.made(f"{path}/finalize")
    assert desk.shop.ask("DELETE", path).status == 400


def test_send(desk, customer):
    path = draft(desk, customer, collection_method="send_invoice", days_until_due=30)
    sent = desk.shop.made(f"{path}/send")
    assert (sent["status"], sent["due_date"]) == ("open", desk.shop.now_s + 30 * DAY_S)
    assert desk.types()[-1] == "invoice.sent"
    assert desk.shop.post(f"{draft(desk, customer)}/send").status == 400


def test_it_advances_by_itself_if_told_to(desk, customer):
    path = draft(desk, customer, auto_advance=True)
    desk.later(HOUR_S)
    assert desk.shop.get(path)["status"] == "paid"


def test_waiting_items_are_taken_up_where_wanted(desk, customer):
    once = desk.shop.made("/v1/prices", {"product": desk.product, "currency": "usd", "unit_amount": 250})["id"]
    body = {"customer": customer, "pricing": {"price": once}, "quantity": 3, "description": "Bags"}
    item = desk.shop.made("/v1/invoiceitems", body)
    assert (item["amount"], item["invoice"]) == (750, None)
    without = desk.shop.made("/v1/invoices", {"customer": customer})
    assert without["lines"]["data"] == []
    invoice = desk.shop.made("/v1/invoices", {"customer": customer, "pending_invoice_items_behavior": "include"})
    [line] = invoice["lines"]["data"]
    assert (line["amount"], line["description"], line["parent"]["type"]) == (750, "Bags", "invoice_item_details")
    assert desk.shop.get(f"/v1/invoiceitems/{item['id']}")["invoice"] == invoice["id"]
    listed = desk.shop.get(f"/v1/invoices/{invoice['id']}/lines")
    assert listed["data"] == [line]
    changed = desk.shop.made(f"/v1/invoiceitems/{item['id']}", {"quantity": 1})
    assert changed["amount"] == 250
    desk.shop.ask("DELETE", f"/v1/invoiceitems/{item['id']}")
    assert desk.shop.get(f"/v1/invoices/{invoice['id']}")["total"] == 0


def test_a_credit_is_kept_for_the_next_invoice(desk, customer):
    path = draft(desk, customer, amount=-700)
    credit = desk.shop.made(f"{path}/finalize")
    assert (credit["status"], credit["ending_balance"]) == ("paid", -700)
    assert desk.shop.get(f"/v1/customers/{customer}")["balance"] == -700
    next_one = desk.shop.made(f"{draft(desk, customer)}/pay")
    assert (next_one["total"], next_one["amount_paid"], next_one["starting_balance"]) == (1500, 800, -700)
    assert desk.shop.get(f"/v1/customers/{customer}")["balance"] == 0


def test_too_little_to_charge_is_carried_over(desk, customer):
    small = desk.shop.made(f"{draft(desk, customer, amount=30)}/finalize")
    assert (small["status"], small["amount_due"], small["ending_balance"]) == ("paid", 0, 30)
    assert desk.shop.made(f"{draft(desk, customer)}/pay")["amount_paid"] == 1530


def test_updates(desk, customer):
    path = draft(desk, customer)
    changed = desk.shop.made(path, {"description": "New", "metadata": {"a": "b"}, "footer": "bye"})
    assert (changed["description"], changed["metadata"], changed["footer"]) == ("New", {"a": "b"}, "bye")
    [event] = desk.events("invoice.updated")
    assert event["data"]["previous_attributes"] == {"description": None, "metadata": {}, "footer": None}
    desk.shop.made(f"{path}/finalize")
    desk.shop.made(path, {"metadata": {"c": "d"}})
    refused = desk.shop.post(path, {"footer": "hello"})
    assert (refused.status, refused.body["error"]["code"]) == (400, "invoice_not_editable")
    assert desk.shop.post(path, {"colour": "red"}).body["error"]["code"] == "parameter_unknown"


def test_the_intent_of_an_invoice_belongs_to_it(desk, customer):
    path = draft(desk, customer)
    intent = desk.intent(desk.shop.made(f"{path}/finalize"))
    at = f"/v1/payment_intents/{intent['id']}"
    assert desk.shop.post(f"{at}/cancel").status == 400
    assert desk.shop.post(at, {"amount": 100}).status == 400
    desk.shop.made(at, {"metadata": {"a": "b"}})
    assert intent["id"] in [one["id"] for one in desk.shop.get("/v1/payment_intents")["data"]]


def test_lists(desk, customer):
    paths = [draft(desk, customer) for _ in range(3)]
    desk.shop.made(f"{paths[0]}/finalize")
    drafts = desk.shop.ask("GET", "/v1/invoices", {"status": "draft", "customer": customer, "limit": 1}).body
    assert (f"/v1/invoices/{drafts['data'][0]['id']}", drafts["has_more"]) == (paths[2], True)
    subscription = desk.subscribe(customer)
    of_it = desk.shop.ask("GET", "/v1/invoices", {"subscription": subscription["id"]}).body["data"]
    assert [one["id"] for one in of_it] == [subscription["latest_invoice"]]
