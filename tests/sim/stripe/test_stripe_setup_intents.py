"""SetupIntents: every way through their states."""

import pytest


def made(shop, **values):
    return shop.made("/v1/setup_intents", {"customer": shop.customer(), **values})


def confirm(shop, intent, method="pm_card_visa", **values):
    body = {"client_secret": intent["client_secret"], "payment_method": method, **values}
    return shop.browse(f"/v1/setup_intents/{intent['id']}/confirm", body)


def test_success_saves_the_method(shop):
    intent = made(shop, metadata={"subscription_ids": "s1"})
    assert intent["status"] == "requires_payment_method"
    done = confirm(shop, intent).body
    assert done["status"] == "succeeded"
    (method,) = shop.get(f"/v1/customers/{intent['customer']}/payment_methods")["data"]
    assert method["id"] == done["payment_method"]
    assert [event["type"] for event in shop.events()][-2:] == ["setup_intent.succeeded", "payment_method.attached"]
    created, succeeded = shop.facts("intent")
    assert (created.amount_minor, created.detail["subscription_ids"]) == (0, ["s1"])
    assert succeeded.detail == {"payment_method": method["id"], "amount_received": 0}
    (fact,) = shop.facts("payment_method")
    assert (fact.subject, fact.related, fact.state, fact.detail) == (
        method["id"],
        intent["customer"],
        "attached",
        {"type": "card"},
    )


def test_created_and_confirmed_in_one_request(shop):
    assert made(shop, payment_method="pm_card_visa", confirm=True, use_stripe_sdk=True)["status"] == "succeeded"


def test_a_challenge_passed_and_failed(shop):
    intent = made(shop)
    waiting = confirm(shop, intent, "pm_card_authenticationRequiredOnSetup", return_url="https://shop.test/?a=1").body
    assert waiting["status"] == "requires_action"
    location = shop.visit(waiting, "fail").headers["location"]
    assert location.startswith(f"https://shop.test/?a=1&setup_intent={intent['id']}&setup_intent_client_secret=seti_")
    assert location.endswith("redirect_status=failed")
    after = shop.get(f"/v1/setup_intents/{intent['id']}")
    assert after["status"] == "requires_payment_method"
    assert after["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    waiting = confirm(shop, intent, "pm_card_authenticationRequiredOnSetup").body
    shop.visit(waiting)
    final = shop.get(f"/v1/setup_intents/{intent['id']}")
    assert (final["status"], final["last_setup_error"]) == ("succeeded", None)
    assert [fact.state for fact in shop.facts("intent")] == [
        "requires_payment_method",
        "requires_action",
        "requires_payment_method",
        "requires_action",
        "succeeded",
    ]


def test_a_decline_is_a_402_with_the_intent(shop):
    intent = made(shop)
    answer = confirm(shop, intent, "pm_card_chargeDeclined")
    assert answer.status == 402
    assert answer.body["error"]["setup_intent"]["status"] == "requires_payment_method"
    assert shop.events("setup_intent.setup_failed")
    assert confirm(shop, intent).body["status"] == "succeeded"


@pytest.mark.parametrize("method", [None, "pm_card_visa", "pm_card_authenticationRequired"])
def test_cancelling(shop, method):
    intent = made(shop)
    if method == "pm_card_visa":
        shop.made(f"/v1/setup_intents/{intent['id']}", {"payment_method": method})
    elif method:
        confirm(shop, intent, method)
    cancelled = shop.made(f"/v1/setup_intents/{intent['id']}/cancel")
    assert cancelled["status"] == "canceled"
    late = confirm(shop, intent)
    assert (late.status, late.body["error"]["code"]) == (400, "setup_intent_unexpected_state")


def test_what_succeeded_stays(shop):
    intent = made(shop)
    confirm(shop, intent)
    for path in ("/cancel", "/confirm"):
        answer = shop.post(f"/v1/setup_intents/{intent['id']}{path}")
        assert (answer.status, answer.body["error"]["code"]) == (400, "setup_intent_unexpected_state")


def test_the_secret_guards_it(shop):
    intent = made(shop)
    answer = confirm(shop, {**intent, "client_secret": "seti_x_secret_y"})
    assert (answer.status, answer.body["error"]["param"]) == (400, "client_secret")
    assert shop.ask("GET", f"/v1/setup_intents/{intent['id']}").body["status"] == "requires_payment_method"


def test_without_a_customer_nothing_is_attached(shop):
    intent = shop.made("/v1/setup_intents")
    done = confirm(shop, intent).body
    assert done["status"] == "succeeded"
    assert shop.get(f"/v1/payment_methods/{done['payment_method']}")["customer"] is None


def test_an_imported_paypal_agreement_needs_no_redirect(shop):
    customer = shop.customer()
    intent = shop.made(
        "/v1/setup_intents",
        {
            "customer": customer,
            "confirm": "true",
            "payment_method_data": {"type": "paypal", "billing_details": {"email": "p@example.test"}},
            "payment_method_options": {"paypal": {"billing_agreement_id": "B-1"}},
            "return_url": "https://shop.test/",
        },
    )
    assert intent["status"] == "succeeded"
    paid = shop.intent(customer=customer, payment_method=intent["payment_method"], confirm=True, off_session=True)
    assert paid["status"] == "succeeded"


def attempts(shop, intent):
    listed = shop.ask("GET", "/v1/setup_attempts", {"setup_intent": intent["id"]}).body["data"]
    return [(attempt["status"], attempt["payment_method"]) for attempt in listed]


def test_each_confirmation_is_an_attempt(shop):
    intent = shop.made("/v1/setup_intents", {"customer": shop.customer()})
    assert attempts(shop, intent) == []
    path = f"/v1/setup_intents/{intent['id']}"

    def confirmed(method):
        values = {"payment_method": method, "return_url": "https://a.test"}
        return shop.made(f"{path}/confirm", values)["payment_method"]

    first = confirmed("pm_card_authenticationRequired")
    assert attempts(shop, intent) == [("requires_action", first)]
    second = confirmed("pm_card_authenticationRequired")
    assert attempts(shop, intent) == [("requires_action", second), ("abandoned", first)]
    shop.visit(shop.get(path), "fail")
    third = confirmed("pm_card_authenticationRequired")
    shop.visit(shop.get(path))
    assert attempts(shop, intent) == [("succeeded", third), ("failed", second), ("abandoned", first)]
    failed = shop.ask("GET", "/v1/setup_attempts", {"setup_intent": intent["id"]}).body["data"][1]
    assert failed["setup_error"]["code"] == "setup_intent_authentication_failure"
    assert failed["payment_method_details"]["card"]["last4"] == "3184"
    assert shop.get(path)["latest_attempt"] != failed["id"]


def test_a_cancelled_set_up_abandons_its_attempt(shop):
    values = {"payment_method": "pm_card_authenticationRequired", "confirm": True, "return_url": "https://a.test"}
    intent = shop.made("/v1/setup_intents", values)
    shop.made(f"/v1/setup_intents/{intent['id']}/cancel")
    assert [status for status, _ in attempts(shop, intent)] == ["abandoned"]


def test_attempts_are_those_of_one_set_up(shop):
    assert shop.ask("GET", "/v1/setup_attempts").body["error"]["code"] == "parameter_missing"
    unknown = shop.ask("GET", "/v1/setup_attempts", {"setup_intent": "seti_unknown"})
    assert (unknown.status, unknown.body["error"]["code"]) == (400, "resource_missing")
