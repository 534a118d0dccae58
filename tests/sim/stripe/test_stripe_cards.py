"""Every row of the table of test cards, on session, off session, at the set-up and at the attachment."""

import pytest

from sim.stripe.test_cards import CARD_BY_NUMBER, CARD_BY_TOKEN, NUMBER_BY_BEHAVIOUR, passes_luhn

SUCCEEDING = [
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "378282246310005",
    "6011111111111117",
    "3056930009020004",
    "3566002020360505",
    "6200000000000005",
    "4000000000003055",
    "4000000000000259",
    "4000000000001976",
]
DECLINING = {
    "4000000000000002": ("card_declined", "generic_decline"),
    "4000000000009995": ("card_declined", "insufficient_funds"),
    "4000000000009987": ("card_declined", "lost_card"),
    "4000000000009979": ("card_declined", "stolen_card"),
    "4000000000000069": ("expired_card", "expired_card"),
    "4000000000000127": ("incorrect_cvc", "incorrect_cvc"),
    "4000000000000119": ("processing_error", "processing_error"),
    "4000000000006975": ("card_declined", "card_velocity_exceeded"),
}
DECLINED_BUT_SAVED = {
    "4000000000000341": ("card_declined", "generic_decline"),
    "4100000000000019": ("card_declined", "fraudulent"),
}
CHALLENGED = {
    "4000002500003155": None,
    "4000002760003184": None,
    "4000003800000446": None,
    "4000000000003220": None,
    "4000008260003178": "insufficient_funds",
    "4000008400001629": "generic_decline",
}


def card(shop, number, **values):
    body = {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123", **values}}
    return shop.browse("/v1/payment_methods", body)


def pay(shop, number):
    intent = shop.intent(customer=shop.customer())
    method = card(shop, number).body["id"]
    path = f"/v1/payment_intents/{intent['id']}/confirm"
    return shop.browse(path, {"client_secret": intent["client_secret"], "payment_method": method})


def attached(shop, number):
    customer = shop.customer()
    method = card(shop, number).body["id"]
    return customer, shop.post(f"/v1/payment_methods/{method}/attach", {"customer": customer})


def charge_off_session(shop, customer, method):
    body = {"amount": 500, "currency": "usd", "customer": customer, "payment_method": method}
    return shop.post("/v1/payment_intents", {**body, "confirm": True, "off_session": True})


def set_up(shop, number):
    """Save the card with its owner present, passing a challenge where one comes."""
    customer = shop.customer()
    intent = shop.made("/v1/setup_intents", {"customer": customer})
    body = {"client_secret": intent["client_secret"], "payment_method": card(shop, number).body["id"]}
    answer = shop.browse(f"/v1/setup_intents/{intent['id']}/confirm", body)
    if answer.status == 200 and answer.body["status"] == "requires_action":
        shop.visit(answer.body)
    return customer, shop.get(f"/v1/setup_intents/{intent['id']}")


def test_the_table_is_complete():
    tested = {*SUCCEEDING, *DECLINING, *DECLINED_BUT_SAVED, *CHALLENGED, "4000008400001280"}
    assert tested == set(CARD_BY_NUMBER)
    assert all(passes_luhn(number) for number in CARD_BY_NUMBER)


@pytest.mark.parametrize("number", SUCCEEDING)
def test_succeeds(shop, number):
    assert pay(shop, number).body["status"] == "succeeded"
    customer, answer = attached(shop, number)
    assert charge_off_session(shop, customer, answer.body["id"]).body["status"] == "succeeded"


@pytest.mark.parametrize("number", DECLINING)
def test_declines_and_cannot_be_saved(shop, number):
    refused = pay(shop, number)
    assert refused.status == 402
    assert (refused.body["error"]["code"], refused.body["error"]["decline_code"]) == DECLINING[number]
    customer, answer = attached(shop, number)
    assert answer.status == 402
    assert answer.body["error"]["type"] == "card_error"
    assert (answer.body["error"]["code"], answer.body["error"]["decline_code"]) == DECLINING[number]
    assert shop.get(f"/v1/customers/{customer}/payment_methods")["data"] == []
    _, intent = set_up(shop, number)
    assert intent["status"] == "requires_payment_method"
    assert intent["last_setup_error"]["decline_code"] == DECLINING[number][1]


@pytest.mark.parametrize("number", DECLINED_BUT_SAVED)
def test_is_saved_and_then_every_charge_fails(shop, number):
    assert pay(shop, number).body["error"]["decline_code"] == DECLINED_BUT_SAVED[number][1]
    customer, answer = attached(shop, number)
    assert answer.body["customer"] == customer
    for _ in range(2):
        refused = charge_off_session(shop, customer, answer.body["id"])
        assert (refused.status, refused.body["error"]["decline_code"]) == (402, DECLINED_BUT_SAVED[number][1])


def test_a_blocked_charge_says_so(shop):
    charge = pay(shop, "4100000000000019").body["error"]["charge"]
    outcome = shop.get(f"/v1/charges/{charge}")["outcome"]
    assert (outcome["type"], outcome["risk_level"]) == ("blocked", "highest")


@pytest.mark.parametrize("number", CHALLENGED)
def test_is_challenged_on_session(shop, number):
    waiting = pay(shop, number).body
    assert waiting["status"] == "requires_action"
    shop.visit(waiting)
    final = shop.get(f"/v1/payment_intents/{waiting['id']}")
    if CHALLENGED[number] is None:
        assert final["status"] == "succeeded"
    else:
        assert final["status"] == "requires_payment_method"
        assert final["last_payment_error"]["decline_code"] == CHALLENGED[number]


@pytest.mark.parametrize(
    ("number", "merely_attached", "after_set_up"),
    [
        ("4000002500003155", "authentication_required", None),
        ("4000002760003184", "authentication_required", "authentication_required"),
        ("4000003800000446", None, None),
        ("4000000000003220", "authentication_required", None),
        ("4000008260003178", "authentication_required", "insufficient_funds"),
        ("4000008400001629", "authentication_required", "generic_decline"),
        ("4000000000003055", None, None),
    ],
)
def test_off_session_after_attachment_and_after_set_up(shop, number, merely_attached, after_set_up):
    customer, answer = attached(shop, number)
    first = charge_off_session(shop, customer, answer.body["id"])
    customer, intent = set_up(shop, number)
    assert intent["status"] == "succeeded"
    second = charge_off_session(shop, customer, intent["payment_method"])
    for answer, expected in ((first, merely_attached), (second, after_set_up)):
        if expected is None:
            assert answer.body["status"] == "succeeded"
        else:
            assert (answer.status, answer.body["error"]["decline_code"]) == (402, expected)


def test_a_payment_for_future_use_sets_the_card_up(shop):
    customer = shop.customer()
    intent = shop.intent(customer=customer, setup_future_usage="off_session")
    body = {"client_secret": intent["client_secret"], "payment_method": "pm_card_authenticationRequiredOnSetup"}
    shop.visit(shop.browse(f"/v1/payment_intents/{intent['id']}/confirm", body).body)
    method = shop.get(f"/v1/payment_intents/{intent['id']}")["payment_method"]
    assert charge_off_session(shop, customer, method).body["status"] == "succeeded"


def test_on_session_use_sets_nothing_up_for_later(shop):
    customer = shop.customer()
    token = "pm_card_authenticationRequiredOnSetup"
    payment = shop.intent(customer=customer, setup_future_usage="on_session")
    set_up = shop.made("/v1/setup_intents", {"customer": customer, "usage": "on_session"})
    for kind, intent in (("payment", payment), ("setup", set_up)):
        body = {"client_secret": intent["client_secret"], "payment_method": token}
        shop.visit(shop.browse(f"/v1/{kind}_intents/{intent['id']}/confirm", body).body)
        method = shop.get(f"/v1/{kind}_intents/{intent['id']}")["payment_method"]
        refused = charge_off_session(shop, customer, method)
        assert refused.body["error"]["code"] == "authentication_required"


def test_a_card_on_file_is_set_up_by_a_later_payment(shop):
    customer, answer = attached(shop, "4000002500003155")
    intent = shop.intent(customer=customer, setup_future_usage="off_session", payment_method=answer.body["id"])
    path = f"/v1/payment_intents/{intent['id']}/confirm"
    shop.visit(shop.browse(path, {"client_secret": intent["client_secret"]}).body)
    assert charge_off_session(shop, customer, answer.body["id"]).body["status"] == "succeeded"


def test_a_failed_lookup_declines_at_once(shop):
    refused = pay(shop, "4000008400001280")
    assert (refused.status, refused.body["error"]["code"]) == (402, "card_declined")


def test_optional_authentication_comes_when_asked_for(shop):
    asked = {"payment_method_options": {"card": {"request_three_d_secure": "any"}}}
    intent = shop.intent(payment_method="pm_card_threeDSecureOptional", **asked)
    body = {"client_secret": intent["client_secret"]}
    assert shop.browse(f"/v1/payment_intents/{intent['id']}/confirm", body).body["status"] == "requires_action"


def test_a_disputed_charge_succeeds_first(shop):
    intent = pay(shop, "4000000000000259").body
    assert intent["status"] == "succeeded"
    types = [event["type"] for event in shop.events()]
    assert types.index("payment_intent.succeeded") < types.index("charge.dispute.created")
    assert shop.events("charge.succeeded")[0]["data"]["object"]["disputed"] is False
    (charge,) = shop.get("/v1/charges")["data"]
    assert charge["disputed"] is True


@pytest.mark.parametrize(
    ("values", "code", "param"),
    [
        ({"number": "4242424242424241"}, "incorrect_number", "number"),
        ({"number": "42"}, "incorrect_number", "number"),
        ({"number": "abcd"}, "incorrect_number", "number"),
        ({"number": "4000000000000010"}, "card_declined", None),
        ({"exp_month": 13}, "invalid_expiry_month", "exp_month"),
        ({"exp_month": 0}, "invalid_expiry_month", "exp_month"),
        ({"exp_year": 2025}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": 25}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": 10**12}, "invalid_expiry_year", "exp_year"),
        ({"exp_year": -1}, "invalid_expiry_year", "exp_year"),
        ({"cvc": "12"}, "invalid_cvc", "cvc"),
        ({"cvc": "abc"}, "invalid_cvc", "cvc"),
    ],
)
def test_cards_that_cannot_exist(shop, values, code, param):
    answer = card(shop, values.pop("number", "4242424242424242"), **values)
    assert answer.status == 402
    error = answer.body["error"]
    assert (error["type"], error["code"], error.get("param")) == ("card_error", code, param)


def test_every_behaviour_has_a_card_and_every_token_a_number(shop):
    for behaviour, number in NUMBER_BY_BEHAVIOUR.items():
        assert (number in CARD_BY_NUMBER) == (behaviour != "incorrect_number")
    for token in CARD_BY_TOKEN:
        assert shop.intent(payment_method=token)["status"] == "requires_confirmation"


def test_a_card_expires_with_the_clock(shop):
    customer = shop.customer()
    method = card(shop, "4242424242424242", exp_month=1, exp_year=2026).body["id"]
    shop.made(f"/v1/payment_methods/{method}/attach", {"customer": customer})
    shop.clock.now_us = 27 * 86_400_000_000 - 1
    assert charge_off_session(shop, customer, method).body["status"] == "succeeded"
    shop.clock.now_us += 1
    refused = charge_off_session(shop, customer, method)
    assert (refused.status, refused.body["error"]["code"]) == (402, "expired_card")


def test_a_card_can_be_aged(shop):
    customer, answer = attached(shop, "4242424242424242")
    method = answer.body["id"]
    aged = shop.made(f"/v1/payment_methods/{method}", {"card": {"exp_month": 12, "exp_year": 2025}})
    assert aged["card"]["exp_year"] == 2025
    assert charge_off_session(shop, customer, method).body["error"]["code"] == "expired_card"
