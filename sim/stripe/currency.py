"""Currencies and the amounts that can be charged in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.errors import invalid_request

SMALLEST_MINOR: Final[Mapping[str, int]] = {
    "usd": 50,
    "aud": 50,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "czk": 1500,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "inr": 50,
    "jpy": 50,
    "mxn": 1000,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "sek": 300,
    "sgd": 50,
}
"""The currencies known here and the smallest charge in each. Source: Stripe's page "Supported currencies", section
"Minimum and maximum charge amounts", whose amounts go by the currency of the payout. Assumption: it is the charge's."""

_WITHOUT_DECIMALS: Final = frozenset(("jpy",))
"""Of the currencies above. Source: Stripe's page "Supported currencies", section "Zero-decimal currencies"."""

LARGEST_MINOR: Final = 99_999_999
"""Eight digits. Source: the description of `amount` of PaymentIntents in the official SDK."""


def currency(value: Any, name: str) -> str:
    """A reader: three letters, either case."""
    code = parameters.text(value, name).lower()
    if code not in SMALLEST_MINOR:
        raise invalid_request(
            f"Invalid currency: {code}. Stripe currently supports these currencies: {', '.join(SMALLEST_MINOR)}",
            param=name,
        )
    return code


parameters.knowing(currency, SMALLEST_MINOR)


def spoken_amount(amount_minor: int, code: str) -> str:
    """An amount as people read it: "5.00 USD"."""
    if code in _WITHOUT_DECIMALS:
        return f"{amount_minor:,} {code.upper()}"
    return f"{amount_minor // 100:,}.{amount_minor % 100:02d} {code.upper()}"


def check_amount(amount_minor: int, code: str) -> None:
    """Raises StripeError for an amount that cannot be charged."""
    if amount_minor < 1:
        raise invalid_request(
            "This value must be greater than or equal to 1.", param="amount", code="parameter_invalid_integer"
        )
    if amount_minor < SMALLEST_MINOR[code]:
        raise invalid_request(
            f"The Payment Intent amount must be greater than or equal to the minimum charge amount: "
            f"{amount_minor} {code} is below {SMALLEST_MINOR[code]} (minor units).",
            param="amount",
            code="amount_too_small",
        )
    if amount_minor > LARGEST_MINOR:
        raise invalid_request(
            f"Amount must be no more than {LARGEST_MINOR} (minor units), got {amount_minor}.",
            param="amount",
            code="amount_too_large",
        )
