"""Defects of amounts: what is collected is not what was shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, Plant
from sim.store import Account, Purchase
from sim.stripe.endpoints import payment_intents
from sim.subscriptions_api import collection, purchases
from sim.subscriptions_api.purchases import Purchases


def stripe_asks(amount: Callable[[Account, Purchase], int]) -> Plant:
    """The intent asks for another amount than what was shown."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def body(account: Account, purchase: Purchase) -> dict[str, Any]:
                made: dict[str, Any] = original(account, purchase)
                if "amount" in made:
                    made["amount"] = amount(account, purchase)
                return made

            return body

        patch.wrap(collection, "intent_body", make)

    return plant


def too_much(account: Account, purchase: Purchase) -> int:
    """A tax that nobody was told of."""
    return purchase.amount_minor * 119 // 100


def full_price_of_change(account: Account, purchase: Purchase) -> int:
    """A change of plan is charged in full instead of its difference."""
    return purchase.change.price_minor if purchase.change is not None else purchase.amount_minor


def first_line_alone_charged(patch: Patches) -> None:
    """A cart costs what its first line costs."""

    def make(original: Any) -> Any:
        def new(self: Purchases, account: Account, operation: str, lines: Any, signature: Any) -> Purchase:
            purchase: Purchase = original(self, account, operation, lines, signature)
            purchase.amount_minor = lines[0].price_minor
            return purchase

        return new

    patch.wrap(Purchases, "_new_lines", make)


def price_shown_in_dollars(patch: Patches) -> None:
    """The answer shows dollars where cents are agreed."""
    patch.wrap(
        purchases,
        "_shown",
        lambda original: (
            lambda account, purchase: [{**one, "price": one["price"] // 100} for one in original(account, purchase)]
        ),
    )


def payment_of_nothing(amount_minor: int) -> Plant:
    """Where nothing is due a payment is made, of 0 or of the least that Stripe takes."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def new(self: Purchases, *args: Any) -> Purchase:
                purchase: Purchase = original(self, *args)
                purchase.intent_kind = "payment"
                return purchase

            return new

        def body(original: Any) -> Any:
            def made(account: Account, purchase: Purchase) -> dict[str, Any]:
                found: dict[str, Any] = original(account, purchase)
                found["amount"] = found.get("amount") or amount_minor
                return found

            return made

        patch.wrap(Purchases, "_new_lines", make)
        patch.wrap(collection, "intent_body", body)
        patch.replace(payment_intents, "check_amount", lambda amount, currency: None)

    return plant


def set_up_for_payment(on_file: bool) -> Plant:
    """A set-up is made where a payment is due, and its success is taken for payment: with or without a card on file."""

    def plant(patch: Patches) -> None:
        def make(original: Any) -> Any:
            def new(self: Purchases, account: Account, *args: Any) -> Purchase:
                purchase: Purchase = original(self, account, *args)
                if bool(account.payment_methods) is on_file:
                    purchase.intent_kind = "setup"
                return purchase

            return new

        patch.wrap(Purchases, "_new_lines", make)

    return plant


DEFECTS: Final[tuple[Defect, ...]] = (
    Defect(
        name="more-collected-than-shown",
        title="The intent asks for a tax that nobody was told of.",
        plant=stripe_asks(too_much),
        shown_by=("missing-payment-method",),
        finds=("amounts-agree",),
    ),
    Defect(
        name="only-the-first-line-charged",
        title="A cart costs what its first line costs.",
        plant=first_line_alone_charged,
        shown_by=("double-submit",),
        finds=("amounts-agree",),
        also=("confirm-before-commit", "no-entitlement-without-payment", "stores-agree"),
    ),
    Defect(
        name="change-of-plan-charged-in-full",
        title="A change of plan is charged in full instead of its difference.",
        plant=stripe_asks(full_price_of_change),
        shown_by=("upgrade-only",),
        finds=("amounts-agree",),
    ),
    Defect(
        name="dollars-shown-for-cents",
        title="The answer shows dollars where cents are agreed.",
        plant=price_shown_in_dollars,
        shown_by=("missing-payment-method",),
        finds=("amounts-agree",),
    ),
    Defect(
        name="payment-of-0",
        title="Where nothing is due a payment of 0 is made.",
        plant=payment_of_nothing(0),
        shown_by=("nothing-due-now",),
        finds=("zero-due-sets-up",),
    ),
    Defect(
        name="least-payment-where-nothing-is-due",
        title="Where nothing is due the least is charged that Stripe takes.",
        plant=payment_of_nothing(50),
        shown_by=("nothing-due-now",),
        finds=("zero-due-sets-up",),
        also=("amounts-agree",),
    ),
    Defect(
        name="set-up-where-a-payment-is-due",
        title="Where a payment is due of an account without a payment method, a set-up is made.",
        plant=set_up_for_payment(on_file=False),
        shown_by=("missing-payment-method",),
        finds=("secret-usable",),
        also=(
            "payment-leads-to-entitlement",
            "webhook-eventually-applied",
            "confirm-before-commit",
            "no-entitlement-without-payment",
            "old-frontend-survives",
            "redirect-never-returns",
            "stores-agree",
            "paypal-right-path",
        ),
    ),
    Defect(
        name="set-up-of-the-card-on-file-taken-for-payment",
        title="Where a payment is due, the card on file is set up again, which is taken for payment.",
        plant=set_up_for_payment(on_file=True),
        shown_by=("polling-under-the-rate-limit",),
        finds=("no-entitlement-without-payment",),
        also=(
            "confirm-before-commit",
            "stores-agree",
            "cart-conserved",
            "off-session-told",
            "old-frontend-survives",
            "payment-leads-to-entitlement",
            "secret-usable",
            "webhook-eventually-applied",
            "zone-activated",
        ),
    ),
)
