"""Stripe's own command line works against the double: what its triggers and fixtures leave behind there.

Its exit status says only that it was answered; so the double's objects and events are looked at.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from conformance.servers.stripe_server import StripeServer, StripeSettings
from tests.conformance.servers.stripe_double import client_of, double_at

LIMIT_S = 60.0

Left = Callable[[Any], bool]
"""Whether the object of the event is as it should be."""


def _metadata_set(left: Any) -> bool:
    return left["metadata"]["foo"] == "bar"


def status(wanted: str) -> Left:
    """Whether it ended in that status."""
    return lambda left: left["status"] == wanted


def anything(left: Any) -> bool:
    return True


TRIGGERS: dict[str, Left] = {
    "charge.captured": lambda charge: charge["captured"] and charge["amount"] == 2000,
    "charge.failed": status("failed"),
    "charge.refunded": lambda charge: charge["refunded"] and charge["amount_refunded"] == 100,
    "charge.refund.updated": lambda refund: refund["metadata"]["order_id"] == "6735",
    "charge.succeeded": status("succeeded"),
    "customer.created": lambda customer: customer["description"] == "(created by Stripe CLI)",
    "customer.deleted": anything,
    "customer.updated": _metadata_set,
    "customer.subscription.created": status("incomplete"),
    "customer.subscription.deleted": status("canceled"),
    "customer.subscription.paused": status("paused"),
    "customer.subscription.trial_will_end": status("trialing"),
    "customer.subscription.updated": _metadata_set,
    "invoice.created": lambda invoice: invoice["amount_due"] == 2000,
    "invoice.finalized": status("open"),
    "invoice.marked_uncollectible": status("uncollectible"),
    "invoice.paid": lambda invoice: invoice["status"] == "paid" and invoice["amount_paid"] == 2000,
    "invoice.payment_action_required": lambda invoice: invoice["status"] == "open" and invoice["attempted"],
    "invoice.payment_failed": lambda invoice: invoice["status"] == "open" and invoice["attempted"],
    "invoice.payment_succeeded": status("paid"),
    "invoice.sent": lambda invoice: invoice["collection_method"] == "send_invoice",
    "invoice.updated": anything,
    "invoice.voided": status("void"),
    "invoiceitem.created": lambda item: item["amount"] == 2000,
    "payment_intent.amount_capturable_updated": lambda intent: intent["amount_capturable"] == 2000,
    "payment_intent.canceled": lambda intent: intent["cancellation_reason"] == "requested_by_customer",
    "payment_intent.created": status("requires_payment_method"),
    "payment_intent.payment_failed": lambda intent: intent["last_payment_error"]["code"] == "card_declined",
    "payment_intent.requires_action": lambda intent: intent["next_action"] is not None,
    "payment_intent.succeeded": lambda intent: intent["shipping"]["address"]["city"] == "San Francisco",
    "payment_method.attached": lambda method: method["customer"] is not None,
    "payment_method.detached": lambda method: method["customer"] is None,
    "payment_method.updated": _metadata_set,
    "price.created": lambda price: price["recurring"]["interval"] == "month",
    "price.updated": _metadata_set,
    "product.created": lambda product: product["name"] == "myproduct",
    "product.deleted": anything,
    "product.updated": _metadata_set,
    "setup_intent.canceled": status("canceled"),
    "setup_intent.created": status("requires_payment_method"),
    "setup_intent.requires_action": status("requires_action"),
    "setup_intent.setup_failed": lambda intent: intent["last_setup_error"]["code"] == "card_declined",
    "setup_intent.succeeded": status("succeeded"),
    "test_helpers.test_clock.advancing": status("advancing"),
    "test_helpers.test_clock.created": lambda clock: clock["frozen_time"] == 1_577_836_800,
    "test_helpers.test_clock.deleted": anything,
    "test_helpers.test_clock.ready": lambda clock: clock["frozen_time"] == 1_580_515_200,
}


@pytest.fixture(scope="module")
def double() -> Iterator[StripeServer]:
    """The triggers confirm set-ups without a return URL, which needs a dashboard without redirects."""
    with double_at(StripeSettings(payment_method_types=("card",))) as server:
        yield server


@pytest.fixture
def sdk(double: StripeServer) -> Iterator[stripe.StripeClient]:
    http_client = stripe.HTTPXClient(allow_sync_methods=True)
    yield client_of(double, http_client)
    http_client.close()


@pytest.fixture
def command(stripe_cli: Path, double: StripeServer, tmp_path: Path) -> Callable[..., str]:
    """Runs Stripe's command line: without a login, a home of its own, and no way out of this machine."""

    def run(*arguments: str) -> str:
        environment = {
            "HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
            "STRIPE_CLI_TELEMETRY_OPTOUT": "1",
            "STRIPE_NO_AUTO_UPDATE": "1",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        named = ("--api-base", double.url, "--api-key", "sk_test_gatefall")
        done = subprocess.run(
            [stripe_cli, *arguments, *named],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("event_type", TRIGGERS)
def test_a_trigger_leaves_its_event_behind(
    event_type: str, command: Callable[..., str], sdk: stripe.StripeClient
) -> None:
    last = sdk.v1.events.list({"limit": 1}).data
    command("trigger", event_type)
    since: Any = {"ending_before": last[0].id} if last else {}
    events = [event for event in sdk.v1.events.list({"limit": 100, **since}).data if event.type == event_type]
    assert len(events) == (2 if event_type == "customer.subscription.updated" else 1)
    left = events[0].data.object
    assert TRIGGERS[event_type](left), left


def test_fixtures_build_on_one_another(command: Callable[..., str], sdk: stripe.StripeClient, tmp_path: Path) -> None:
    fixtures = [
        {"name": "jenny", "path": "/v1/customers", "method": "post", "params": {"name": "Jenny Rosen"}},
        {
            "name": "card",
            "path": "/v1/payment_methods/pm_card_visa/attach",
            "method": "post",
            "params": {"customer": "${jenny:id}"},
        },
        {
            "name": "payment",
            "path": "/v1/payment_intents",
            "method": "post",
            "params": {
                "amount": 4200,
                "currency": "usd",
                "customer": "${jenny:id}",
                "payment_method": "${card:id}",
                "payment_method_types": ["card"],
                "confirm": True,
            },
        },
    ]
    path = tmp_path / "fixtures.json"
    path.write_text(json.dumps({"_meta": {"template_version": 0}, "fixtures": fixtures}), encoding="utf-8")
    command("fixtures", str(path))
    [paid] = sdk.v1.payment_intents.list({"limit": 1, "expand": ["data.customer"]}).data
    assert (paid.amount, paid.status) == (4200, "succeeded")
    assert isinstance(paid.customer, stripe.Customer)
    assert paid.customer.name == "Jenny Rosen"


def test_single_requests_are_answered(command: Callable[..., str], sdk: stripe.StripeClient) -> None:
    made = json.loads(command("post", "/v1/customers", "-d", "name=Ada", "-d", "metadata[order]=7"))
    assert made["metadata"] == {"order": "7"}
    assert json.loads(command("get", f"/v1/customers/{made['id']}"))["name"] == "Ada"
    assert sdk.v1.customers.retrieve(made["id"]).name == "Ada"
