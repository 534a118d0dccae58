"""Collecting what a purchase costs: its one intent at Stripe, through time-outs, repeats and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from sim.effects import Program
from sim.messages import Answer
from sim.store import Account, IntentKind, Purchase
from sim.subscriptions_api.envelope import CardRefused, StripeUnreachable
from sim.subscriptions_api.stripe_calls import (
    StripeCalls,
    error_message,
    intent_body,
    is_replayed,
    is_uncertain,
    refuses_payment_method,
)

Outcome = Literal["succeeded", "needs_customer", "processing"]
Ending = Literal["gone", "succeeded", "processing"]

SUCCEEDED: Final[Outcome] = "succeeded"
NEEDS_CUSTOMER: Final[Outcome] = "needs_customer"
PROCESSING: Final[Outcome] = "processing"


class PaymentMethodUnusable(Exception):
    """Stripe will not charge this payment method at all: unknown, detached, used up, or another customer's."""

    def __init__(self, payment_method_id: str, message: str) -> None:
        super().__init__(payment_method_id, message)
        self.payment_method_id = payment_method_id
        self.message = message


class Collection:
    """Everything that happens between a purchase and its intent."""

    __slots__ = ("_calls",)

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    def collect(
        self, account: Account, purchase: Purchase, payment_method_id: str | None, on_session: bool
    ) -> Program[Outcome]:
        """Charge the payment method, or make (or find) the intent that the customer can confirm.

        Raises CardRefused, PaymentMethodUnusable, and StripeUnreachable; after the last the purchase can be collected
        again and reaches the same intent.
        """
        if purchase.intent_id is None and purchase.pending_body is None:
            return self._create(account, purchase, payment_method_id, on_session)
        return self._collect_again(account, purchase, payment_method_id, on_session)

    def _collect_again(
        self, account: Account, purchase: Purchase, payment_method_id: str | None, on_session: bool
    ) -> Program[Outcome]:
        intent: Mapping[str, Any] | None = None
        if purchase.pending_body is not None:
            intent = yield from self._create_again(account, purchase)
        elif purchase.intent_id is not None:
            intent = yield from self._live_intent(purchase)
        if intent is None:
            return (yield from self._create(account, purchase, payment_method_id, on_session))
        outcome = _outcome_of(purchase, intent)
        if outcome != NEEDS_CUSTOMER:
            return outcome
        if payment_method_id is None or _asks_already(intent, payment_method_id):
            return NEEDS_CUSTOMER
        return (yield from self._confirm(purchase, payment_method_id, on_session))

    def end(self, account: Account, purchase: Purchase, reason: str) -> Program[Ending]:
        """See to it that the purchase's intent cannot be paid any more. "succeeded": it was paid already.

        Raises StripeUnreachable; nothing has changed here then.
        """
        if purchase.pending_body is not None:
            yield from self._find_pending(account, purchase)
        intent_id = purchase.intent_id
        if intent_id is None:
            return "gone"
        answer: Answer = yield self._calls.cancel_intent(purchase.intent_kind, intent_id, reason)
        if answer.status == 200:
            return "gone"
        if is_uncertain(answer):
            raise StripeUnreachable("cancelling an intent")
        answer = yield self._calls.retrieve_intent(purchase.intent_kind, intent_id)
        if answer.status != 200:
            raise StripeUnreachable("reading an intent")
        status = answer.body["status"]
        if status == "succeeded":
            return "succeeded"
        return "gone" if status == "canceled" else "processing"

    def refund(self, purchase: Purchase, intent_id: str, amount_minor: int, key: str) -> Program[None]:
        """Give money back, once for each key. Raises StripeUnreachable."""
        answer: Answer = yield self._calls.refund(intent_id, amount_minor, key)
        if answer.status != 200:
            raise StripeUnreachable(f"refunding, {error_message(answer)}")
        purchase.refunds[intent_id] = purchase.refunds.get(intent_id, 0) + amount_minor

    def status_at_stripe(self, account: Account, purchase: Purchase) -> Program[Mapping[str, Any] | None]:
        """The purchase's intent as Stripe has it, or None where there is none. Raises StripeUnreachable."""
        if purchase.pending_body is not None:
            yield from self._find_pending(account, purchase)
        if purchase.intent_id is None:
            return None
        return (yield from self._live_intent(purchase))

    def _create(
        self, account: Account, purchase: Purchase, payment_method_id: str | None, on_session: bool
    ) -> Program[Outcome]:
        body = intent_body(account, purchase)
        if payment_method_id is not None:
            body["payment_method"] = payment_method_id
            body["confirm"] = True
            body[_session_parameter(purchase.intent_kind, on_session)] = True
        answer: Answer = yield self._calls.create_intent(account, purchase, body)
        if answer.status == 200:
            adopt(account, purchase, answer.body)
            return _outcome_of(purchase, answer.body)
        if is_uncertain(answer):
            purchase.pending_body = body
            raise StripeUnreachable("creating an intent")
        return self._outcome(account, purchase, answer, payment_method_id)

    def _create_again(self, account: Account, purchase: Purchase) -> Program[Mapping[str, Any] | None]:
        """Learn what became of a creation: the same key and body reach the same intent. None: there is none."""
        body = purchase.pending_body
        assert body is not None
        answer: Answer = yield self._calls.create_intent(account, purchase, body)
        if is_uncertain(answer):
            if not is_replayed(answer):
                raise StripeUnreachable("creating an intent")
            # Stripe keeps its own failures too: this key will never say more, so look for the intent itself.
            return (yield from self._find_pending(account, purchase))
        purchase.pending_body = None
        intent = _intent_in(answer, purchase.intent_kind)
        if intent is None:
            purchase.generation += 1
            return None
        adopt(account, purchase, intent)
        return intent

    def _find_pending(self, account: Account, purchase: Purchase) -> Program[Mapping[str, Any] | None]:
        """Look among the customer's intents for the one whose creation was never answered."""
        answer: Answer = yield self._calls.list_intents(purchase.intent_kind, account.customer)
        if answer.status != 200:
            raise StripeUnreachable("listing intents")
        purchase.pending_body = None
        for intent in answer.body["data"]:
            # Only the latest generation can be unknown; the ones before were adopted, and cancelled.
            if intent["metadata"].get("purchase_id") == purchase.id and intent["id"] not in account.intents:
                adopt(account, purchase, intent)
                return intent  # type: ignore[no-any-return]
        purchase.generation += 1
        return None

    def _live_intent(self, purchase: Purchase) -> Program[Mapping[str, Any] | None]:
        """The purchase's intent, or None once it was cancelled at Stripe."""
        intent_id = purchase.intent_id
        assert intent_id is not None
        answer: Answer = yield self._calls.retrieve_intent(purchase.intent_kind, intent_id)
        if answer.status != 200:
            raise StripeUnreachable("reading an intent")
        if answer.body["status"] == "canceled":
            lose_intent(purchase)
            return None
        return answer.body  # type: ignore[no-any-return]

    def _confirm(self, purchase: Purchase, payment_method_id: str, on_session: bool) -> Program[Outcome]:
        purchase.confirmations += 1
        body = {"payment_method": payment_method_id, _session_parameter(purchase.intent_kind, on_session): True}
        answer: Answer = yield self._calls.confirm_intent(purchase, body)
        if is_uncertain(answer):
            raise StripeUnreachable("confirming an intent")
        return self._outcome(None, purchase, answer, payment_method_id)

    def _outcome(
        self, account: Account | None, purchase: Purchase, answer: Answer, payment_method_id: str | None
    ) -> Outcome:
        """What an answer of Stripe means for the purchase; remembers a new intent if `account` is given."""
        intent = _intent_in(answer, purchase.intent_kind)
        if account is not None and intent is not None:
            adopt(account, purchase, intent)
        if answer.status == 200:
            assert intent is not None
            return _outcome_of(purchase, intent)
        if answer.status == 402:
            error = answer.body["error"]
            if error.get("code") == "authentication_required":
                return NEEDS_CUSTOMER
            if account is not None and intent is None:
                purchase.generation += 1
            raise CardRefused(error.get("decline_code") or error.get("code") or "card_declined")
        if account is not None:
            purchase.generation += 1
        if payment_method_id is not None and refuses_payment_method(answer):
            raise PaymentMethodUnusable(payment_method_id, error_message(answer))
        raise StripeUnreachable(error_message(answer))


def lose_intent(purchase: Purchase) -> None:
    """The intent is no more; the next one is another generation."""
    purchase.intent_id = None
    purchase.client_secret = None
    purchase.generation += 1


def adopt(account: Account, purchase: Purchase, intent: Mapping[str, Any]) -> None:
    """The purchase has this intent."""
    purchase.pending_body = None
    purchase.intent_id = intent["id"]
    purchase.client_secret = intent.get("client_secret")
    account.intents[intent["id"]] = purchase


def _outcome_of(purchase: Purchase, intent: Mapping[str, Any]) -> Outcome:
    """What the intent's status means; NEEDS_CUSTOMER while it can still be confirmed."""
    status = intent["status"]
    if status == "succeeded":
        purchase.paid_with = intent.get("payment_method")
        return SUCCEEDED
    return PROCESSING if status == "processing" else NEEDS_CUSTOMER


def _intent_in(answer: Answer, kind: IntentKind) -> Mapping[str, Any] | None:
    """The intent in an answer, also where the answer is a refusal that embeds it."""
    if answer.status == 200:
        return answer.body  # type: ignore[no-any-return]
    intent = answer.body["error"].get("payment_intent" if kind == "payment" else "setup_intent")
    return intent if intent else None


def _asks_already(intent: Mapping[str, Any], payment_method_id: str) -> bool:
    """Whether the customer is being asked to confirm this very payment method: a double click must not ask again."""
    return intent["status"] == "requires_action" and intent.get("payment_method") == payment_method_id


def _session_parameter(kind: IntentKind, on_session: bool) -> str:
    """Who confirms. Off session Stripe must never challenge; a SetupIntent has no such parameter."""
    return "use_stripe_sdk" if on_session or kind == "setup" else "off_session"
