"""The Continuation workflow: what each event changes, once, whatever duplicates and disorder the events bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sim.billing_webhooks.stripe_event import StripeEvent
from sim.effects import Program
from sim.store import Account, Purchase
from sim.subscriptions_api.collection import Collection, adopt, lose_intent
from sim.subscriptions_api.expiry import refund_rest
from sim.subscriptions_api.ledger import WEBHOOKS, Ledger
from sim.subscriptions_api.payment_methods import PaymentMethods, describe
from sim.subscriptions_api.rollback import ask_for_rollback


class Verdict(NamedTuple):
    """What became of an event, as its fact says it: `applied`, `duplicate` or `ignored`, and why."""

    state: str
    why: str | None = None


Applying = Verdict | Program[Verdict]
"""What became of an event; or, where a service has to be asked first, the program that ends in it."""

APPLIED: Final = Verdict("applied")
DUPLICATE: Final = Verdict("duplicate", "settled already")
UNKNOWN_OBJECT: Final = Verdict("ignored", "unknown object")


class Continuation:
    """Applies events to an account whose lock is held. Raises StripeUnreachable where it must be tried again."""

    __slots__ = ("_collection", "_handlers", "_ledger", "_methods")

    def __init__(self, ledger: Ledger, methods: PaymentMethods, collection: Collection) -> None:
        self._ledger = ledger
        self._methods = methods
        self._collection = collection
        self._handlers: Mapping[str, Callable[[Account, StripeEvent], Applying]] = {
            "payment_intent.succeeded": self._succeeded,
            "setup_intent.succeeded": self._succeeded,
            "payment_intent.payment_failed": self._failed,
            "setup_intent.setup_failed": self._failed,
            "payment_intent.canceled": self._canceled,
            "setup_intent.canceled": self._canceled,
            "payment_method.attached": self._attached,
            "payment_method.detached": self._detached,
        }

    def concerns(self, event: StripeEvent) -> bool:
        """Whether events of that type change anything."""
        return event.type in self._handlers

    def apply(self, account: Account, event: StripeEvent) -> Applying:
        """Apply one event; the second time it is a duplicate."""
        if event.id in account.seen_events:
            return Verdict("duplicate", "event seen already")
        verdict = self._handlers[event.type](account, event)
        if verdict.__class__ is not Verdict:
            return _apply_in_steps(account, event, verdict)
        account.seen_events.add(event.id)
        return verdict

    def knows(self, account: Account, event: StripeEvent) -> bool:
        """Whether the event's object is stored yet; only intents are waited for."""
        return event.object_id in account.intents or not event.purchase_id

    def _succeeded(self, account: Account, event: StripeEvent) -> Applying:
        intent = event.body
        purchase = _purchase_of(account, event)
        if purchase is None:
            if event.type == "payment_intent.succeeded" or intent.get("customer") != account.customer:
                return UNKNOWN_OBJECT
            return self._set_up(account, event)
        if purchase.state == "open" and purchase.intent_id is None:
            adopt(account, purchase, intent)  # its creation was never answered: the event is the answer
        received_minor: int = intent.get("amount_received", 0)
        if purchase.state == "ended" or purchase.intent_id != event.object_id:
            return self._refund(purchase, event.object_id, received_minor)
        method = intent.get("payment_method")
        if purchase.state == "settled":
            if isinstance(method, str):
                self._ledger.put_on_file(account, method, None, WEBHOOKS)
            return DUPLICATE
        if received_minor < purchase.amount_minor:
            return Verdict("ignored", f"received {received_minor} of {purchase.amount_minor}")
        purchase.paid_with = method
        because = "payment" if purchase.intent_kind == "payment" else "set_up"
        self._ledger.settle(account, purchase, because, WEBHOOKS)
        return APPLIED

    def _refund(self, purchase: Purchase, intent_id: str, received_minor: int) -> Program[Verdict]:
        """A payment for what has ended: it goes back."""
        yield from refund_rest(self._collection, purchase, intent_id, received_minor)
        return Verdict("applied", "late success refunded" if received_minor else "late success grants nothing")

    def _set_up(self, account: Account, event: StripeEvent) -> Verdict:
        """A set-up outside any purchase: its payment method is on file now."""
        method = event.body.get("payment_method")
        if isinstance(method, str):
            self._ledger.put_on_file(account, method, None, WEBHOOKS)
        return APPLIED

    def _failed(self, account: Account, event: StripeEvent) -> Program[Verdict]:
        """The purchase waits on, and its secret can be confirmed again. Only `legacy` has something to take back."""
        purchase = _purchase_of(account, event)
        if purchase is None:
            return UNKNOWN_OBJECT
        if purchase.state == "open" and purchase.granted:
            yield from ask_for_rollback(self._ledger, account, purchase, event.type, WEBHOOKS)
        return APPLIED

    def _canceled(self, account: Account, event: StripeEvent) -> Verdict:
        """Somebody cancelled the intent at Stripe: the purchase waits on, and a repeat makes a new one."""
        purchase = _purchase_of(account, event)
        if purchase is None:
            return UNKNOWN_OBJECT
        if purchase.state == "open" and purchase.intent_id == event.object_id:
            lose_intent(purchase)
        return APPLIED

    def _attached(self, account: Account, event: StripeEvent) -> Program[Verdict]:
        """Subscribed to by no endpoint of the model's, but a deployment may be; what is known already is not older."""
        if event.body.get("customer") != account.customer:
            return UNKNOWN_OBJECT
        known = account.payment_methods.get(event.object_id)
        if known is None or known.type is None:
            self._methods.attached(account, event.body, WEBHOOKS)
        return APPLIED
        yield

    def _detached(self, account: Account, event: StripeEvent) -> Verdict:
        method = account.payment_methods.get(event.object_id)
        if method is not None:
            describe(method, event.body)
        self._methods.detached(account, event.object_id, WEBHOOKS)
        return APPLIED


def _apply_in_steps(account: Account, event: StripeEvent, steps: Any) -> Program[Verdict]:
    verdict: Verdict = yield from steps
    account.seen_events.add(event.id)
    return verdict


def _purchase_of(account: Account, event: StripeEvent) -> Purchase | None:
    purchase = account.intents.get(event.object_id)
    if purchase is None:
        purchase = account.purchases.get(event.purchase_id)
    return purchase
