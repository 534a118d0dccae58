"""What customers type into the payment form, as Stripe's test mode knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scenarios.scenario import CardBehaviour
from sim.stripe.test_cards import NUMBER_BY_BEHAVIOUR

CARD_DATA: Final[Mapping[str, Mapping[str, Any]]] = {
    behaviour: {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}}
    for behaviour, number in NUMBER_BY_BEHAVIOUR.items()
}
"""Payment method data of a card that behaves so. Shared: never changed."""

WALLET_DATA: Final[Mapping[str, Any]] = {"type": "card", "card": {"token": "tok_apple_pay"}}
"""A wallet that pays. One that shall behave otherwise holds the card that does."""

PAYPAL_DATA: Final[Mapping[str, Any]] = {"type": "paypal", "billing_details": {"email": "shopper@example.com"}}


def entered(method: str, behaviour: CardBehaviour) -> Mapping[str, Any]:
    """The payment method data of a method ("card", "wallet", "paypal") whose card behaves so."""
    if method == "paypal":
        return PAYPAL_DATA
    if method == "wallet" and behaviour == "succeeds":
        return WALLET_DATA
    return CARD_DATA[behaviour]
