"""Defects of carts: lines lost, hidden or made twice."""

from __future__ import annotations

from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches
from sim.store import Account, Purchase
from sim.subscriptions_api import purchases
from sim.subscriptions_api.ledger import API
from sim.subscriptions_api.purchases import Purchases


def last_line_not_made(patch: Patches) -> None:
    """The last line of a cart is dropped without a word."""
    patch.wrap(purchases, "lines_of", lambda original: lambda account, body: original(account, body)[:1])


def last_line_not_shown(patch: Patches) -> None:
    """The last line of a cart is bought and paid, and missing in the answer."""
    patch.wrap(purchases, "_shown", lambda original: lambda account, purchase: original(account, purchase)[:1])


def cart_made_twice(patch: Patches) -> None:
    """Each line of a cart is made twice, and paid once."""
    patch.wrap(
        purchases,
        "lines_of",
        lambda original: lambda account, body: [line for line in original(account, body) for _ in range(2)],
    )


def equal_amounts_are_duplicates(patch: Patches) -> None:
    """An open purchase of the same amount is taken for a duplicate, and cancelled."""

    def make(original: Any) -> Any:
        def pay(self: Purchases, account: Account, asked: Any, purchase: Purchase, *rest: Any) -> Any:
            for other in list(account.open_purchases.values()):
                if other is not purchase and other.amount_minor == purchase.amount_minor:
                    yield from self._collection.end(account, other, "duplicate")
                    self._ledger.end(account, other, "Cancelled", API)
            return (yield from original(self, account, asked, purchase, *rest))

        return pay

    patch.wrap(Purchases, "_pay", make)


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="last-line-never-made",
        title="The last line of a cart is dropped without a word.",
        plant=last_line_not_made,
        shown_by=("double-submit",),
        finds=("cart-conserved",),
        also=("batch-is-atomic",),
    ),
    Defect(
        name="last-line-not-shown",
        title="The last line of a cart is bought and paid, and missing in the answer.",
        plant=last_line_not_shown,
        shown_by=("double-submit",),
        finds=("cart-conserved",),
        also=("zero-due-sets-up", "batch-is-atomic"),
    ),
    Defect(
        name="each-line-made-twice",
        title="Each line of a cart is made twice, and paid once.",
        plant=cart_made_twice,
        shown_by=("double-submit",),
        finds=("cart-conserved",),
    ),
    Defect(
        name="equal-amounts-taken-for-duplicates",
        title="An open purchase of the same amount is taken for a duplicate, and cancelled.",
        plant=equal_amounts_are_duplicates,
        shown_by=("several-secrets-one-refused",),
        customers=40,
        finds=("each-secret-settled",),
        also=("failed-payment-can-be-retried",),
        unseen={"failed-payment-can-be-retried": "the cancelled lines were bought again, which may be why they ended"},
    ),
)
