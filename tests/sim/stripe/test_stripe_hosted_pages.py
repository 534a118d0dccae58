"""Hosted pages: PayPal and challenges, the ways out of them, and the ways back."""

from urllib.parse import parse_qs, urlsplit

import pytest

from sim.stripe import hosted_page


def paypal(shop, email="p@example.test", **values):
    intent = shop.intent(customer=shop.customer(), **values)
    body = {
        "client_secret": intent["client_secret"],
        "payment_method_data": {"type": "paypal", "billing_details": {"email": email}},
        "return_url": "https://shop.test/done?cart=7#top",
    }
    return shop.browse(f"/v1/payment_intents/{intent['id']}/confirm", body).body


def now(shop, intent):
    return shop.get(f"/v1/payment_intents/{intent['id']}")


def test_paypal_authorized(shop):
    waiting = paypal(shop)
    assert waiting["status"] == "requires_action"
    assert hosted_page(waiting) == f"https://hooks.stripe.test/hosted/paypal/{waiting['id']}"
    answer = shop.visit(waiting)
    assert answer.status == 303
    back = urlsplit(answer.headers["location"])
    assert (back.netloc, back.path, back.fragment) == ("shop.test", "/done", "top")
    assert parse_qs(back.query) == {
        "cart": ["7"],
        "payment_intent": [waiting["id"]],
        "payment_intent_client_secret": [waiting["client_secret"]],
        "redirect_status": ["succeeded"],
    }
    assert now(shop, waiting)["status"] == "succeeded"
    assert hosted_page(now(shop, waiting)) is None


@pytest.mark.parametrize(
    ("outcome", "email", "code"),
    [
        ("fail", "p@example.test", "payment_intent_authentication_failure"),
        ("cancel", "p@example.test", "payment_intent_authentication_failure"),
        ("refuse", "p@example.test", "payment_method_provider_decline"),
        ("complete", "x+transaction_refused@example.test", "payment_method_provider_decline"),
        ("complete", "x+instrument_declined@example.test", "payment_method_provider_decline"),
        ("complete", "x+payee_account_restricted@example.test", "payment_method_unexpected_state"),
    ],
)
def test_paypal_refused(shop, outcome, email, code):
    waiting = paypal(shop, email)
    location = shop.visit(waiting, outcome).headers["location"]
    assert parse_qs(urlsplit(location).query)["redirect_status"] == ["failed"]
    after = now(shop, waiting)
    assert after["status"] == "requires_payment_method"
    assert after["last_payment_error"]["code"] == code
    assert after["last_payment_error"]["payment_method"]["type"] == "paypal"


def test_a_new_paypal_needs_to_know_where_to_return(shop):
    intent = shop.intent()
    body = {"client_secret": intent["client_secret"], "payment_method_data": {"type": "paypal"}}
    answer = shop.browse(f"/v1/payment_intents/{intent['id']}/confirm", body)
    assert (answer.status, answer.body["error"]["param"]) == (400, "return_url")


def test_a_saved_paypal_is_charged_without_redirect(shop):
    waiting = paypal(shop, setup_future_usage="off_session")
    shop.visit(waiting)
    customer = now(shop, waiting)["customer"]
    (method,) = shop.get(f"/v1/customers/{customer}/payment_methods")["data"]
    assert method["paypal"]["payer_email"] == "p@example.test"
    for way in ({"off_session": True}, {"return_url": "https://shop.test"}):
        assert shop.intent(customer=customer, payment_method=method["id"], confirm=True, **way)["status"] == "succeeded"


def test_an_unauthorized_paypal_cannot_be_attached(shop):
    method = shop.browse("/v1/payment_methods", {"type": "paypal"}).body["id"]
    answer = shop.post(f"/v1/payment_methods/{method}/attach", {"customer": shop.customer()})
    assert answer.status == 400
    assert "SetupIntent" in answer.body["error"]["message"]


def test_paypal_takes_not_every_currency(shop):
    intent = shop.intent(currency="JPY", amount=5000)
    body = {
        "client_secret": intent["client_secret"],
        "payment_method_data": {"type": "paypal"},
        "return_url": "https://a.test",
    }
    answer = shop.browse(f"/v1/payment_intents/{intent['id']}/confirm", body)
    assert (answer.status, answer.body["error"]["param"]) == (400, "currency")


def test_no_redirect_means_no_paypal(shop):
    intent = shop.intent(automatic_payment_methods={"enabled": "true", "allow_redirects": "never"})
    assert intent["payment_method_types"] == ["card", "link"]
    body = {
        "client_secret": intent["client_secret"],
        "payment_method_data": {"type": "paypal"},
        "return_url": "https://a.test",
    }
    assert shop.browse(f"/v1/payment_intents/{intent['id']}/confirm", body).body["error"]["param"] == "payment_method"


def test_a_page_whose_moment_is_over_changes_nothing(shop):
    waiting = paypal(shop)
    shop.made(f"/v1/payment_intents/{waiting['id']}/cancel")
    events = len(shop.events())
    location = shop.visit(waiting).headers["location"]
    assert "redirect_status=failed" in location
    assert now(shop, waiting)["status"] == "canceled"
    assert len(shop.events()) == events


def test_twice_complete_pays_once(shop):
    waiting = paypal(shop)
    shop.visit(waiting)
    shop.visit(waiting)
    assert len(shop.facts("charge")) == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/hosted/paypal/{id}", {"outcome": "perhaps"}, 400),
        ("/hosted/paypal/{id}", {}, 400),
        ("/hosted/paypal/{id}", b"x", 400),
        ("/hosted/3d_secure/{id}", {"outcome": "refuse"}, 400),
        ("/hosted/bank/{id}", {"outcome": "complete"}, 404),
        ("/hosted/paypal/pi_unknown", {"outcome": "complete"}, 404),
        ("/hosted/paypal", {"outcome": "complete"}, 404),
    ],
)
def test_pages_that_do_not_exist(shop, path, body, status):
    waiting = paypal(shop)
    answer = shop.ask("POST", path.format(id=waiting["id"]), body, key=None)
    assert answer.status == status
    assert now(shop, waiting)["status"] == "requires_action"


def test_the_wrong_page_decides_nothing(shop):
    waiting = paypal(shop)
    shop.ask("POST", f"/hosted/3d_secure/{waiting['id']}", {"outcome": "complete"}, key=None)
    assert now(shop, waiting)["status"] == "requires_action"
