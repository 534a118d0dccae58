"""The service: which deliveries are believed, whom they concern, and what Stripe is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sim.backend import BackendConfig
from sim.billing_webhooks.continuation import Continuation, Verdict
from sim.billing_webhooks.stripe_event import NotAnEvent, StripeEvent, read_event
from sim.effects import Acquire, Call, Program, Release, Spawn
from sim.facts import EXACT, Journal
from sim.messages import Answer, Request
from sim.store import Store
from sim.stripe.signature import SignatureError, verify
from sim.subscriptions_api.collection import Collection
from sim.subscriptions_api.envelope import (
    NOT_FITTING,
    NOT_FOUND,
    STRIPE_UNREACHABLE,
    StripeUnreachable,
    WrongMethod,
    refusal,
)
from sim.subscriptions_api.ledger import WEBHOOKS, Ledger
from sim.subscriptions_api.payment_methods import PaymentMethods
from sim.subscriptions_api.stripe_calls import StripeCalls
from sim.time import Clock, unix_s

PATH: Final = "/webhooks/stripe"

_TAKEN: Final = Answer(200, {"received": True})


class BillingWebhooks:
    """Takes events from Stripe.

    Under `continuation` (and `legacy`) an event is answered once it is applied, so that Stripe repeats what failed.
    `act-1` acknowledges first and applies afterwards, once: an event that comes before its object is known, or whose
    application fails, is lost. Assumption: that is what "best effort" meant before Continuation.

    `now_s` is the clock by which the age of a signature is measured; the world's by default.
    """

    __slots__ = ("_config", "_continuation", "_ledger", "_now_s", "_store")

    def __init__(
        self,
        config: BackendConfig,
        store: Store,
        clock: Clock,
        journal: Journal,
        now_s: Callable[[], float] | None = None,
    ) -> None:
        calls = StripeCalls(config.stripe_secret_key)
        self._config = config
        self._store = store
        self._ledger = Ledger(clock, journal)
        self._continuation = Continuation(self._ledger, PaymentMethods(self._ledger, calls), Collection(calls))
        self._now_s: Callable[[], float] = now_s or (lambda: unix_s(clock.now_us))

    def handle(self, request: Request) -> Program[Answer]:
        """Answer one delivery, or apply an event that this service acknowledged before (`act-1`).

        An event is applied under the account's lock; the answer is 503 where it must come again.
        """
        acknowledged = request.body.__class__ is StripeEvent
        taken = request.body if acknowledged else self._take(request)
        if isinstance(taken, Answer):
            return taken
        event: StripeEvent = taken
        account_id = self._account_id_of(event)
        if account_id is None:
            return _TAKEN
        if not acknowledged:
            if not self._continuation.concerns(event):
                self._note(account_id, event, Verdict("ignored", "nothing depends on it"))
                return _TAKEN
            if self._config.regime == "act-1":
                return (yield from self._acknowledge(account_id, event))
        yield Acquire(account_id)
        try:
            account = self._store.account(account_id)
            if account is None:
                verdict = Verdict("ignored", "the account is gone")
            else:
                applying = self._continuation.apply(account, event)
                verdict = applying if isinstance(applying, Verdict) else (yield from _ended(applying))
                self._store.save(account)
        except Exception:
            yield Release(account_id)
            raise
        yield Release(account_id)
        self._note(account_id, event, verdict)
        if verdict.state == "deferred":
            return refusal(503, STRIPE_UNREACHABLE, f"the event cannot be applied yet: {verdict.why}")
        return _TAKEN

    def _take(self, request: Request) -> StripeEvent | Answer:
        """The event of a delivery that is believed; else the answer to it."""
        if request.path != PATH:
            return refusal(404, NOT_FOUND, f"there is nothing at {request.path[:100]!r}")
        if request.method != "POST":
            return WrongMethod(request.method, ("POST",)).answer()
        payload = request.body
        try:
            if not isinstance(payload, bytes):
                raise NotAnEvent("the body must be the raw bytes that were signed")
            signature = request.headers.get("stripe-signature")
            verify(payload, signature, self._config.webhook_secret, int(self._now_s()))
            return read_event(payload)
        except (SignatureError, NotAnEvent) as error:
            self._note_rejected(payload, error)
            return refusal(400, NOT_FITTING, f"body: {error}")

    def _acknowledge(self, account_id: str, event: StripeEvent) -> Program[Answer]:
        """`act-1`: take the event first. One whose object is not stored yet is lost."""
        account = self._store.account(account_id)
        if account is None or not self._continuation.knows(account, event):
            self._note(account_id, event, Verdict("ignored", "came before its object was known"))
            return _TAKEN
        yield Spawn(self._apply_once(account_id, event))
        return _TAKEN

    def _apply_once(self, account_id: str, event: StripeEvent) -> Program[None]:
        """`act-1`: the one try; a call of its own, so that it can fail like any."""
        answer: Answer = yield Call(WEBHOOKS, Request("POST", "/internal/apply", event, operation="apply_event"))
        if answer.status != 200:
            why = f"HTTP {answer.status}" if answer.status else "no answer"
            self._note(account_id, event, Verdict("handler_failed", why))

    def _account_id_of(self, event: StripeEvent) -> str | None:
        """The account of this deployment that an event concerns; None where it is none of ours.

        A set-up or payment names its account; a payment method belongs to a customer.
        """
        customer = event.customer
        named = event.account_id
        if named is not None and not event.type.startswith("payment_method."):
            account = self._store.account(named)
            return named if account is not None and customer in (None, account.customer) else None
        return None if customer is None else self._store.account_id_of_customer(customer)

    def _note(self, account_id: str, event: StripeEvent, verdict: Verdict) -> None:
        detail: Mapping[str, Any] | None = None if verdict.why is None else {"why": verdict.why}
        self._ledger.note(
            account_id,
            EXACT,
            WEBHOOKS,
            "event",
            event.id,
            event.object_id,
            event.type,
            verdict.state,
            None,
            None,
            None,
            detail,
        )

    def _note_rejected(self, payload: Any, error: Exception) -> None:
        """Note a delivery that is not believed, in the history of the account it pretends to be about."""
        try:
            event = read_event(payload)
            account_id = self._account_id_of(event)
        except (NotAnEvent, TypeError, AttributeError):
            return
        if account_id is not None:
            self._note(account_id, event, Verdict("rejected", str(error)))


def _ended(applying: Program[Verdict]) -> Program[Verdict]:
    """What a program ends in; an event that Stripe is needed for while it does not answer must come again."""
    try:
        return (yield from applying)
    except StripeUnreachable as error:
        return Verdict("deferred", error.message)
