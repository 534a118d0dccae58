"""Delivery of events: signed, repeated, duplicated, lost, given up."""

import orjson
import pytest

from sim.stripe import Delivery
from sim.stripe.signature import SignatureError, verify
from sim.stripe.webhooks import backoff_us
from sim.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US, unix_s

PAID = "payment_intent.succeeded"


class Scripted:
    """A network that treats successful payments as told, and everything else punctually."""

    def __init__(self, *copies):
        self._copies = copies

    def copies(self, account_id, event_id, event_type):
        return self._copies if event_type == PAID else (Delivery(0),)

    def retry_delay_us(self, account_id, attempt):
        return backoff_us(attempt)


def pay(shop):
    return shop.intent(customer=shop.customer(), payment_method="pm_card_visa", confirm=True, off_session=True)


def webhooks(shop, event_type=PAID):
    return [fact for fact in shop.facts("webhook") if fact.operation == event_type]


def test_an_event_arrives_signed_and_whole(shop):
    intent = pay(shop)
    shop.settle()
    ((at_us, request),) = shop.received
    assert at_us == 1_000_000 + SECOND_US
    assert (request.method, request.path, request.operation) == ("POST", "/webhooks/stripe", PAID)
    verify(request.body, request.headers["stripe-signature"], "whsec_test", unix_s(at_us))
    event = orjson.loads(request.body)
    assert event["data"]["object"] == intent
    assert event["object"] == "event"
    assert event["api_version"] == "2026-10-28.endive"
    assert event["request"]["id"].startswith("req_")
    assert event["livemode"] is False
    assert event["pending_webhooks"] == 1
    assert shop.events(PAID)[0]["pending_webhooks"] == 0
    (fact,) = webhooks(shop)
    assert (fact.subject, fact.related, fact.state, fact.status) == (event["id"], intent["id"], "delivered", 200)
    assert fact.detail == {"attempt": 1, "duplicate": False}


def test_the_event_shows_the_object_as_it_was(shop):
    intent = pay(shop)
    shop.made(f"/v1/payment_intents/{intent['id']}", {"metadata": {"later": "yes"}})
    shop.made("/v1/refunds", {"payment_intent": intent["id"]})
    shop.settle()
    assert orjson.loads(shop.received[0][1].body)["data"]["object"]["metadata"] == {}
    (succeeded,) = shop.events("charge.succeeded")
    assert succeeded["data"]["object"]["amount_refunded"] == 0


def test_failures_are_retried_with_new_signatures(shop):
    answers = iter([500, 0, 404, 302, 200])
    shop.receive = lambda request: next(answers)
    pay(shop)
    shop.settle()
    times = [at_us - 2_000_000 for at_us, _ in shop.received]
    assert times == [0, MINUTE_US, 3 * MINUTE_US, 7 * MINUTE_US, 15 * MINUTE_US]
    assert [(fact.state, fact.status, fact.detail["attempt"]) for fact in webhooks(shop)] == [
        ("failed", 500, 1),
        ("failed", None, 2),
        ("failed", 404, 3),
        ("failed", 302, 4),
        ("delivered", 200, 5),
    ]
    bodies = {request.body for _, request in shop.received}
    assert len(bodies) == 1
    last_at_us, last = shop.received[-1]
    verify(last.body, last.headers["stripe-signature"], "whsec_test", unix_s(last_at_us))
    with pytest.raises(SignatureError, match="s old"):
        verify(last.body, shop.received[0][1].headers["stripe-signature"], "whsec_test", unix_s(last_at_us))


def test_it_gives_up_after_three_days(shop):
    shop.receive = lambda request: 503
    pay(shop)
    shop.settle()
    assert webhooks(shop)[-1].state == "gave_up"
    span_us = shop.received[-1][0] - 1_000_000
    assert 3 * DAY_US - 12 * HOUR_US <= span_us <= 3 * DAY_US
    assert {fact.state for fact in webhooks(shop)[:-1]} == {"failed"}


def test_a_duplicate_is_the_same_event_again(new_shop):
    shop = new_shop(Scripted(Delivery(0), Delivery(5 * SECOND_US)))
    pay(shop)
    shop.settle()
    first, second = [request for _, request in shop.received]
    assert first.body == second.body
    assert [fact.detail["duplicate"] for fact in webhooks(shop)] == [False, True]


def test_a_lost_copy_is_sent_again(new_shop):
    shop = new_shop(Scripted(Delivery(0, lost=True)))
    pay(shop)
    shop.settle()
    ((at_us, _),) = shop.received
    assert at_us == 1_000_000 + MINUTE_US
    assert [(fact.state, fact.detail["attempt"]) for fact in webhooks(shop)] == [("dropped", 1), ("delivered", 2)]


def test_only_subscribed_types_are_delivered_and_all_are_recorded(new_shop):
    shop = new_shop(enabled_events=["charge.succeeded"])
    pay(shop)
    shop.settle()
    assert [event_type for _, event_type in shop.deliveries()] == ["charge.succeeded"]
    assert [event["type"] for event in shop.events()] == [
        "customer.created",
        "payment_intent.created",
        "charge.succeeded",
        PAID,
    ]


def test_endpoints_can_be_added_and_removed(shop):
    endpoint = shop.made(
        "/v1/webhook_endpoints",
        {"url": "https://billing-webhooks.test/other", "enabled_events": {"0": "*"}, "metadata": {"a": "b"}},
    )
    assert endpoint["secret"].startswith("whsec_")
    assert "secret" not in shop.get(f"/v1/webhook_endpoints/{endpoint['id']}")
    shop.customer()
    shop.settle()
    ((at_us, request),) = shop.received
    assert request.path == "/other"
    verify(request.body, request.headers["stripe-signature"], endpoint["secret"], unix_s(at_us))
    assert len(shop.get("/v1/webhook_endpoints")["data"]) == 2
    assert shop.ask("DELETE", f"/v1/webhook_endpoints/{endpoint['id']}").body["deleted"] is True
    assert shop.ask("GET", f"/v1/webhook_endpoints/{endpoint['id']}").status == 404
    shop.customer()
    shop.settle()
    assert len(shop.received) == 1


@pytest.mark.parametrize("url", ["ftp://a.test", "nonsense", "https://"])
def test_an_endpoint_needs_a_web_address(shop, url):
    answer = shop.post("/v1/webhook_endpoints", {"url": url, "enabled_events": ["*"]})
    assert (answer.status, answer.body["error"]["code"]) == (400, "url_invalid")


def test_an_account_forgotten_meanwhile_still_gets_its_deliveries(shop):
    pay(shop)
    shop.stripe.forget("acct1")
    shop.settle()
    assert len(shop.received) == 1


def endpoint(shop, **values):
    body = {"url": "https://billing-webhooks.test/other", "enabled_events": ["customer.created"], **values}
    return shop.made("/v1/webhook_endpoints", body)


def paths(shop):
    shop.settle()
    got = [request.path for _, request in shop.received]
    shop.received.clear()
    return got


def test_an_endpoint_can_be_changed_switched_off_and_removed(shop):
    made = endpoint(shop, description="Other", metadata={"a": "b"})
    assert (made["status"], made["metadata"], made["api_version"]) == ("enabled", {"a": "b"}, None)
    shop.customer()
    assert paths(shop) == ["/other"]
    path = f"/v1/webhook_endpoints/{made['id']}"
    shop.made(path, {"url": "https://billing-webhooks.test/third", "enabled_events": ["a.b"]})
    shop.customer()
    assert paths(shop) == []
    shop.made(path, {"enabled_events": ["*"]})
    shop.customer()
    assert paths(shop) == ["/third"]
    assert shop.made(path, {"disabled": True})["status"] == "disabled"
    shop.customer()
    assert paths(shop) == []
    assert shop.made(path, {"disabled": "false", "description": "", "metadata": ""})["description"] is None
    shop.customer()
    assert paths(shop) == ["/third"]
    assert shop.ask("DELETE", path).body["deleted"] is True
    shop.customer()
    assert paths(shop) == []
    assert shop.ask("GET", path).status == shop.post(path).status == 404


def test_the_secret_is_told_once(shop):
    made = endpoint(shop, api_version="2026-10-28.endive")
    path = f"/v1/webhook_endpoints/{made['id']}"
    assert made["secret"].startswith("whsec_")
    assert made["api_version"] == "2026-10-28.endive"
    for body in (shop.get(path), shop.made(path), *shop.get("/v1/webhook_endpoints")["data"]):
        assert "secret" not in body
    other = endpoint(shop)
    assert other["secret"] != made["secret"]


@pytest.mark.parametrize(
    ("values", "param"),
    [
        ({"url": "shop.test/hooks"}, "url"),
        ({"url": "ftp://shop.test/hooks"}, "url"),
        ({"url": "https:///hooks"}, "url"),
        ({"url": ""}, "url"),
        ({"enabled_events": ["everything"]}, "enabled_events[0]"),
        ({"enabled_events": ["charge.succeeded", "Charge Failed"]}, "enabled_events[1]"),
        ({"enabled_events": []}, "enabled_events"),
        ({"enabled_events": "charge.succeeded"}, "enabled_events"),
    ],
)
def test_endpoints_that_cannot_be(shop, values, param):
    made = endpoint(shop)
    body = {"url": "https://shop.test/hooks", "enabled_events": ["*"], **values}
    for path in ("/v1/webhook_endpoints", f"/v1/webhook_endpoints/{made['id']}"):
        answer = shop.post(path, body)
        assert (answer.status, answer.body["error"]["param"]) == (400, param)
    assert shop.post("/v1/webhook_endpoints", {**body, "api_version": "2020-08-27"}).status == 400


def test_there_are_sixteen_endpoints_at_most(shop):
    for _ in range(15):
        endpoint(shop)
    answer = shop.post("/v1/webhook_endpoints", {"url": "https://a.test", "enabled_events": ["*"]})
    assert answer.status == 400
    assert "maximum of 16" in answer.body["error"]["message"]
