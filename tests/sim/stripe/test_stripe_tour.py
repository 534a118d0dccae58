"""Every operation of the core is asked for once and answers: what all answers must look like, the conftest checks."""

from __future__ import annotations

from typing import Any

from sim.messages import Answer, Request
from sim.stripe.routes import ROUTES

BILLING = {
    "coupons",
    "invoice_payments",
    "invoiceitems",
    "invoices",
    "prices",
    "products",
    "subscription_items",
    "subscriptions",
    "test_helpers",
}
"""Resources that have a tour of their own."""

ALWAYS_REFUSED = {
    "POST charges",
    "POST charges/*/capture",
    "POST payment_intents/*/apply_customer_balance",
    "POST payment_intents/*/increment_authorization",
    "POST payment_intents/*/verify_microdeposits",
    "POST refunds/*/cancel",
    "POST setup_intents/*/verify_microdeposits",
}
"""What Stripe offers, and refuses for the payment methods that there are here."""

BACK = "https://shop.test/back"
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
ADDRESS = {"line1": "Karl Johans gate 1", "city": "Oslo", "country": "NO"}
SHIPPING = {"name": "Ann", "address": ADDRESS, "phone": "+4712345678"}


class Tour:
    """Asks, insists on 200, and remembers which operations it asked for."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop
        self.seen: set[str] = set()

    def __call__(self, operation: str, *ids: str, **values: Any) -> dict[str, Any]:
        answer = self.ask(operation, *ids, **values)
        assert answer.status == 200, (operation, answer.body)
        return answer.body  # type: ignore[no-any-return]

    def ask(self, operation: str, *ids: str, **values: Any) -> Answer:
        self.seen.add(operation)
        method, path = operation.split(" ")
        for object_id in ids:
            path = path.replace("*", object_id, 1)
        headers = {"authorization": "Bearer sk_test_gatefall"}
        answer: Answer = self.shop.run(self.shop.stripe.handle(Request(method, f"/v1/{path}", values, headers)))
        return answer


def test_a_tour_of_every_operation(shop: Any) -> None:
    tour = Tour(shop)
    customer = customers(tour)
    methods(tour, customer)
    payments(tour, customer)
    set_ups(tour, customer)
    endpoints_and_events(tour)
    core = {operation for operation in ROUTES if operation.split(" ")[1].partition("/")[0] not in BILLING}
    assert tour.seen == core


def customers(tour: Tour) -> str:
    customer = tour(
        "POST customers",
        name="Ann",
        email="ann@example.test",
        address=ADDRESS,
        shipping=SHIPPING,
        preferred_locales=["nb"],
        invoice_prefix="ANN1",
        balance=-200,
        invoice_settings={"footer": "Thanks"},
        metadata={"account_id": "acct1"},
    )
    assert customer["address"]["city"] == "Oslo"
    assert customer["address"]["line2"] is None
    assert (customer["invoice_prefix"], customer["balance"]) == ("ANN1", -200)
    tour("POST customers/*", customer["id"], business_name="Ann AS", tax_exempt="exempt")
    assert tour("GET customers/*", customer["id"])["business_name"] == "Ann AS"
    gone = tour("POST customers")["id"]
    assert tour("DELETE customers/*", gone) == {"id": gone, "object": "customer", "deleted": True}
    assert [item["id"] for item in tour("GET customers", email="ann@example.test")["data"]] == [customer["id"]]
    return str(customer["id"])


def methods(tour: Tour, customer: str) -> None:
    made = tour("POST payment_methods", type="card", card=CARD, billing_details={"name": "Ann", "address": ADDRESS})[
        "id"
    ]
    tour("POST payment_methods/*/attach", made, customer=customer)
    changed = tour("POST payment_methods/*", made, allow_redisplay="always", card={"exp_year": 2031})
    assert (changed["allow_redisplay"], changed["card"]["exp_year"]) == ("always", 2031)
    assert tour("GET payment_methods/*", made, expand=["customer"])["customer"]["id"] == customer
    assert tour("GET payment_methods", customer=customer, type="card")["data"][0]["id"] == made
    assert tour("GET customers/*/payment_methods", customer, allow_redisplay="limited")["data"] == []
    assert tour("GET customers/*/payment_methods/*", customer, made)["id"] == made
    tour("POST payment_methods/*/detach", made)
    assert tour.ask("GET customers/*/payment_methods/*", customer, made).status == 404


def payments(tour: Tour, customer: str) -> None:
    intent = tour("POST payment_intents", amount=900, currency="eur", customer=customer, transfer_group="g")["id"]
    tour("POST payment_intents/*", intent, description="Three things", shipping=SHIPPING, capture_method="manual")
    tour("POST payment_intents/*/confirm", intent, payment_method="pm_card_visa", return_url=BACK)
    captured = tour("POST payment_intents/*/capture", intent, amount_to_capture=800, expand=["latest_charge"])
    charge = captured["latest_charge"]["id"]
    assert captured["latest_charge"]["transfer_group"] == "g"
    deep = ["latest_charge.payment_intent.customer", "latest_charge.balance_transaction.source"]
    shown = tour("GET payment_intents/*", intent, expand=deep)["latest_charge"]
    assert shown["payment_intent"]["customer"]["id"] == customer
    assert shown["balance_transaction"]["source"]["id"] == charge
    assert tour("GET payment_intents", customer=customer)["data"][0]["id"] == intent
    assert tour("GET payment_intents/*/amount_details_line_items", intent)["data"] == []
    cancelled = tour("POST payment_intents", amount=900, currency="eur")["id"]
    tour("POST payment_intents/*/cancel", cancelled, cancellation_reason="abandoned")
    tour("POST charges/*", charge, description="Paid", fraud_details={"user_report": "safe"}, metadata={"a": "b"})
    assert tour("GET charges/*", charge)["fraud_details"] == {"user_report": "safe"}
    assert tour("GET charges", transfer_group="g", payment_intent=intent)["data"][0]["id"] == charge
    refunds(tour, charge)
    for operation in sorted(ALWAYS_REFUSED):
        made = {"charges": charge, "payment_intents": intent}.get(operation.split(" ")[1].partition("/")[0])
        if made is not None:
            refused(tour, operation, made)


def refunds(tour: Tour, charge: str) -> None:
    refund = tour("POST refunds", charge=charge, amount=300, reason="duplicate")["id"]
    other = tour("POST refunds", charge=charge, amount=100)["id"]
    assert tour("POST refunds/*", refund, metadata={"order": "7"})["metadata"] == {"order": "7"}
    assert tour("GET refunds/*", refund, expand=["charge", "payment_intent"])["charge"]["amount_refunded"] == 400
    assert [item["id"] for item in tour("GET refunds", charge=charge)["data"]] == [other, refund]
    assert [item["id"] for item in tour("GET charges/*/refunds", charge, limit=1)["data"]] == [other]
    assert tour("GET charges/*/refunds/*", charge, refund)["id"] == refund
    told = tour("GET balance_transactions/*", tour("GET refunds/*", refund)["balance_transaction"], expand=["source"])
    assert (told["net"], told["source"]["id"]) == (-300, refund)
    refused(tour, "POST refunds/*/cancel", refund)


def set_ups(tour: Tour, customer: str) -> None:
    intent = tour("POST setup_intents", customer=customer)["id"]
    tour("POST setup_intents/*", intent, description="For later", metadata={"a": "b"})
    declined = tour.ask(
        "POST setup_intents/*/confirm", intent, payment_method="pm_card_chargeDeclined", return_url=BACK
    )
    assert declined.status == 402
    tour("POST setup_intents/*/confirm", intent, payment_method="pm_card_visa", return_url=BACK)
    shown = tour("GET setup_intents/*", intent, expand=["latest_attempt.setup_intent", "payment_method"])
    assert (shown["latest_attempt"]["status"], shown["latest_attempt"]["setup_intent"]["id"]) == ("succeeded", intent)
    attempts = tour("GET setup_attempts", setup_intent=intent)["data"]
    assert [attempt["status"] for attempt in attempts] == ["succeeded", "failed"]
    assert attempts[1]["setup_error"]["decline_code"] == "generic_decline"
    assert tour("GET setup_intents", customer=customer)["data"][0]["id"] == intent
    refused(tour, "POST setup_intents/*/verify_microdeposits", intent)
    tour("POST setup_intents/*/cancel", tour("POST setup_intents")["id"])


def endpoints_and_events(tour: Tour) -> None:
    made = tour("POST webhook_endpoints", url="https://shop.test/hooks", enabled_events=["charge.succeeded"])
    assert made["secret"].startswith("whsec_")
    changed = tour("POST webhook_endpoints/*", made["id"], disabled="true", description="Off", enabled_events=["*"])
    assert (changed["status"], changed["enabled_events"]) == ("disabled", ["*"])
    assert "secret" not in changed
    assert "secret" not in tour("GET webhook_endpoints/*", made["id"])
    assert tour("GET webhook_endpoints")["data"][0]["id"] == made["id"]
    assert tour("DELETE webhook_endpoints/*", made["id"])["deleted"]
    events = tour("GET events", limit=100)["data"]
    assert len(events) > 20
    assert tour("GET events/*", events[0]["id"]) == events[0]


def refused(tour: Tour, operation: str, object_id: str) -> None:
    answer = tour.ask(operation, object_id)
    assert answer.status == 400, operation
    assert answer.body["error"]["type"] == "invalid_request_error"
