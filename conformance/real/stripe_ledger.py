"""Stripe's side of one customer, as facts with the source `ledger`.

They are of the same kinds as the model's, in whole seconds of Stripe's clock. Where the key may read events, an intent
tells every status in order; else only when it was made and cancelled. What nobody tells is left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from conformance.real.stripe_api import StripeApi
from conformance.real.stripe_events import SeenEvent, StripeEvents
from sim.facts import LEDGER, Fact
from sim.stripe.intent import subscription_ids
from sim.time import EPOCH_S, SECOND_US

_ACTOR: Final = "stripe"
READER: Final = "reader"
"""The actor of what is read at the start and the end."""

ToTime = Callable[[int], int]
"""From a moment by Stripe's clock, in microseconds of the model's time, to one by the run's clock."""

Object = Mapping[str, Any]

_SKIPPED: Final = ("requires_confirmation",)
"""A status that no event of Stripe's announces."""


class Ledger(NamedTuple):
    """What Stripe has of one account, oldest first. `missing`: intents of which secrets were given, and Stripe knows
    nothing."""

    intents: list[Object]
    charges: list[Object]
    refunds: list[Object]
    missing: tuple[str, ...] = ()

    def pays(self, subscription_id: str) -> list[Object]:
        """The intents of a subscription."""
        return [one for one in self.intents if subscription_id in subscription_ids(metadata_of(one))]


async def read_ledger(stripe: StripeApi, customer: str | None, named: Iterable[str]) -> Ledger:
    """Read what Stripe has of a customer, and the intents that are `named` elsewhere. Raises NotPermitted, SetUpFailed.

    Without a customer, the named ones are all there is.
    """
    intents: list[Object] = []
    if customer is not None:
        of_customer = {"customer": customer}
        intents += (await stripe.listed("/v1/payment_intents", of_customer))[::-1]
        intents += (await stripe.listed("/v1/setup_intents", of_customer))[::-1]
    known = {str(one["id"]) for one in intents}
    missing: list[str] = []
    for name in dict.fromkeys(named):
        if name in known or not name.startswith(("pi_", "seti_")):
            continue
        found = await stripe.find(f"/v1/{_collection(name)}/{quote(name, safe='')}")
        if found is None:
            missing.append(name)
        else:
            intents.append(found)
    intents.sort(key=lambda one: int(one.get("created", 0)))
    charges: list[Object] = []
    for intent in intents:
        if _collection(str(intent["id"])) == "payment_intents" and intent.get("latest_charge"):
            charges += (await stripe.listed("/v1/charges", {"payment_intent": str(intent["id"])}))[::-1]
    refunds = [
        refund
        for charge in charges
        if charge.get("amount_refunded")
        for refund in (await stripe.listed("/v1/refunds", {"charge": str(charge["id"])}))[::-1]
    ]
    return Ledger(intents, charges, refunds, tuple(missing))


def ledger_facts(
    ledger: Ledger, events: StripeEvents | None, account_id: str, customer: str | None, to_time: ToTime
) -> Iterator[Fact]:
    """What happened at Stripe, by its own word."""
    for intent in ledger.intents:
        if _is_anothers(intent, account_id):
            continue
        if events is not None and events.failed is None:
            yield from _of_events(intent, events.of(str(intent["id"])), to_time)
        else:
            yield from _of_object(intent, to_time)
    for charge in ledger.charges:
        state = str(charge.get("status", ""))
        yield _fact(charge, "charge", _related(charge), state, charge.get("amount"), _declined(charge), to_time)
    for refund in ledger.refunds:
        detail = {"reason": refund.get("reason")}
        state = str(refund.get("status", ""))
        yield _fact(refund, "refund", _related(refund), state, refund.get("amount"), detail, to_time)
    if events is not None and events.failed is None:
        for event in events.methods_of(customer):
            detail = {"type": event.subject.get("type")}
            state = event.type.partition(".")[2]
            yield _fact(event.subject, "payment_method", customer, state, None, detail, to_time, event.created_s)


def final_intent_facts(ledger: Ledger, account_id: str, at_us: int) -> Iterator[Fact]:
    """How the intents stand, in the words of the model's last reading."""
    refunded: dict[str | None, int] = {}
    for charge in ledger.charges:
        name = _related(charge)
        refunded[name] = refunded.get(name, 0) + int(charge.get("amount_refunded") or 0)
    for intent in ledger.intents:
        name = str(intent["id"])
        metadata = metadata_of(intent)
        detail: dict[str, Any] = {"subscription_ids": subscription_ids(metadata)}
        if "account_id" in metadata:
            detail["account_id"] = metadata["account_id"]
        if not _is_anothers(intent, account_id):
            detail["amount_received"] = int(intent.get("amount_received") or 0)
            detail["amount_refunded"] = refunded.get(name, 0)
        related, status = intent.get("customer"), intent.get("status")
        yield _final_intent(at_us, name, related, status, _amount(intent), detail)
    for name in ledger.missing:
        yield _final_intent(at_us, name, None, "not_found", None, None)


def metadata_of(intent: Object) -> Mapping[str, str]:
    """An object's metadata."""
    metadata = intent.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _final_intent(
    at_us: int, name: str, related: Any, status: Any, amount: int | None, detail: Mapping[str, Any] | None
) -> Fact:
    return Fact(at_us, LEDGER, READER, "final_intent", name, related, None, status, None, None, amount, detail)


def _is_anothers(intent: Object, account_id: str) -> bool:
    return metadata_of(intent).get("account_id", account_id) != account_id


def _of_events(intent: Object, events: Iterable[SeenEvent], to_time: ToTime) -> Iterator[Fact]:
    """Every status that an event told, in order: first with its purpose, a success with when it was delivered."""
    last: str | None = None
    for event in events:
        subject = event.subject
        state = str(subject.get("status", ""))
        detail = _told_by(event)
        if last is None:
            detail = {**_purpose(subject), **detail}
        elif (state == last and "code" not in detail) or state in _SKIPPED:
            continue
        last = state
        customer, amount = subject.get("customer"), _amount(subject)
        yield _fact(intent, "intent", customer, state, amount, detail or None, to_time, event.created_s)


def _told_by(event: SeenEvent) -> dict[str, Any]:
    subject = event.subject
    if event.type.endswith(".succeeded"):
        detail = {"payment_method": subject.get("payment_method")}
        if "amount_received" in subject:
            detail["amount_received"] = subject["amount_received"]
        if event.delivered_by_us is not None:
            detail["delivered_by_us"] = event.delivered_by_us
        if event.delivered_after_us is not None:
            detail["delivered_after_us"] = event.delivered_after_us
        return detail
    failure = subject.get("last_payment_error") or subject.get("last_setup_error")
    if event.type.endswith("failed") and isinstance(failure, dict):
        return {name: failure[name] for name in ("decline_code", "code") if failure.get(name)}
    return {}


def _of_object(intent: Object, to_time: ToTime) -> Iterator[Fact]:
    """What an intent itself tells of its past: when it was made, and when it was cancelled."""
    customer, amount = intent.get("customer"), _amount(intent)
    yield _fact(intent, "intent", customer, None, amount, _purpose(intent), to_time)
    if intent.get("status") == "canceled" and isinstance(intent.get("canceled_at"), int):
        yield _fact(intent, "intent", customer, "canceled", amount, None, to_time, intent["canceled_at"])


def _purpose(intent: Object) -> dict[str, Any]:
    metadata = metadata_of(intent)
    purpose: dict[str, Any] = {"subscription_ids": subscription_ids(metadata)}
    if "account_id" in metadata:
        purpose["account_id"] = metadata["account_id"]
    return purpose


def _fact(
    of: Object,
    kind: str,
    related: str | None,
    state: str | None,
    amount: int | None,
    detail: Mapping[str, Any] | None,
    to_time: ToTime,
    at_s: int | None = None,
) -> Fact:
    time_us = to_time((int(of.get("created", EPOCH_S) if at_s is None else at_s) - EPOCH_S) * SECOND_US)
    name = str(of["id"])
    return Fact(time_us, LEDGER, _ACTOR, kind, name, related, None, state, None, None, amount, detail)


def _collection(intent_id: str) -> str:
    return "setup_intents" if intent_id.startswith("seti_") else "payment_intents"


def _amount(intent: Object) -> int | None:
    """What an intent asks for; nothing where it only sets up."""
    amount = intent.get("amount")
    return 0 if str(intent["id"]).startswith("seti_") else amount if isinstance(amount, int) else None


def _related(one: Object) -> str | None:
    intent = one.get("payment_intent")
    return str(intent["id"]) if isinstance(intent, dict) else intent


def _declined(charge: Object) -> Mapping[str, Any] | None:
    if charge.get("status") != "failed":
        return None
    outcome = charge.get("outcome")
    reason = outcome.get("reason") if isinstance(outcome, dict) else None
    return {"decline_code": reason or charge.get("failure_code")}
