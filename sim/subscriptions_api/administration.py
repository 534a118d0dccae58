"""What support can do to an account: lock, unlock, unban, and bring its books in line with what is paid."""

from __future__ import annotations

from sim.effects import Program
from sim.messages import Answer
from sim.store import IN_FORCE, Account, Purchase
from sim.subscriptions_api import views
from sim.subscriptions_api.asked import Asked
from sim.subscriptions_api.collection import Collection
from sim.subscriptions_api.envelope import StripeUnreachable, success
from sim.subscriptions_api.ledger import API, Ledger
from sim.subscriptions_api.payment_methods import PaymentMethods


class Administration:
    """Operations of the internal tool. Each answers the account's state."""

    __slots__ = ("_collection", "_ledger", "_methods")

    def __init__(self, ledger: Ledger, methods: PaymentMethods, collection: Collection) -> None:
        self._ledger = ledger
        self._methods = methods
        self._collection = collection

    def state(self, account: Account, asked: Asked) -> Answer:
        return success(views.account_state(account))

    def lock(self, account: Account, asked: Asked) -> Answer:
        account.locked = True
        return success(views.account_state(account))

    def unlock(self, account: Account, asked: Asked) -> Answer:
        account.locked = False
        return success(views.account_state(account))

    def unban(self, account: Account, asked: Asked) -> Answer:
        account.banned = False
        return success(views.account_state(account))

    def sync_entitlements(self, account: Account, asked: Asked) -> Program[Answer]:
        """Make entitlements equal to what is paid: grant what Stripe says is paid, take away what is not."""
        yield from self._reconcile(account, "sync")
        return success(views.account_state(account))

    def recompute(self, account: Account, asked: Asked) -> Program[Answer]:
        """Rebuild the account's state from its subscriptions and Stripe; a second time changes nothing."""
        if not (yield from self._methods.refresh(account)):
            raise StripeUnreachable("listing payment methods")
        yield from self._reconcile(account, "recompute")
        return success(views.account_state(account))

    def _reconcile(self, account: Account, because: str) -> Program[None]:
        for purchase in list(account.open_purchases.values()):
            yield from self._reconcile_purchase(account, purchase, because)
        for subscription in account.subscriptions.values():
            if subscription.paid and subscription.state in IN_FORCE:
                self._ledger.activate(account, subscription, because, API)
            else:
                self._ledger.deactivate(account, subscription, because, API)

    def _reconcile_purchase(self, account: Account, purchase: Purchase, because: str) -> Program[None]:
        intent = yield from self._collection.status_at_stripe(account, purchase)
        if intent is not None and intent["status"] == "succeeded":
            purchase.paid_with = intent.get("payment_method")
            self._ledger.settle(account, purchase, because, API)
        elif purchase.granted:
            self._ledger.take_back(account, purchase, API, because)
