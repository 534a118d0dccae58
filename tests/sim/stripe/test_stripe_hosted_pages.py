"""Hosted pages: PayPal and challenges, the ways out of them, and the ways back."""

from html.parser import HTMLParser
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


class Page(HTMLParser):
    """What a person or a program finds on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.labels: list[str] = []
        self.outcomes: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.described: list[str] = []
        self.foreign: list[str] = []
        self.method = ""
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.foreign += [name for name in ("src", "srcset", "action", "onclick", "style") if name in values]
        if tag == "form":
            self.method = values["method"]
        if tag == "button":
            assert (values["type"], values["name"]) == ("submit", "outcome")
            self.outcomes.append(values["value"])
            self.described.append(values["aria-describedby"])
        if tag == "a":
            self.links.append(values["href"])
        if "id" in values:
            self.ids.append(values["id"])

    def handle_data(self, data):
        self.text += data


def opened(shop, intent, status=200):
    url = hosted_page(intent)
    answer = shop.ask("GET", url.removeprefix("https://hooks.stripe.test"), key=None)
    assert answer.status == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.body)


def challenged(shop, **values):
    intent = shop.intent(customer=shop.customer(), payment_method="pm_card_threeDSecure2Required", **values)
    body = {"client_secret": intent["client_secret"], "use_stripe_sdk": True}
    return shop.browse(f"/v1/payment_intents/{intent['id']}/confirm", body).body


def test_a_page_shows_what_it_is_about(shop):
    page = opened(shop, paypal(shop, description="Three <b>things</b>"))
    assert "5.00 USD" in page.text
    assert "Gatefall test shop" in page.text
    assert "Test mode" in page.text
    assert "Three <b>things</b>" in page.text
    assert "b" not in page.tags
    assert "p@example.test" in page.text
    assert page.outcomes == ["complete", "fail", "cancel", "refuse"]
    assert page.method == "post"


def test_a_challenge_names_the_card_and_cannot_be_refused(shop):
    page = opened(shop, challenged(shop, amount=1234500, currency="jpy"))
    assert "1,234,500 JPY" in page.text
    assert "ending in 3220" in page.text
    assert page.outcomes == ["complete", "fail", "cancel"]


def test_a_page_is_accessible_and_loads_nothing(shop):
    for page in (opened(shop, paypal(shop)), opened(shop, challenged(shop))):
        assert page.tags.count("h1") == page.tags.count("main") == page.tags.count("title") == 1
        assert page.foreign == []
        assert not {"script", "img", "link", "iframe", "base"} & set(page.tags)
        assert set(page.described) <= set(page.ids)
        assert len(page.ids) == len(set(page.ids))


def test_looking_changes_nothing(shop):
    waiting = paypal(shop)
    before, events = now(shop, waiting), len(shop.events())
    opened(shop, waiting)
    opened(shop, waiting)
    assert (now(shop, waiting), len(shop.events())) == (before, events)


def test_whoever_comes_late_is_told(shop):
    for outcome, said in (("complete", "The payment succeeded"), ("fail", "The payment failed")):
        waiting = paypal(shop)
        shop.visit(waiting, outcome)
        page = opened(shop, waiting, 410)
        assert said in page.text
        assert page.outcomes == []
        assert page.links[0].startswith("https://shop.test/done?cart=7&payment_intent=")
    waiting = challenged(shop)
    shop.made(f"/v1/payment_intents/{waiting['id']}/cancel")
    page = opened(shop, waiting, 410)
    assert "The payment was cancelled" in page.text
    assert page.links == []


def test_a_person_without_a_way_back_is_told_to_close_the_page(shop):
    waiting = challenged(shop)
    path = hosted_page(waiting).removeprefix("https://hooks.stripe.test")
    answer = shop.ask("POST", path, {"outcome": "complete"}, key=None, accept="text/html,*/*;q=0.8")
    assert (answer.status, "location" in answer.headers) == (200, False)
    assert "The payment succeeded" in Page(answer.body).text
    assert now(shop, waiting)["status"] == "succeeded"


def test_a_person_with_a_way_back_is_sent_there(shop):
    path = hosted_page(paypal(shop)).removeprefix("https://hooks.stripe.test")
    answer = shop.ask("POST", path, {"outcome": "cancel"}, key=None, accept="text/html")
    assert (answer.status, answer.headers["location"][:17]) == (303, "https://shop.test")


def test_set_ups_have_pages_too(shop):
    values = {"payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.test", "confirm": True}
    waiting = shop.made("/v1/setup_intents", {"customer": shop.customer(), **values})
    assert "saved for later" in opened(shop, waiting).text
    shop.visit(waiting)
    assert "Saving the payment method succeeded" in opened(shop, waiting, 410).text


@pytest.mark.parametrize("path", ["/hosted/paypal/pi_unknown", "/hosted/bank/x", "/hosted/", "/hosted/paypal/<script>"])
def test_a_page_that_does_not_exist_says_so(shop, path):
    answer = shop.ask("GET", path, key=None)
    page = Page(answer.body)
    assert (answer.status, "script" in page.tags) == (404, False)
    assert "cannot be shown" in page.text


def test_a_person_who_sends_nonsense_is_told(shop):
    waiting = paypal(shop)
    path = hosted_page(waiting).removeprefix("https://hooks.stripe.test")
    answer = shop.ask("POST", path, {"outcome": "<perhaps>"}, key=None, accept="text/html")
    assert answer.status == 400
    assert "Invalid outcome: '<perhaps>'" in Page(answer.body).text
    assert now(shop, waiting)["status"] == "requires_action"


def test_the_merchant_has_the_name_that_one_gives(new_shop):
    shop = new_shop(merchant_name="Fish & Chips")
    assert "Fish & Chips" in opened(shop, challenged(shop)).text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "shop.test/done", "https://a.test/ b", "https://a.test/\nx", ""]
)
def test_nobody_is_sent_to_a_script(shop, url):
    intent = shop.intent(payment_method="pm_card_threeDSecure2Required")
    answer = shop.post(f"/v1/payment_intents/{intent['id']}/confirm", {"return_url": url})
    assert (answer.status, answer.body["error"]["param"]) == (400, "return_url")


def test_an_app_may_be_the_way_back(shop):
    intent = shop.intent(payment_method="pm_card_threeDSecure2Required")
    waiting = shop.made(f"/v1/payment_intents/{intent['id']}/confirm", {"return_url": "myapp://done?x=1"})
    assert shop.visit(waiting).headers["location"].startswith("myapp://done?x=1&payment_intent=")


def test_confirmed_by_hand_the_backend_has_the_last_word(shop):
    intent = shop.intent(
        payment_method="pm_card_threeDSecure2Required",
        confirmation_method="manual",
        confirm=True,
        return_url="https://shop.test",
    )
    assert (intent["status"], intent["confirmation_method"]) == ("requires_action", "manual")
    shop.visit(intent)
    assert now(shop, intent)["status"] == "requires_confirmation"
    assert shop.get("/v1/charges")["data"] == []
    assert "was authenticated" in opened(shop, intent, 410).text
    path = f"/v1/payment_intents/{intent['id']}/confirm"
    by_browser = shop.browse(path, {"client_secret": intent["client_secret"]})
    assert by_browser.status == 400
    assert "manual" in by_browser.body["error"]["message"]
    assert shop.made(path)["status"] == "succeeded"


def test_what_was_authenticated_by_hand_counts_for_that_card_only(shop):
    token = "pm_card_threeDSecure2Required"
    values = {"confirmation_method": "manual", "confirm": True, "return_url": "https://shop.test"}
    intent = shop.intent(payment_method=token, **values)
    shop.visit(intent)
    again = shop.made(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": token})
    assert again["status"] == "requires_action"
    shop.visit(again, "fail")
    assert now(shop, again)["status"] == "requires_payment_method"
