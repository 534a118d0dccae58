"""Events that Stripe never sent: unsigned, wrongly signed, changed after signing, too old."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from sim.clients.gateway_client import intent_of
from sim.effects import Program
from sim.probes.probe import Probe
from sim.probes.prober import Prober
from sim.probes.purchase import buy, cart, line
from sim.stripe.signature import sign

_MADE_UP: Final = "whsec_made_up"
_STALE_S: Final = 3_600
"""Assumption: any age beyond the 300 seconds of the contract would do."""
_JUST_STALE_S: Final = 420
"""Beyond them too, and within what a careless tolerance of ten minutes lets pass."""


def _program(prober: Prober) -> Program[None]:
    if not prober.reach.webhooks:
        prober.unreachable("webhook", "nobody told where Stripe's events go")
        return
    client = prober.client
    bought = yield from buy(client, cart(line("workers_paid")), prober.session.next_key())
    secrets = bought.member("client_secrets")
    lines = bought.objects("subscriptions")
    named = {"account_id": prober.session.account_id, "subscription_ids": ",".join(str(one.get("id")) for one in lines)}
    due = sum(one["price"] for one in lines if type(one.get("price")) is int)
    intents = [_succeeded(intent_of(secret), due, named) for secret in secrets or ()]
    path = prober.session.addresses.setup
    set_up = yield from client.ask("setup_payment_method", "POST", path, {}, tries="purchase")
    intents.append(_succeeded(intent_of(set_up.member("client_secret")), 0, {"account_id": prober.session.account_id}))
    yield from prober.look("before")
    for intent in intents:
        yield from _forge(prober, intent)
    yield from prober.look("after")


def _succeeded(intent_id: str, amount_minor: int, metadata: Mapping[str, str]) -> dict[str, Any]:
    """The intent as its customer would like Stripe to tell of it."""
    told: dict[str, Any] = {
        "id": intent_id,
        "object": "setup_intent" if intent_id.startswith("seti_") else "payment_intent",
        "status": "succeeded",
        "payment_method": "pm_made_up",
        "livemode": False,
        "metadata": dict(metadata),
    }
    if not intent_id.startswith("seti_"):
        told |= {"amount": amount_minor, "amount_received": amount_minor, "currency": "usd"}
    return told


def _forge(prober: Prober, intent: Mapping[str, Any]) -> Program[None]:
    for manner, payload, signature in _deliveries(prober, intent):
        event_id = _event_id(manner, intent)
        event_type = f"{intent['object']}.succeeded"
        yield from prober.deliver(event_id, event_type, str(intent["id"]), payload, signature, manner=manner)


def _deliveries(prober: Prober, intent: Mapping[str, Any]) -> Iterator[tuple[str, bytes, str | None]]:
    """Payload and signature of every manner that can be tried here."""
    now_s = prober.now_s

    def event(manner: str) -> bytes:
        told = {
            "id": _event_id(manner, intent),
            "object": "event",
            "type": f"{intent['object']}.succeeded",
            "created": now_s,
            "livemode": False,
            "pending_webhooks": 1,
            "data": {"object": intent},
        }
        return orjson.dumps(told)

    yield "unsigned", event("unsigned"), None
    yield "empty", event("empty"), ""
    yield "made_up", event("made_up"), f"t={now_s},v1={'0' * 64}"
    yield "forged", event("forged"), sign(event("forged"), _MADE_UP, now_s)
    yield "empty_key", event("empty_key"), sign(event("empty_key"), "", now_s)
    secret = prober.reach.webhook_secret
    if secret is None:
        return
    yield "stale", event("stale"), sign(event("stale"), secret, now_s - _STALE_S)
    yield "just_stale", event("just_stale"), sign(event("just_stale"), secret, now_s - _JUST_STALE_S)
    yield "changed", event("changed"), sign(event("unsigned"), secret, now_s)
    yield "old_scheme", event("old_scheme"), sign(event("old_scheme"), secret, now_s).replace("v1=", "v0=")


def _event_id(manner: str, intent: Mapping[str, Any]) -> str:
    return f"evt_made_up_{manner}_{intent['id']}"


FORGED_EVENTS: Final = Probe("forged-events", _program)
