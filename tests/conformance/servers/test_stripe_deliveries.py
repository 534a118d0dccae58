"""Deliveries of the Stripe double's events over HTTP: every one verified by the official SDK."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
import stripe

from conformance.servers.stripe_deliveries import StripeDeliveries
from conformance.servers.stripe_server import StripeSettings
from tests.conformance.servers.stripe_double import SECRET, Receiver, client_of, double_at, receiver_at

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")
"""The SDK hands its form to httpx in a way that httpx would like to be rid of."""

PAYMENT: Any = {
    "amount": 500,
    "currency": "usd",
    "payment_method_types": ["card"],
    "payment_method": "pm_card_visa",
    "confirm": True,
}
PAID = {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}


@pytest.fixture
def receiving() -> Iterator[tuple[Receiver, str]]:
    with receiver_at() as found:
        yield found


@pytest.fixture
def http_client() -> Iterator[stripe.HTTPXClient]:
    client = stripe.HTTPXClient(allow_sync_methods=True)
    yield client
    client.close()


def settings(url: str, **faults: float) -> StripeSettings:
    """Deliver to `url` as fast as possible: at once, and again after a second."""
    deliveries = StripeDeliveries("7", pace=0, **faults)
    return StripeSettings(webhook_urls=[url], webhook_secret=SECRET, deliveries=deliveries)


def ids(events: list[stripe.Event]) -> set[str]:
    return {event.id for event in events}


def test_every_event_of_a_payment_is_delivered_and_signed(
    receiving: tuple[Receiver, str], http_client: stripe.HTTPXClient
) -> None:
    receiver, url = receiving
    with double_at(settings(url)) as server:
        sdk = client_of(server, http_client)
        intent = sdk.v1.payment_intents.create(PAYMENT)
        delivered = receiver.wait_for(lambda events: {event.type for event in events} >= PAID)
        recorded = sdk.v1.events.list({"limit": 100}).data
    assert ids(delivered) == ids(recorded)
    assert receiver.rejected == []
    [succeeded] = [event for event in delivered if event.type == "payment_intent.succeeded"]
    assert succeeded.data.object["id"] == intent.id


def test_the_flow_of_a_subscription_is_told_in_full(
    receiving: tuple[Receiver, str], http_client: stripe.HTTPXClient
) -> None:
    expected = {
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "customer.subscription.updated",
    }
    receiver, url = receiving
    with double_at(settings(url)) as server:
        sdk = client_of(server, http_client)
        product = sdk.v1.products.create({"name": "R2"})
        price = sdk.v1.prices.create(
            {"product": product.id, "unit_amount": 500, "currency": "usd", "recurring": {"interval": "month"}}
        )
        customer = sdk.v1.customers.create(
            {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
        )
        sdk.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
        receiver.wait_for(lambda events: {event.type for event in events} >= expected)
    assert receiver.rejected == []


@pytest.mark.parametrize("status", [500, 302, 404])
def test_what_is_not_taken_comes_again(
    receiving: tuple[Receiver, str], http_client: stripe.HTTPXClient, status: int
) -> None:
    receiver, url = receiving
    receiver.headers = {"location": f"{url}/elsewhere"} if status == 302 else {}
    receiver.answer = lambda number, event: status if number == 1 else 200
    with double_at(settings(url)) as server:
        sdk = client_of(server, http_client)
        customer = sdk.v1.customers.create({"name": "Jenny"})
        first, second = receiver.wait_for(lambda events: len(events) == 2)
        assert first.id == second.id
        assert first.data.object["id"] == customer.id
    assert receiver.types() == ["customer.created"] * 2


def test_a_receiver_that_hangs_holds_nobody_else_up(
    receiving: tuple[Receiver, str], http_client: stripe.HTTPXClient
) -> None:
    receiver, url = receiving
    receiver.answer = lambda number, event: None if number == 1 else 200
    with double_at(settings(url)) as server:
        sdk = client_of(server, http_client)
        made = [sdk.v1.customers.create({"name": name}).id for name in ("Jenny", "Ada", "Grace")]
        delivered = receiver.wait_for(lambda events: len(events) >= 3)
    assert {event.data.object["id"] for event in delivered} == set(made)


def test_a_receiver_that_is_down_harms_nobody(http_client: stripe.HTTPXClient) -> None:
    with double_at(settings("http://127.0.0.1:9/nobody")) as server:
        sdk = client_of(server, http_client)
        sdk.v1.payment_intents.create(PAYMENT)
        assert [event.pending_webhooks for event in sdk.v1.events.list().data] == [1] * 3


def test_duplicates_come_twice(receiving: tuple[Receiver, str], http_client: stripe.HTTPXClient) -> None:
    receiver, url = receiving
    with double_at(settings(url, duplicate=1)) as server:
        client_of(server, http_client).v1.customers.create({"name": "Jenny"})
        first, second = receiver.wait_for(lambda events: len(events) == 2)
    assert first.id == second.id


def test_what_is_dropped_at_first_comes_later(receiving: tuple[Receiver, str], http_client: stripe.HTTPXClient) -> None:
    receiver, url = receiving
    with double_at(settings(url, drop=1)) as server:
        customer = client_of(server, http_client).v1.customers.create({"name": "Jenny"})
        [event] = receiver.wait_for(lambda events: len(events) == 1)
    assert event.data.object["id"] == customer.id


def test_an_endpoint_made_by_request_gets_what_it_asked_for(
    receiving: tuple[Receiver, str], http_client: stripe.HTTPXClient
) -> None:
    receiver, url = receiving
    with double_at(StripeSettings(deliveries=StripeDeliveries(pace=0))) as server:
        sdk = client_of(server, http_client)
        made = sdk.v1.webhook_endpoints.create({"url": url, "enabled_events": ["charge.succeeded", "charge.refunded"]})
        assert made.secret is not None
        receiver.secret = made.secret
        paid = sdk.v1.payment_intents.create(PAYMENT)
        sdk.v1.refunds.create({"payment_intent": paid.id})
        receiver.wait_for(lambda events: len(events) >= 2)
        sdk.v1.webhook_endpoints.delete(made.id)
    assert sorted(receiver.types()) == ["charge.refunded", "charge.succeeded"]
    assert receiver.rejected == []


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.3, 300), (1.0, 1000)])
def test_a_share_of_events_is_struck_and_always_the_same(share: float, expected: int) -> None:
    def struck(seed: str) -> list[str]:
        deliveries = StripeDeliveries(seed, duplicate=share, reorder=share, drop=share)
        return [
            event for event in (f"evt_{number}" for number in range(1000)) if deliveries.copies("", event, "")[0].lost
        ]

    assert abs(len(struck("7")) - expected) <= 60
    assert struck("7") == struck("7")
    assert share in (0.0, 1.0) or struck("7") != struck("8")


def test_disorder_lets_later_events_overtake() -> None:
    def arrivals(share: float) -> list[int]:
        deliveries = StripeDeliveries("7", reorder=share)
        apart_us = 10_000
        return [number * apart_us + deliveries.copies("", f"evt_{number}", "")[0].delay_us for number in range(100)]

    assert arrivals(0.0) == sorted(arrivals(0.0))
    overtaken = sum(later < earlier for earlier, later in pairwise(arrivals(0.5)))
    assert overtaken > 10


def test_hosted_pages_are_html_for_people_and_brief_for_programs(http_client: stripe.HTTPXClient) -> None:
    with double_at() as server:
        intent = client_of(server, http_client).v1.payment_intents.create(
            {**PAYMENT, "payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.test/"}
        )
        assert intent.next_action is not None
        assert intent.next_action.redirect_to_url is not None
        url = intent.next_action.redirect_to_url.url
        assert url is not None
        assert url.startswith(f"{server.url}/hosted/")
        page = httpx.get(url, headers={"accept": "text/html"})
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "<form" in page.text
        done = httpx.post(url, data={"outcome": "complete"}, headers={"accept": "text/html"})
        assert (done.status_code, done.headers["location"].partition("?")[0]) == (303, "https://shop.test/")
