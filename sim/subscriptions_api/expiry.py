"""The end of unpaid purchases: after 23 hours, whatever Stripe's mood."""

from __future__ import annotations

from typing import Final

from sim.backend import BackendConfig
from sim.effects import Alarm, Program
from sim.store import Account, Purchase
from sim.subscriptions_api.collection import Collection
from sim.subscriptions_api.envelope import StripeUnreachable
from sim.subscriptions_api.ledger import API, Ledger
from sim.subscriptions_api.purchases import EXPIRES_AFTER_US
from sim.time import DAY_US, MINUTE_US

RETRY_AFTER_US: Final = 5 * MINUTE_US
"""When to try again while Stripe is out of reach, or a payment is being processed. Assumption."""
GIVES_UP_AFTER_US: Final = 3 * DAY_US
"""How long it tries, from when the purchase was made. Assumption: as long as Stripe repeats an event."""


class Expiry:
    """Ends what is due: what has waited for its payment. What `legacy` granted does not wait: nobody takes it back."""

    __slots__ = ("_collection", "_config", "_ledger")

    def __init__(self, config: BackendConfig, ledger: Ledger, collection: Collection) -> None:
        self._config = config
        self._ledger = ledger
        self._collection = collection

    def is_due(self, account: Account) -> bool:
        """Whether anything unpaid is old enough."""
        return bool(account.open_purchases) and bool(self._due(account))

    def end_due(self, account: Account) -> Program[None]:
        """Expire what is due. Needs the account's lock; asks for another alarm where it cannot finish."""
        for purchase in self._due(account):
            try:
                finished = yield from self._expire(account, purchase)
            except StripeUnreachable:
                finished = False
            if not finished and self._ledger.clock.now_us < purchase.created_us + GIVES_UP_AFTER_US:
                yield Alarm("subscriptions-api", account.id, self._ledger.clock.now_us + RETRY_AFTER_US)

    def _due(self, account: Account) -> list[Purchase]:
        latest_us = self._ledger.clock.now_us - EXPIRES_AFTER_US
        return [
            purchase
            for purchase in account.open_purchases.values()
            if purchase.created_us <= latest_us and purchase.kind != "bad_debt" and not purchase.granted
        ]

    def _expire(self, account: Account, purchase: Purchase) -> Program[bool]:
        """First the intent, then the purchase: while the intent can be paid, the customer cannot buy a second time.

        Paid in time but the event has not come in 23 hours: expired all the same, and the money goes back. Assumption:
        `act-1` leaves what is paid to its event, as ever; if that is lost, the purchase waits for good.
        """
        ending = yield from self._collection.end(account, purchase, "abandoned")
        if ending == "processing":
            return False
        if ending == "succeeded" and self._config.regime == "act-1":
            return True
        if ending == "succeeded" and purchase.intent_kind == "payment":
            yield from refund_rest(self._collection, purchase, purchase.intent_id, purchase.amount_minor)
        self._ledger.end(account, purchase, "Expired", API)
        return True


def refund_rest(
    collection: Collection, purchase: Purchase, intent_id: str | None, received_minor: int
) -> Program[None]:
    """Give back what was received for a purchase that ended, less what went back already. Raises StripeUnreachable."""
    if intent_id is None:
        return
    rest_minor = received_minor - purchase.refunds.get(intent_id, 0)
    if rest_minor > 0:
        yield from collection.refund(purchase, intent_id, rest_minor, f"{intent_id}-late")
