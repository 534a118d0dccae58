"""PaymentIntents: every way through their states."""

import gc

import pytest

from sim.stripe import NUMBER_BY_BEHAVIOUR

BROWSER = {"key": "pk_test_gatefall"}


def states(shop, intent_id):
    return [fact.state for fact in shop.facts("intent") if fact.subject == intent_id]


def paid(shop, intent, method="pm_card_visa", **values):
    path = f"/v1/payment_intents/{intent['id']}/confirm"
    return shop.browse(path, {"client_secret": intent["client_secret"], "payment_method": method, **values})


def test_a_payment_collected_by_its_client_secret(shop):
    customer = shop.customer()
    intent = shop.intent(
        customer=customer,
        setup_future_usage="off_session",
        metadata={"subscription_ids": "s1,s2", "account_id": "acct1"},
    )
    assert intent["status"] == "requires_payment_method"
    assert paid(shop, intent).body["status"] == "succeeded"
    final = shop.get(f"/v1/payment_intents/{intent['id']}")
    assert final["amount_received"] == 500
    assert final["customer"] == customer
    created, succeeded = shop.facts("intent")
    assert created.detail == {"subscription_ids": ["s1", "s2"], "account_id": "acct1"}
    assert created.related == customer
    assert created.amount_minor == 500
    assert succeeded.state == "succeeded"
    assert succeeded.detail == {"payment_method": final["payment_method"], "amount_received": 500}
    assert [event["type"] for event in shop.events()][1:] == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_method.attached",
    ]


def test_created_with_a_method_it_waits_for_confirmation(shop):
    intent = shop.intent(payment_method="pm_card_visa")
    assert intent["status"] == "requires_confirmation"
    confirmed = shop.made(f"/v1/payment_intents/{intent['id']}/confirm", {"use_stripe_sdk": "true"})
    assert confirmed["status"] == "succeeded"


def test_created_and_confirmed_in_one_request(shop):
    intent = shop.intent(payment_method="pm_card_visa", confirm=True, off_session="true")
    assert intent["status"] == "succeeded"
    assert intent["latest_charge"].startswith("ch_")


def test_a_decline_goes_back_and_the_same_secret_works_with_another_card(shop):
    intent = shop.intent(customer=shop.customer())
    refused = paid(shop, intent, "pm_card_visa_chargeDeclinedInsufficientFunds")
    assert refused.status == 402
    error = refused.body["error"]
    assert (error["type"], error["code"], error["decline_code"]) == (
        "card_error",
        "card_declined",
        "insufficient_funds",
    )
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert error["payment_intent"]["payment_method"] is None
    assert error["payment_intent"]["last_payment_error"]["payment_method"]["card"]["last4"] == "9995"
    assert error["payment_method"]["id"].startswith("pm_")
    assert error["charge"].startswith("ch_")
    assert {"message", "doc_url", "request_log_url"} <= error.keys()
    assert paid(shop, intent).body["status"] == "succeeded"
    assert states(shop, intent["id"]) == ["requires_payment_method", "requires_payment_method", "succeeded"]
    assert [fact.state for fact in shop.facts("charge")] == ["failed", "succeeded"]
    assert shop.facts("intent")[1].detail == {"decline_code": "insufficient_funds", "code": "card_declined"}
    assert shop.get(f"/v1/payment_intents/{intent['id']}")["last_payment_error"] is None


def test_a_challenge_passed(shop):
    intent = shop.intent(customer=shop.customer())
    waiting = paid(shop, intent, "pm_card_authenticationRequired", return_url="https://shop.test/back").body
    assert waiting["status"] == "requires_action"
    assert waiting["next_action"]["type"] == "redirect_to_url"
    assert shop.visit(waiting).status == 303
    final = shop.get(f"/v1/payment_intents/{intent['id']}")
    assert (final["status"], final["next_action"]) == ("succeeded", None)
    assert states(shop, intent["id"]) == ["requires_payment_method", "requires_action", "succeeded"]


@pytest.mark.parametrize("outcome", ["fail", "cancel"])
def test_a_challenge_failed_can_be_tried_again(shop, outcome):
    intent = shop.intent(customer=shop.customer())
    waiting = paid(shop, intent, "pm_card_authenticationRequired", use_stripe_sdk=True).body
    assert waiting["next_action"]["use_stripe_sdk"]["type"] == "three_d_secure_redirect"
    assert shop.visit(waiting, outcome).status == 200
    after = shop.get(f"/v1/payment_intents/{intent['id']}")
    assert after["status"] == "requires_payment_method"
    assert after["last_payment_error"]["code"] == "payment_intent_authentication_failure"
    assert after["last_payment_error"]["type"] == "invalid_request_error"
    assert after["last_payment_error"]["payment_method"]["card"]["last4"] == "3184"
    assert after["latest_charge"] is None
    assert paid(shop, intent).body["status"] == "succeeded"


def test_confirming_again_leaves_a_challenge_behind(shop):
    intent = shop.intent(customer=shop.customer())
    waiting = paid(shop, intent, "pm_card_authenticationRequired").body
    assert paid(shop, intent).body["status"] == "succeeded"
    assert shop.visit(waiting, "fail").body["status"] == "succeeded"


def test_off_session_authentication_is_an_error(shop):
    customer = shop.customer()
    method = shop.made("/v1/payment_methods/pm_card_authenticationRequired/attach", {"customer": customer})["id"]
    answer = shop.post(
        "/v1/payment_intents",
        {
            "amount": 500,
            "currency": "usd",
            "customer": customer,
            "payment_method": method,
            "confirm": True,
            "off_session": True,
        },
    )
    assert answer.status == 402
    assert answer.body["error"]["code"] == "authentication_required"
    intent = answer.body["error"]["payment_intent"]
    assert intent["status"] == "requires_payment_method"
    assert paid(shop, intent, method).body["status"] == "requires_action"


def test_error_on_requires_action_asks_nobody(shop):
    body = {"amount": 500, "currency": "usd", "payment_method": "pm_card_threeDSecure2Required", "confirm": True}
    answer = shop.post("/v1/payment_intents", {**body, "error_on_requires_action": True, "use_stripe_sdk": True})
    assert answer.status == 402
    assert answer.body["error"]["code"] == "authentication_required"
    assert answer.body["error"]["payment_intent"]["next_action"] is None


@pytest.mark.parametrize(
    "state", ["requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"]
)
def test_cancelling_what_is_not_paid(shop, state):
    methods = {"requires_confirmation": "pm_card_visa", "requires_action": "pm_card_threeDSecure2Required"}
    intent = shop.intent(capture_method="manual" if state == "requires_capture" else "automatic")
    if state == "requires_confirmation":
        shop.made(f"/v1/payment_intents/{intent['id']}", {"payment_method": "pm_card_visa"})
    elif state != "requires_payment_method":
        paid(shop, intent, methods.get(state, "pm_card_visa"))
    assert shop.get(f"/v1/payment_intents/{intent['id']}")["status"] == state
    cancelled = shop.made(f"/v1/payment_intents/{intent['id']}/cancel", {"cancellation_reason": "abandoned"})
    assert (cancelled["status"], cancelled["cancellation_reason"]) == ("canceled", "abandoned")
    assert cancelled["canceled_at"] == shop.now_s
    assert cancelled["amount_received"] == 0
    assert shop.events("payment_intent.canceled")
    again = paid(shop, intent)
    assert (again.status, again.body["error"]["code"]) == (400, "payment_intent_unexpected_state")


def test_what_is_paid_cannot_be_cancelled_confirmed_or_changed(shop):
    intent = shop.intent(payment_method="pm_card_visa", confirm=True, off_session=True)
    for path, body in (
        ("/cancel", {}),
        ("/confirm", {"payment_method": "pm_card_visa"}),
        ("", {"amount": 600}),
        ("/capture", {}),
    ):
        answer = shop.post(f"/v1/payment_intents/{intent['id']}{path}", body)
        assert (answer.status, answer.body["error"]["code"]) == (400, "payment_intent_unexpected_state"), path
        assert answer.body["error"]["payment_intent"]["id"] == intent["id"]
    assert shop.made(f"/v1/payment_intents/{intent['id']}", {"metadata": {"a": "b"}})["metadata"] == {"a": "b"}


def test_manual_capture_takes_a_part(shop):
    intent = shop.intent(payment_method="pm_card_visa", confirm=True, off_session=True, capture_method="manual")
    assert (intent["status"], intent["amount_capturable"]) == ("requires_capture", 500)
    too_much = shop.post(f"/v1/payment_intents/{intent['id']}/capture", {"amount_to_capture": 501})
    assert too_much.body["error"]["code"] == "amount_too_large"
    captured = shop.made(f"/v1/payment_intents/{intent['id']}/capture", {"amount_to_capture": 300})
    assert (captured["status"], captured["amount_received"], captured["amount_capturable"]) == ("succeeded", 300, 0)


def test_updating_amount_and_lines_is_a_fact(shop):
    intent = shop.intent(customer=shop.customer(), metadata={"subscription_ids": "s1", "note": "x"})
    updated = shop.made(
        f"/v1/payment_intents/{intent['id']}", {"amount": "900", "metadata": {"subscription_ids": "s1,s2", "note": ""}}
    )
    assert (updated["amount"], updated["metadata"]) == (900, {"subscription_ids": "s1,s2"})
    last = shop.facts("intent")[-1]
    assert (last.amount_minor, last.detail["subscription_ids"]) == (900, ["s1", "s2"])


def test_confirming_without_a_method(shop):
    intent = shop.intent()
    answer = shop.browse(f"/v1/payment_intents/{intent['id']}/confirm", {"client_secret": intent["client_secret"]})
    assert (answer.status, answer.body["error"]["code"]) == (400, "payment_intent_unexpected_state")
    assert "missing a payment method" in answer.body["error"]["message"]


def test_a_backend_must_say_where_redirects_return(shop):
    body = {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    refused = shop.post("/v1/payment_intents", body)
    assert (refused.status, refused.body["error"]["param"]) == (400, "return_url")
    assert shop.get("/v1/payment_intents")["data"] == []
    for way in (
        {"return_url": "https://shop.test/back"},
        {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}},
        {"payment_method_types": ["card"]},
        {"allowed_payment_method_types": {"0": "card"}},
        {"off_session": True},
        {"use_stripe_sdk": True},
    ):
        assert shop.made("/v1/payment_intents", {**body, **way})["status"] == "succeeded", way


@pytest.mark.parametrize(
    ("values", "code", "param"),
    [
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": True}, "parameter_invalid_integer", "amount"),
        ({"amount": None}, "parameter_missing", "amount"),
        ({"currency": None}, "parameter_missing", "currency"),
        ({"currency": "xyz"}, None, "currency"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"automatic_payment_methods": {"on": True}}, "parameter_unknown", "automatic_payment_methods[on]"),
        ({"customer": "cus_unknown"}, "resource_missing", "customer"),
        ({"payment_method": "pm_unknown"}, "resource_missing", "payment_method"),
        ({"description": {"a": "b"}}, None, "description"),
        ({"customer": ""}, "parameter_invalid_empty", "customer"),
        ({"setup_future_usage": "often"}, None, "setup_future_usage"),
        ({"metadata": {"a": "x" * 501}}, None, "metadata[a]"),
        ({"metadata": {"k" * 41: "x"}}, None, f"metadata[{'k' * 41}]"),
        ({"metadata": {str(number): "x" for number in range(51)}}, None, "metadata"),
        ({"off_session": True}, None, "off_session"),
        ({"payment_method_types": ["card", "sofort"]}, "payment_intent_invalid_parameter", "payment_method_types"),
    ],
)
def test_wrong_parameters_are_refused_by_name(shop, values, code, param):
    answer = shop.post("/v1/payment_intents", {"amount": 500, "currency": "usd", **values})
    assert answer.status == 400
    error = answer.body["error"]
    assert (error["type"], error.get("code"), error.get("param")) == ("invalid_request_error", code, param)
    assert shop.get("/v1/payment_intents")["data"] == []


@pytest.mark.parametrize("amount", [50, 99_999_999])
def test_the_smallest_and_the_largest_amount(shop, amount):
    assert shop.intent(amount=amount)["amount"] == amount


def test_a_browser_sees_little_and_needs_the_secret(shop):
    intent = shop.intent(customer=shop.customer(), metadata={"secret_thing": "x"})
    path = f"/v1/payment_intents/{intent['id']}"
    seen = shop.ask("GET", path, {"client_secret": intent["client_secret"]}, **BROWSER).body
    assert seen["status"] == "requires_payment_method"
    assert not {"customer", "metadata", "latest_charge", "amount_received"} & seen.keys()
    assert shop.ask("GET", path, **BROWSER).body["error"]["code"] == "parameter_missing"
    wrong = shop.ask("GET", path, {"client_secret": intent["client_secret"][:-1]}, **BROWSER)
    assert (wrong.status, wrong.body["error"]["code"]) == (400, "payment_intent_invalid_parameter")
    for attempt in (
        shop.browse("/v1/payment_intents", {"amount": 500, "currency": "usd"}),
        shop.browse(f"{path}/cancel"),
        shop.ask("GET", "/v1/payment_intents", **BROWSER),
    ):
        assert (attempt.status, attempt.body["error"]["code"]) == (403, "secret_key_required")
    assert shop.browse(f"{path}/confirm", {"client_secret": "x", "off_session": True}).body["error"]["code"] == (
        "parameter_unknown"
    )


def test_errors_to_a_browser_do_not_leak(shop):
    intent = shop.intent(customer=shop.customer(), metadata={"secret_thing": "x"})
    refused = paid(shop, intent, "pm_card_chargeDeclined").body["error"]["payment_intent"]
    paid(shop, intent)
    late = paid(shop, intent).body["error"]["payment_intent"]
    for seen in (refused, late):
        assert "metadata" not in seen
        assert "customer" not in seen


def test_client_secrets_pass_the_checks_of_mobile_clients(shop):
    import re

    assert re.fullmatch(r"pi_[^_]+_secret_[^_]+", shop.intent()["client_secret"])
    assert re.fullmatch(r"seti_[^_]+_secret_[^_]+", shop.made("/v1/setup_intents")["client_secret"])


def test_the_answer_names_types_as_its_version_does(shop):
    assert shop.intent(payment_method_types=["card"])["allowed_payment_method_types"] == ["card"]
    old = shop.made(
        "/v1/payment_intents",
        {"amount": 500, "currency": "usd", "allowed_payment_method_types": ["card"]},
        stripe_version="2026-08-26.dahlia",
    )
    assert "allowed_payment_method_types" not in old
    assert old["payment_method_types"] == ["card"]


def test_a_method_of_another_customer_is_refused(shop):
    mine, theirs = shop.customer(), shop.customer("acct2")
    method = shop.made("/v1/payment_methods/pm_card_visa/attach", {"customer": theirs})["id"]
    for customer in ({"customer": mine}, {}):
        answer = shop.post(
            "/v1/payment_intents", {"amount": 500, "currency": "usd", "payment_method": method, **customer}
        )
        assert (answer.status, answer.body["error"]["param"]) == (400, "payment_method")


def test_a_method_used_without_being_saved_is_spent(shop):
    customer = shop.customer()
    method = shop.browse("/v1/payment_methods", {"type": "card", "card": {"token": "tok_visa"}}).body["id"]
    assert paid(shop, shop.intent(customer=customer), method).body["status"] == "succeeded"
    for answer in (
        paid(shop, shop.intent(customer=customer), method),
        shop.post(f"/v1/payment_methods/{method}/attach", {"customer": customer}),
    ):
        assert answer.status == 400
        assert "may not be used again" in answer.body["error"]["message"]


def test_a_malformed_confirmation_leaves_the_intent_as_it_was(shop):
    intent = shop.intent(customer=shop.customer())
    answer = shop.post(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": "pm_card_visa"})
    assert answer.body["error"]["param"] == "return_url"
    assert shop.get(f"/v1/payment_intents/{intent['id']}")["status"] == "requires_payment_method"


def test_lists_page_newest_first(shop):
    customer = shop.customer()
    made = [shop.intent(customer=customer)["id"] for _ in range(5)]
    shop.intent(customer=shop.customer("acct2"))
    first = shop.ask("GET", "/v1/payment_intents", {"customer": customer, "limit": "2"}).body
    assert [item["id"] for item in first["data"]] == made[:-3:-1]
    assert first["has_more"] is True
    rest = shop.ask("GET", "/v1/payment_intents", {"customer": customer, "starting_after": made[3]}).body
    assert [item["id"] for item in rest["data"]] == made[2::-1]
    assert rest["has_more"] is False
    back = shop.ask("GET", "/v1/payment_intents", {"customer": customer, "ending_before": made[1], "limit": 1}).body
    assert [item["id"] for item in back["data"]] == [made[2]]
    assert shop.ask("GET", "/v1/payment_intents", {"limit": 101}).status == 400


def test_expand_replaces_ids_by_objects(shop):
    intent = shop.intent(
        customer=shop.customer(),
        payment_method="pm_card_visa",
        confirm=True,
        off_session=True,
        expand=["latest_charge.customer"],
    )
    assert intent["latest_charge"]["customer"]["email"] == "a@example.test"
    assert shop.ask("GET", f"/v1/payment_intents/{intent['id']}", {"expand": ["nothing"]}).status == 400


def test_lines_that_one_value_cannot_hold_go_on_in_another(shop):
    metadata = {"subscription_ids": "s1,s2", "subscription_ids_more": "s3"}
    shop.intent(customer=shop.customer(), metadata=metadata)
    assert shop.facts("intent")[0].detail["subscription_ids"] == ["s1", "s2", "s3"]
    assert shop.stripe.intents_of("acct1")[0]["subscription_ids"] == ["s1", "s2", "s3"]


def test_the_final_reading(shop):
    intent = shop.intent(
        customer=shop.customer(), setup_future_usage="off_session", metadata={"subscription_ids": "s1"}
    )
    number = NUMBER_BY_BEHAVIOUR["succeeds"]
    method = shop.browse(
        "/v1/payment_methods",
        {
            "type": "card",
            "card": {"number": number, "exp_month": "12", "exp_year": "2030"},
            "metadata": {"account_id": "acct1"},
        },
    ).body["id"]
    paid(shop, intent, method)
    shop.made("/v1/refunds", {"payment_intent": intent["id"], "amount": 200})
    (read,) = shop.stripe.intents_of("acct1")
    assert (read["id"], read["status"], read["amount"]) == (intent["id"], "succeeded", 500)
    assert (read["amount_received"], read["amount_refunded"]) == (500, 200)
    (saved,) = shop.stripe.payment_methods_of("acct1")
    assert (saved["id"], saved["attached"], saved["type"]) == (method, True, "card")
    assert shop.stripe.intents_of("acct2") == []


def test_forgetting_an_account_frees_it(shop):
    customer = shop.customer()
    intent = shop.intent(customer=customer)
    shop.stripe.forget("acct1")
    assert shop.stripe.intents_of("acct1") == []
    assert shop.ask("GET", f"/v1/payment_intents/{intent['id']}").status == 404
    assert shop.customer() == customer


def test_what_is_forgotten_is_freed_without_a_search_for_cycles(shop):
    """Simulations switch the garbage collector off: what holds itself alive would stay for the whole run."""
    gc.collect()
    gc.disable()
    try:
        gc.set_debug(gc.DEBUG_SAVEALL)
        busy_account(shop)
        shop.settle()
        shop.stripe.forget("acct1")
        gc.collect()
        kept = [item for item in gc.garbage if type(item).__module__.startswith("sim.stripe")]
        assert [type(item).__name__ for item in kept] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def busy_account(shop):
    """One of everything: paid, declined, challenged, saved as the default, captured, refunded, cancelled, detached."""
    customer = shop.customer()
    saving = {"customer": customer, "setup_future_usage": "off_session"}
    intent = shop.intent(**saving)
    for method in ("pm_card_visa_chargeDeclined", "pm_card_visa"):
        body = {"client_secret": intent["client_secret"], "payment_method": method, "use_stripe_sdk": True}
        shop.browse(f"/v1/payment_intents/{intent['id']}/confirm", body)
    (saved,) = shop.get(f"/v1/customers/{customer}/payment_methods")["data"]
    shop.made(f"/v1/customers/{customer}", {"invoice_settings": {"default_payment_method": saved["id"]}})
    shop.made("/v1/refunds", {"payment_intent": intent["id"]}, idempotency_key="k")
    held = shop.intent(**saving, payment_method=saved["id"], confirm=True, off_session=True, capture_method="manual")
    shop.made(f"/v1/payment_intents/{held['id']}/capture")
    set_up = {"customer": customer, "payment_method": "pm_card_authenticationRequired", "confirm": True}
    asked = shop.made("/v1/setup_intents", {**set_up, "return_url": "https://shop.test"})
    shop.visit(asked)
    shop.made(f"/v1/payment_intents/{shop.intent(**saving)['id']}/cancel")
    assert shop.post("/v1/payment_intents", {"amount": 1, "currency": "usd"}).status == 400
    first, second = shop.get(f"/v1/customers/{customer}/payment_methods")["data"]
    shop.made(f"/v1/payment_methods/{first['id']}/detach")
    shop.made(f"/v1/payment_methods/{second['id']}", {"card": {"exp_year": 2020}})


def test_ids_do_not_depend_on_other_accounts(new_shop):
    alone, busy = new_shop(), new_shop()
    busy.intent(customer=busy.customer("acct2"))
    for shop in (alone, busy):
        shop.mine = shop.customer()
        busy.intent(customer=busy.customer("acct3"))
    assert alone.mine == busy.mine
    assert alone.intent(customer=alone.mine) == busy.intent(customer=busy.mine)
