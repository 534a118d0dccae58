"""Defects of the end of what is not paid."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches
from sim.billing_webhooks import continuation
from sim.store import Account, Purchase
from sim.subscriptions_api import expiry, purchases
from sim.subscriptions_api.envelope import Refusal
from sim.subscriptions_api.expiry import Expiry
from sim.subscriptions_api.ledger import API
from sim.subscriptions_api.purchases import Purchases
from sim.time import HOUR_US


def never_expires(patch: Patches) -> None:
    """Nothing ever expires."""
    patch.replace(Expiry, "is_due", lambda self, account: False)


def expires_after_an_hour(patch: Patches) -> None:
    """What is unpaid expires after an hour."""
    patch.replace(purchases, "EXPIRES_AFTER_US", HOUR_US)
    patch.replace(expiry, "EXPIRES_AFTER_US", HOUR_US)


def expiry_leaves_intent(patch: Patches) -> None:
    """What expires here can still be paid at Stripe."""

    def expire(self: Expiry, account: Account, purchase: Purchase) -> Any:
        self._ledger.end(account, purchase, "Expired", API)
        return True
        yield

    patch.replace(Expiry, "_expire", expire)


def expired_cannot_be_bought_again(patch: Patches) -> None:
    """An expired subscription stands in the way of the next purchase of the same plan."""

    def make(original: Any) -> Any:
        def buy(self: Purchases, account: Account, asked: Any, body: Any, lines: Any) -> Any:
            wanted = {line.rate_plan for line in lines}
            if any(one.state == "Expired" and one.rate_plan in wanted for one in account.subscriptions.values()):
                raise Refusal(409, 1231, "this subscription exists already")
            return (yield from original(self, account, asked, body, lines))

        return buy

    patch.wrap(Purchases, "_buy_lines", make)


def late_success_kept(patch: Patches) -> None:
    """A payment for what has ended is kept."""

    def keep(*_: Any) -> Any:
        return
        yield

    patch.replace(expiry, "refund_rest", keep)
    patch.replace(continuation, "refund_rest", keep)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="nothing-expires",
        title="Nothing ever expires.",
        plant=never_expires,
        shown_by=("three-d-secure-abandoned", "abandoned-23-hours"),
        finds=("abandoned-grants-nothing",),
    ),
    Defect(
        name="expires-after-an-hour",
        title="What is unpaid expires after an hour.",
        plant=expires_after_an_hour,
        shown_by=("abandoned-23-hours",),
        finds=("abandoned-grants-nothing",),
        also=(
            "each-secret-settled",
            "failed-payment-can-be-retried",
            "redirect-never-returns",
            "webhook-eventually-applied",
        ),
    ),
    Defect(
        name="expiry-leaves-the-intent-payable",
        title="What expires here can still be paid at Stripe.",
        plant=expiry_leaves_intent,
        shown_by=("abandoned-23-hours",),
        finds=("abandoned-grants-nothing",),
        also=("charged-once", "stores-agree"),
    ),
    Defect(
        name="what-has-expired-blocks-the-next-purchase",
        title="An expired subscription stands in the way of the next purchase of the same plan.",
        plant=expired_cannot_be_bought_again,
        shown_by=("abandoned-23-hours",),
        finds=("abandoned-grants-nothing",),
    ),
    Defect(
        name="late-success-not-refunded",
        title="A payment for what has ended is kept.",
        plant=late_success_kept,
        shown_by=("webhooks-late",),
        customers=60,
        finds=("abandoned-grants-nothing", "amounts-agree"),
        also=("stores-agree",),
    ),
)
