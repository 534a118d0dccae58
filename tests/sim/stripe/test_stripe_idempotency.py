"""Idempotency keys: replayed, mismatched, in flight, and left free."""

import pytest

from sim.messages import Request
from sim.time import DAY_US

BODY = {"amount": 500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, "off_session": True}


def test_the_first_answer_is_replayed(shop):
    first = shop.post("/v1/payment_intents", BODY, idempotency_key="k")
    second = shop.post("/v1/payment_intents", dict(BODY), idempotency_key="k")
    assert second.body == first.body
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert len(shop.get("/v1/charges")["data"]) == 1
    assert len(shop.events("payment_intent.succeeded")) == 1
    assert shop.events("payment_intent.succeeded")[0]["request"]["idempotency_key"] == "k"


def test_a_refused_payment_is_replayed_too(shop):
    body = {**BODY, "payment_method": "pm_card_chargeDeclined"}
    first = shop.post("/v1/payment_intents", body, idempotency_key="k")
    second = shop.post("/v1/payment_intents", body, idempotency_key="k")
    assert (first.status, second.status) == (402, 402)
    assert second.body == first.body
    assert len(shop.get("/v1/charges")["data"]) == 1


def test_a_wrong_state_is_replayed_too(shop):
    intent = shop.intent()
    path = f"/v1/payment_intents/{intent['id']}/capture"
    assert shop.post(path, idempotency_key="k").status == 400
    assert shop.post(path, idempotency_key="k").headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/payment_intents", {**BODY, "amount": 501}), ("/v1/setup_intents", BODY)],
)
def test_the_key_belongs_to_its_request(shop, path, body):
    shop.post("/v1/payment_intents", BODY, idempotency_key="k")
    answer = shop.post(path, body, idempotency_key="k")
    assert answer.status == 400
    assert answer.body["error"]["type"] == "idempotency_error"


def test_a_request_in_flight_is_a_conflict(shop):
    request = Request(
        "POST", "/v1/payment_intents", BODY, {"authorization": "Bearer sk_test_gatefall", "idempotency-key": "k"}
    )
    first = shop.stripe.handle(request)
    next(first)  # executing: its deliveries are being started
    conflict = shop.post("/v1/payment_intents", BODY, idempotency_key="k")
    assert (conflict.status, conflict.body["error"]["code"]) == (409, "idempotency_key_in_use")
    answer = shop.run(first)
    assert answer.status == 200
    assert shop.post("/v1/payment_intents", BODY, idempotency_key="k").body == answer.body


def test_an_executed_request_is_kept_although_its_caller_was_cut_off(shop):
    request = Request(
        "POST", "/v1/payment_intents", BODY, {"authorization": "Bearer sk_test_gatefall", "idempotency-key": "k"}
    )
    program = shop.stripe.handle(request)
    next(program)
    program.close()
    assert shop.post("/v1/payment_intents", BODY, idempotency_key="k").headers["idempotent-replayed"] == "true"
    assert len(shop.get("/v1/charges")["data"]) == 1


@pytest.mark.parametrize(
    ("path", "bad", "key"),
    [
        ("/v1/payment_intents", {**BODY, "amount": 0}, "sk_test_gatefall"),
        ("/v1/payment_intents", {**BODY, "customer": "cus_unknown"}, "sk_test_gatefall"),
        ("/v1/payment_intents", BODY, "sk_test_wrong"),
    ],
)
def test_what_did_not_begin_to_execute_leaves_the_key_free(shop, path, bad, key):
    assert shop.post(path, bad, key=key, idempotency_key="k").status in (400, 401)
    assert shop.post(path, BODY, idempotency_key="k").body["status"] == "succeeded"


def test_keys_are_kept_for_a_day(shop):
    first = shop.post("/v1/payment_intents", BODY, idempotency_key="k").body["id"]
    shop.clock.now_us += DAY_US - 1
    assert shop.post("/v1/payment_intents", BODY, idempotency_key="k").body["id"] == first
    shop.clock.now_us += 1
    assert shop.post("/v1/payment_intents", BODY, idempotency_key="k").body["id"] != first


def test_keys_mean_nothing_to_reading(shop):
    shop.post("/v1/payment_intents", BODY, idempotency_key="k")
    assert shop.ask("GET", "/v1/payment_intents", idempotency_key="k").status == 200


def test_a_key_has_a_longest_length(shop):
    assert shop.post("/v1/payment_intents", BODY, idempotency_key="k" * 255).status == 200
    assert shop.post("/v1/payment_intents", BODY, idempotency_key="k" * 256).status == 400


def test_a_browser_cannot_replay_the_backend(shop):
    shop.post("/v1/payment_intents", BODY, idempotency_key="k")
    answer = shop.post("/v1/payment_intents", BODY, idempotency_key="k", key="pk_test_gatefall")
    assert answer.status == 403


def test_forgetting_an_account_frees_its_keys(shop):
    first = shop.post("/v1/customers", {"metadata": {"account_id": "acct1"}}, idempotency_key="k")
    shop.stripe.forget("acct1")
    second = shop.post("/v1/customers", {"metadata": {"account_id": "acct1"}}, idempotency_key="k")
    assert "idempotent-replayed" not in second.headers
    assert second.body == first.body
