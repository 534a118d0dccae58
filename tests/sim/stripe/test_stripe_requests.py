"""Credentials, paths and the forms that values may take."""

import pytest


def test_no_key_and_a_wrong_key(shop):
    assert shop.ask("GET", "/v1/customers", key=None).status == 401
    wrong = shop.ask("GET", "/v1/customers", key="sk_test_abcdefghijkl")
    assert wrong.status == 401
    assert "abcdefghijkl" not in wrong.body["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/nothing"),
        ("GET", "/v2/customers"),
        ("GET", "/"),
        ("PUT", "/v1/customers"),
        ("POST", "/v1/payment_intents/x/y"),
        ("GET", "/v1/payment_intents/x/confirm"),
        ("POST", "/v1/payment_intents/x/confirm/y"),
    ],
)
def test_paths_that_stripe_does_not_have(shop, method, path):
    answer = shop.ask(method, path, {})
    assert answer.status == 404
    assert "Unrecognized request URL" in answer.body["error"]["message"]


@pytest.mark.parametrize(
    "path", ["customers", "payment_methods", "payment_intents", "setup_intents", "charges", "refunds", "events"]
)
def test_unknown_ids(shop, path):
    customer = shop.customer()
    for object_id in ("x", "pi_x", customer + "0", "pi_" + customer.removeprefix("cus_")):
        answer = shop.ask("GET", f"/v1/{path}/{object_id}")
        assert (answer.status, answer.body["error"]["code"]) == (404, "resource_missing"), object_id


def test_the_id_of_one_kind_is_not_an_id_of_another(shop):
    assert shop.ask("GET", f"/v1/payment_intents/{shop.customer()}").status == 404


def test_forms_carry_text(shop):
    intent = shop.intent(amount="700", payment_method="pm_card_visa", confirm="true", off_session="recurring")
    assert (intent["amount"], intent["status"]) == (700, "succeeded")
    assert shop.post("/v1/payment_intents", {"amount": 500, "currency": "usd", "confirm": "yes"}).status == 400


def test_a_body_that_is_no_form(shop):
    for body in (b"raw", "text", ["list"]):
        answer = shop.ask("POST", "/v1/customers", body)
        assert answer.status == 400


def test_every_answer_names_its_request(shop):
    first, second = shop.ask("GET", "/v1/customers"), shop.ask("GET", "/v1/customers")
    assert first.headers["request-id"] != second.headers["request-id"]
    assert first.headers["stripe-version"] == "2026-10-28.endive"


def test_the_same_requests_give_the_same_history(new_shop):
    def history():
        shop = new_shop()
        intent = shop.intent(customer=shop.customer(), payment_method="pm_card_visa", confirm=True, off_session=True)
        shop.made("/v1/refunds", {"payment_intent": intent["id"]})
        shop.settle()
        return shop.journal.close("acct1"), [request.body for _, request in shop.received]

    assert history() == history()


def test_ids_stay_different_however_many_an_account_has(shop):
    ids = [shop.customer() for _ in range(300)]
    assert len(set(ids)) == 300
    assert {len(identifier) for identifier in ids} == {len("cus_") + 16 + 6}
    assert shop.get(f"/v1/customers/{ids[-1]}")["id"] == ids[-1]
