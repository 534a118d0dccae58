"""Stripe's own ledger of one customer, read once everything has settled: facts with the source `ledger`.

They are of the same kinds as the model's. What Stripe does not tell, such as when a SetupIntent was confirmed, is left
out rather than guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from conformance.real.deployment import SetUpFailed
from conformance.real.stripe_api import NotPermitted, StripeApi
from sim.facts import LEDGER, Fact
from sim.stripe.intent import subscription_ids
from sim.time import EPOCH_S, SECOND_US

_ACTOR: Final = "stripe"

ToTime = Callable[[int], int]
"""From a moment by Stripe's clock, in microseconds of the model's time, to one by the run's clock."""

Object = Mapping[str, Any]


class Ledger(NamedTuple):
    """What Stripe has of one customer, oldest first."""

    intents: list[Object]
    charges: list[Object]
    refunds: list[Object]
    success_s: Mapping[str, int]
    """When SetUpIntents succeeded, by id, in Unix seconds; without those of which Stripe does not say."""
    attached: frozenset[str] | None
    """The payment methods that are attached; None where the key may not list them."""

    def pays(self, subscription_id: str) -> str | None:
        """The newest intent of a subscription."""
        found = [one for one in self.intents if subscription_id in subscription_ids(_metadata(one))]
        return str(found[-1]["id"]) if found else None

    def moving(self) -> bool:
        """Whether money has moved or is moving: then events are, or were, under way."""
        return any(one.get("status") in ("succeeded", "processing", "requires_capture") for one in self.intents)


async def read_ledger(stripe: StripeApi, customer: str) -> Ledger:
    """Read everything of a customer. Raises NotPermitted, SetUpFailed."""
    payments = await stripe.listed("/v1/payment_intents", customer=customer)
    set_ups = await stripe.listed("/v1/setup_intents", customer=customer)
    charges = await stripe.listed("/v1/charges", customer=customer)
    refunds = [
        refund
        for charge in charges
        if charge.get("amount_refunded")
        for refund in await stripe.listed("/v1/refunds", charge=str(charge["id"]))
    ]
    success_s = {
        str(one["id"]): at_s
        for one in set_ups
        if one.get("status") == "succeeded" and (at_s := await _set_up_at(stripe, one)) is not None
    }
    intents = sorted([*payments[::-1], *set_ups[::-1]], key=lambda one: int(one.get("created", 0)))
    return Ledger(intents, charges[::-1], refunds[::-1], success_s, await _attached(stripe, customer))


async def _attached(stripe: StripeApi, customer: str) -> frozenset[str] | None:
    try:
        found = await stripe.listed(f"/v1/customers/{quote(customer, safe='')}/payment_methods")
    except (NotPermitted, SetUpFailed):
        return None
    return frozenset(str(one["id"]) for one in found)


async def _set_up_at(stripe: StripeApi, intent: Object) -> int | None:
    """When a SetupIntent succeeded: its last attempt says so, to keys that may read it."""
    try:
        attempts = await stripe.listed("/v1/setup_attempts", setup_intent=str(intent["id"]))
    except (NotPermitted, SetUpFailed):
        return None
    return next((one["created"] for one in attempts if one.get("status") == "succeeded"), None)


def ledger_facts(ledger: Ledger, to_time: ToTime) -> Iterator[Fact]:
    """What happened at Stripe, by its own word."""
    for intent in ledger.intents:
        yield from _intent_facts(ledger, intent, to_time)
    for charge in ledger.charges:
        detail = _declined(charge)
        state = str(charge.get("status", ""))
        yield _fact(charge, "charge", _related(charge), state, charge.get("amount"), detail, to_time)
    for refund in ledger.refunds:
        detail = {"reason": refund.get("reason")}
        state = str(refund.get("status", ""))
        yield _fact(refund, "refund", _related(refund), state, refund.get("amount"), detail, to_time)


def final_intent_facts(ledger: Ledger, now_us: int) -> Iterator[Fact]:
    """How the intents stand, in the words of the model's last reading."""
    refunded: dict[str, int] = {}
    for charge in ledger.charges:
        name = _related(charge)
        if name is not None:
            refunded[name] = refunded.get(name, 0) + int(charge.get("amount_refunded") or 0)
    for intent in ledger.intents:
        name = str(intent["id"])
        detail = {
            "subscription_ids": subscription_ids(_metadata(intent)),
            "amount_received": int(intent.get("amount_received") or 0),
            "amount_refunded": refunded.get(name, 0),
        }
        customer, status = intent.get("customer"), intent.get("status")
        yield Fact(
            now_us,
            LEDGER,
            "world",
            "final_intent",
            name,
            customer,
            None,
            status,
            None,
            None,
            _amount(intent),
            detail,
        )


def _intent_facts(ledger: Ledger, intent: Object, to_time: ToTime) -> Iterator[Fact]:
    metadata = _metadata(intent)
    created: dict[str, Any] = {"subscription_ids": subscription_ids(metadata)}
    if "account_id" in metadata:
        created["account_id"] = metadata["account_id"]
    customer, amount, status = intent.get("customer"), _amount(intent), intent.get("status")
    yield _fact(intent, "intent", customer, "requires_payment_method", amount, created, to_time)
    at_s = _success_s(ledger, intent) if status == "succeeded" else None
    if at_s is not None:
        paid = {"payment_method": intent.get("payment_method"), "amount_received": intent.get("amount_received")}
        yield _fact(intent, "intent", customer, "succeeded", amount, paid, to_time, at_s)
    if status == "canceled" and isinstance(intent.get("canceled_at"), int):
        yield _fact(intent, "intent", customer, "canceled", amount, None, to_time, intent["canceled_at"])


def _success_s(ledger: Ledger, intent: Object) -> int | None:
    """When the money moved: the charge that succeeded says so."""
    name = str(intent["id"])
    if name in ledger.success_s:
        return ledger.success_s[name]
    charges = [one for one in ledger.charges if _related(one) == name and one.get("status") == "succeeded"]
    return int(charges[-1]["created"]) if charges else None


def _fact(
    of: Object,
    kind: str,
    related: str | None,
    state: str,
    amount: int | None,
    detail: Mapping[str, Any] | None,
    to_time: ToTime,
    at_s: int | None = None,
) -> Fact:
    time_us = to_time((int(of.get("created", EPOCH_S) if at_s is None else at_s) - EPOCH_S) * SECOND_US)
    name = str(of["id"])
    return Fact(time_us, LEDGER, _ACTOR, kind, name, related, None, state, None, None, amount, detail)


def _amount(intent: Object) -> int | None:
    """What an intent asks for; nothing where it only sets up."""
    amount = intent.get("amount")
    return 0 if str(intent["id"]).startswith("seti_") else amount if isinstance(amount, int) else None


def _related(one: Object) -> str | None:
    intent = one.get("payment_intent")
    return str(intent["id"]) if isinstance(intent, dict) else intent


def _metadata(intent: Object) -> Mapping[str, str]:
    metadata = intent.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _declined(charge: Object) -> Mapping[str, Any] | None:
    if charge.get("status") != "failed":
        return None
    outcome = charge.get("outcome")
    reason = outcome.get("reason") if isinstance(outcome, dict) else None
    return {"decline_code": reason or charge.get("failure_code")}
