"""Who may ask what: keys, versions and the rate of operations."""

from base64 import b64encode

import pytest

from sim.messages import Request
from sim.time import SECOND_US

READING = "rk_test_gatefall"


def test_a_restricted_key_reads_and_does_not_write(shop):
    customer = shop.customer()
    for path in ("/v1/customers", f"/v1/customers/{customer}", "/v1/charges", "/v1/events"):
        assert shop.ask("GET", path, key=READING).status == 200, path
    for method, path in (
        ("POST", "/v1/customers"),
        ("POST", f"/v1/customers/{customer}"),
        ("DELETE", f"/v1/customers/{customer}"),
        ("POST", "/v1/refunds"),
    ):
        answer = shop.ask(method, path, {}, key=READING)
        assert answer.status == 403, path
        assert "does not have the required permissions" in answer.body["error"]["message"]
    assert "rak_customer_write" in shop.post("/v1/customers", key=READING).body["error"]["message"]
    assert "deleted" not in shop.get(f"/v1/customers/{customer}")


def test_a_refused_writer_leaves_the_idempotency_key_free(shop):
    assert shop.post("/v1/customers", key=READING, idempotency_key="k").status == 403
    assert shop.post("/v1/customers", idempotency_key="k").status == 200


def test_restricted_keys_are_what_one_says(new_shop):
    shop = new_shop(restricted_keys={"rk_test_writer": "write", "rk_test_reader": "read"})
    assert shop.post("/v1/customers", key="rk_test_writer").status == 200
    assert shop.post("/v1/customers", key="rk_test_reader").status == 403
    assert shop.ask("GET", "/v1/customers", key=READING).status == 401


def test_a_reading_key_sees_what_the_secret_key_sees(shop):
    intent = shop.intent(customer=shop.customer())
    assert shop.ask("GET", f"/v1/payment_intents/{intent['id']}", key=READING).body == intent


def test_the_key_may_be_the_user_of_basic_authentication(shop):
    def ask(credential):
        return shop.run(shop.stripe.handle(Request("GET", "/v1/customers", None, {"authorization": credential})))

    assert ask("Basic " + b64encode(b"sk_test_gatefall:").decode()).status == 200
    for other in (b"sk_test_other:", b":sk_test_gatefall", b"\xff", b""):
        assert ask("Basic " + b64encode(other).decode()).status == 401
    for other in ("Basic ?", "Basic", "Bearer", "Digest sk_test_gatefall", "sk_test_gatefall"):
        assert ask(other).status == 401


def test_a_live_key_is_refused_and_not_repeated(new_shop):
    answer = new_shop().ask("GET", "/v1/customers", key="sk_live_0123456789")
    assert answer.status == 401
    assert "live key" in answer.body["error"]["message"]
    assert "0123456789" not in str(answer.body)
    for option in ({"secret_key": "sk_live_1"}, {"restricted_keys": {"rk_live_1": "read"}}):
        with pytest.raises(ValueError, match="test keys only"):
            new_shop(**option)


@pytest.mark.parametrize("key", ["sk_test_x", "abc", "x", ""])
def test_messages_never_repeat_a_whole_key(shop, key):
    assert f"provided: {key}" not in str(shop.ask("GET", "/v1/customers", key=key).body) or not key


@pytest.mark.parametrize("version", ["2025-03-31.basil", "2025-09-30.clover", "2026-04-22.dahlia", "2026-10-28.endive"])
def test_versions_that_are_spoken(shop, version):
    answer = shop.ask("GET", "/v1/customers", stripe_version=version)
    assert (answer.status, answer.headers["stripe-version"]) == (200, version)


@pytest.mark.parametrize(
    "version",
    [
        "2026-11-25.endive",
        "2026-10-28.basil",
        "2026-10-28",
        "2024-06-20",
        "2024-09-30.acacia",
        "latest",
        "",
        "2026-10-28.endive, 2026-10-28.endive",
    ],
)
def test_versions_that_are_not(shop, version):
    answer = shop.ask("GET", "/v1/customers", stripe_version=version)
    assert answer.status == 400
    message = answer.body["error"]["message"]
    assert message.startswith(f"Invalid Stripe API version: {version}")
    assert "2025-03-31.basil to 2026-10-28.endive" in message


def test_lists_and_expanded_intents_speak_the_version_too(shop):
    intent = shop.intent(payment_method="pm_card_visa", confirm=True, off_session=True)
    old = {"stripe_version": "2026-08-26.dahlia"}
    for body in (
        shop.ask("GET", "/v1/payment_intents", **old).body["data"][0],
        shop.ask("GET", f"/v1/charges/{intent['latest_charge']}", {"expand": ["payment_intent"]}, **old).body[
            "payment_intent"
        ],
    ):
        assert body["id"] == intent["id"]
        assert "allowed_payment_method_types" not in body
    assert "allowed_payment_method_types" in shop.get("/v1/payment_intents")["data"][0]


def test_a_rate_of_operations_where_one_is_wanted(new_shop):
    shop = new_shop(operations_per_s=3)
    answers = [shop.post("/v1/customers", idempotency_key=str(number)) for number in range(5)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    refused = answers[-1]
    assert refused.body["error"]["code"] == "rate_limit"
    assert refused.headers["stripe-rate-limited-reason"] == "global-rate"
    assert shop.ask("GET", "/v1/customers", key=None).status == 401
    shop.clock.now_us += SECOND_US
    again = shop.post("/v1/customers", idempotency_key="4")
    assert (again.status, "idempotent-replayed" in again.headers) == (200, False)
    assert "stripe-rate-limited-reason" not in again.headers


def test_no_rate_unless_one_is_wanted(shop):
    assert {shop.post("/v1/customers").status for _ in range(200)} == {200}


def test_a_browser_does_not_see_what_is_not_its_own(shop):
    customer = shop.customer()
    made = shop.browse("/v1/payment_methods", {"type": "card", "card": {"token": "tok_visa"}, "metadata": {"a": "b"}})
    assert "metadata" not in made.body
    assert "fingerprint" not in made.body["card"]
    intent = shop.intent(customer=customer, metadata={"secret_thing": "x"})
    path = f"/v1/payment_intents/{intent['id']}/confirm"
    method = shop.made("/v1/payment_methods/pm_card_chargeCustomerFail/attach", {"customer": customer})["id"]
    values = {"client_secret": intent["client_secret"], "payment_method": method}
    error = shop.browse(path, values).body["error"]
    told = shop.ask(
        "GET",
        f"/v1/payment_intents/{intent['id']}",
        {"client_secret": intent["client_secret"], "expand": ["payment_method"]},
        key="pk_test_gatefall",
    ).body
    for shown in (error["payment_method"], error["payment_intent"]["last_payment_error"]["payment_method"]):
        assert (shown["id"], shown["customer"]) == (method, None)
        assert "metadata" not in shown
        assert "fingerprint" not in shown["card"]
    assert customer not in str(told)
    for path in ("customer", "latest_charge", "metadata"):
        values = {"client_secret": intent["client_secret"], "expand": [path]}
        refused = shop.ask("GET", f"/v1/payment_intents/{intent['id']}", values, key="pk_test_gatefall")
        assert refused.status == 400, path


def test_every_refusal_says_where_its_log_is(shop):
    for answer in (
        shop.post("/v1/payment_intents"),
        shop.ask("GET", "/v1/customers/x"),
        shop.browse("/v1/customers"),
        shop.post("/v1/payment_methods", {"type": "card", "card": {"number": "4242424242424241"}}),
    ):
        assert f"/test/logs/{answer.headers['request-id']}?" in answer.body["error"]["request_log_url"]
    assert "request_log_url" not in shop.ask("GET", "/v1/customers", key="sk_test_other").body["error"]
