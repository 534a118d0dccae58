"""The test cards of Stripe: number, test token and behaviour of each.

Source: Stripe's documentation page "Testing" (cards by brand, declined payments, fraud prevention, disputes, 3D
Secure).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Literal

Authentication = Literal["never", "optional", "unless_set_up", "always", "on_session", "lookup_fails"]
"""When a card asks for 3D Secure.

`optional`: only if the merchant asks for it. `unless_set_up`: always on session; off session unless it was set up.
`always`: also off session after a set-up. `on_session`: counts as set up already. `lookup_fails`: the check itself
fails.
"""


class Decline:
    """Why an issuer refuses: Stripe's code, decline code and message, and the advice that comes with them."""

    __slots__ = ("code", "decline_code", "message", "advice_code", "network_decline_code")

    def __init__(
        self,
        code: str,
        decline_code: str | None,
        message: str,
        advice_code: str | None,
        network_decline_code: str | None,
    ) -> None:
        self.code = code
        self.decline_code = decline_code
        self.message = message
        self.advice_code = advice_code
        self.network_decline_code = network_decline_code


_DECLINED: Final = "Your card was declined."
GENERIC_DECLINE: Final = Decline("card_declined", "generic_decline", _DECLINED, "try_again_later", "05")
INSUFFICIENT_FUNDS: Final = Decline(
    "card_declined", "insufficient_funds", "Your card has insufficient funds.", "try_again_later", "51"
)
LOST_CARD: Final = Decline("card_declined", "lost_card", _DECLINED, "do_not_try_again", "41")
STOLEN_CARD: Final = Decline("card_declined", "stolen_card", _DECLINED, "do_not_try_again", "43")
EXPIRED_CARD: Final = Decline("expired_card", "expired_card", "Your card has expired.", "do_not_try_again", "54")
INCORRECT_CVC: Final = Decline(
    "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "confirm_card_data", "N7"
)
PROCESSING_ERROR: Final = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
    "try_again_later",
    "96",
)
VELOCITY_EXCEEDED: Final = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    "try_again_later",
    "65",
)
FRAUDULENT: Final = Decline("card_declined", "fraudulent", _DECLINED, "do_not_try_again", None)
AUTHENTICATION_REQUIRED: Final = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    None,
    None,
)


class TestCard:
    """One row of the table. `decline` strikes at every charge; `attachable`: whether a customer can save the card.

    A payment with a `disputed` card is disputed later; with an `inquired` one the bank only asks about it.
    """

    __slots__ = (
        "number",
        "brand",
        "funding",
        "country",
        "authentication",
        "decline",
        "attachable",
        "blocked",
        "disputed",
        "inquired",
        "fingerprint",
    )
    __test__ = False

    def __init__(
        self,
        number: str,
        brand: str = "visa",
        *,
        funding: str = "credit",
        country: str = "US",
        authentication: Authentication = "never",
        decline: Decline | None = None,
        attachable: bool = True,
        blocked: bool = False,
        disputed: bool = False,
        inquired: bool = False,
    ) -> None:
        self.number = number
        self.brand = brand
        self.funding = funding
        self.country = country
        self.authentication: Authentication = authentication
        self.decline = decline
        self.attachable = attachable
        self.blocked = blocked
        self.disputed = disputed
        self.inquired = inquired
        self.fingerprint = blake2b(number.encode(), digest_size=8).hexdigest()


def _declining(number: str, decline: Decline) -> TestCard:
    return TestCard(number, decline=decline, attachable=False)


_CARDS: Final = (
    TestCard("4242424242424242"),
    TestCard("4000056655665556", funding="debit"),
    TestCard("5555555555554444", "mastercard"),
    TestCard("378282246310005", "amex"),
    TestCard("6011111111111117", "discover"),
    TestCard("3056930009020004", "diners"),
    TestCard("3566002020360505", "jcb", country="JP"),
    TestCard("6200000000000005", "unionpay", country="CN"),
    _declining("4000000000000002", GENERIC_DECLINE),
    _declining("4000000000009995", INSUFFICIENT_FUNDS),
    _declining("4000000000009987", LOST_CARD),
    _declining("4000000000009979", STOLEN_CARD),
    _declining("4000000000000069", EXPIRED_CARD),
    _declining("4000000000000127", INCORRECT_CVC),
    _declining("4000000000000119", PROCESSING_ERROR),
    _declining("4000000000006975", VELOCITY_EXCEEDED),
    TestCard("4000000000000341", decline=GENERIC_DECLINE),
    TestCard("4000002500003155", country="IE", authentication="unless_set_up"),
    TestCard("4000002760003184", country="DE", authentication="always"),
    TestCard("4000003800000446", country="GB", authentication="on_session"),
    TestCard("4000008260003178", country="GB", authentication="unless_set_up", decline=INSUFFICIENT_FUNDS),
    # Assumption: off session the next two ask for authentication unless they were set up; Stripe's page is silent.
    TestCard("4000000000003220", authentication="unless_set_up"),
    TestCard("4000008400001629", authentication="unless_set_up", decline=GENERIC_DECLINE),
    TestCard("4000008400001280", authentication="lookup_fails", decline=GENERIC_DECLINE),
    TestCard("4000000000003055", authentication="optional"),
    # Assumption: a card that Radar blocks can be saved; the block strikes at the charge.
    TestCard("4100000000000019", decline=FRAUDULENT, blocked=True),
    TestCard("4000000000000259", disputed=True),
    TestCard("4000000000001976", disputed=True, inquired=True),
)

CARD_BY_NUMBER: Final[Mapping[str, TestCard]] = {card.number: card for card in _CARDS}

_NUMBER_BY_SUFFIX: Final[Mapping[str, str]] = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "mastercard": "5555555555554444",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "diners": "3056930009020004",
    "jcb": "3566002020360505",
    "unionpay": "6200000000000005",
    "visa_chargeDeclined": "4000000000000002",
    "chargeDeclined": "4000000000000002",
    "visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedLostCard": "4000000000009987",
    "visa_chargeDeclinedStolenCard": "4000000000009979",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "visa_chargeDeclinedVelocityLimitExceeded": "4000000000006975",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequiredOnSetup": "4000002500003155",
    "authenticationRequired": "4000002760003184",
    "authenticationRequiredSetupForOffSession": "4000003800000446",
    "authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "threeDSecure2Required": "4000000000003220",
    "threeDSecureRequiredChargeDeclined": "4000008400001629",
    "threeDSecureRequiredProcessingError": "4000008400001280",
    "threeDSecureOptional": "4000000000003055",
    "radarBlock": "4100000000000019",
    "createDispute": "4000000000000259",
    "createDisputeInquiry": "4000000000001976",
}

CARD_BY_TOKEN: Final[Mapping[str, TestCard]] = {
    f"pm_card_{suffix}": CARD_BY_NUMBER[number] for suffix, number in _NUMBER_BY_SUFFIX.items()
}
"""Test tokens that stand for a payment method wherever its id is expected."""

WALLET_BY_TOKEN: Final[Mapping[str, str]] = {"tok_apple_pay": "apple_pay", "tok_google_pay": "google_pay"}
"""Stand-ins for what a wallet hands to Stripe.js. Assumption: the names are this double's own; Stripe has none."""

CARD_BY_CARD_TOKEN: Final[Mapping[str, TestCard]] = {
    **{f"tok_{suffix}": CARD_BY_NUMBER[number] for suffix, number in _NUMBER_BY_SUFFIX.items()},
    **dict.fromkeys(WALLET_BY_TOKEN, CARD_BY_NUMBER["4242424242424242"]),
}
"""Tokens for `card[token]`."""

NUMBER_BY_BEHAVIOUR: Final[Mapping[str, str]] = {
    "succeeds": "4242424242424242",
    "three_d_secure": "4000000000003220",
    "three_d_secure_then_declined": "4000008400001629",
    "three_d_secure_then_insufficient_funds": "4000008260003178",
    "generic_decline": "4000000000000002",
    "insufficient_funds": "4000000000009995",
    "lost_card": "4000000000009987",
    "stolen_card": "4000000000009979",
    "expired_card": "4000000000000069",
    "incorrect_cvc": "4000000000000127",
    "processing_error": "4000000000000119",
    "card_velocity_exceeded": "4000000000006975",
    "incorrect_number": "4242424242424241",
    "attaches_then_fails": "4000000000000341",
    "blocked": "4100000000000019",
}
"""The card to use for each behaviour that a scenario can ask for."""


def passes_luhn(number: str) -> bool:
    """Whether the last digit of a card number is the check digit of the others (ISO/IEC 7812-1)."""
    digits = [int(digit) for digit in reversed(number)]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0
