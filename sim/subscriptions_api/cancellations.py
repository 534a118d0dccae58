"""Giving a subscription up: an unpaid one with its intent, one in force with its entitlement."""

from __future__ import annotations

from sim.effects import Program
from sim.messages import Answer
from sim.store import IN_FORCE, Account, Purchase, Subscription
from sim.subscriptions_api import views
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.collection import Collection, lose_intent
from sim.subscriptions_api.envelope import NOT_FOUND, WRONG_STATE, Refusal, success
from sim.subscriptions_api.ledger import API, Ledger


class Cancellations:
    """DELETE /subscriptions/{id}."""

    __slots__ = ("_collection", "_ledger")

    def __init__(self, ledger: Ledger, collection: Collection) -> None:
        self._ledger = ledger
        self._collection = collection

    def cancel(self, account: Account, asked: Asked) -> Program[Answer]:
        """Cancel one subscription; one that ended already is answered as it is."""
        subscription = account.subscriptions.get(asked.identifier)
        if subscription is None:
            raise Refusal(404, NOT_FOUND, f"subscription {asked.identifier[:60]!r} does not exist in this account")
        for purchase in list(account.open_purchases.values()):
            if subscription.id in purchase.subscription_ids:
                yield from self._leave_purchase(account, purchase, subscription)
        if subscription.state in IN_FORCE or subscription.state == "AwaitingPayment":
            self._ledger.cancel(account, subscription, API)
        return success(views.subscription(subscription))

    def _leave_purchase(self, account: Account, purchase: Purchase, subscription: Subscription) -> Program[None]:
        """Take the subscription out of a purchase that is not settled; what was paid for it goes back."""
        ending = yield from self._collection.end(account, purchase, "requested_by_customer")
        if ending == "processing":
            raise Refusal(409, WRONG_STATE, "a payment for this subscription is being processed: try again later")
        if ending == "succeeded" and purchase.intent_kind == "payment":
            amount_minor = purchase.amount_minor if purchase.change is not None else subscription.price_minor
            if amount_minor:
                intent_id = purchase.intent_id
                assert intent_id is not None
                key = f"{intent_id}-cancelled-{subscription.id}"
                yield from self._collection.refund(purchase, intent_id, amount_minor, key)
        if len(purchase.subscription_ids) == 1:
            self._ledger.end(account, purchase, "Cancelled", API)
            return
        position = purchase.subscription_ids.index(subscription.id)
        purchase.subscription_ids = purchase.subscription_ids[:position] + purchase.subscription_ids[position + 1 :]
        purchase.signature = _without(purchase.signature, subscription)
        if ending == "gone":
            # The others wait on: a repeat of what is left of the cart gets an intent of what is left to pay.
            purchase.amount_minor -= subscription.price_minor
            purchase.intent_kind = "payment" if purchase.amount_minor else "setup"
            lose_intent(purchase)


def _without(signature: tuple[tuple[str, str, str, int, int], ...], gone: Subscription) -> tuple[object, ...]:
    entry = (gone.rate_plan, gone.zone_id or gone.domain or "", gone.frequency, gone.quantity, gone.price_minor)
    position = signature.index(entry)
    return signature[:position] + signature[position + 1 :]
