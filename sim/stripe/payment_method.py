"""Payment methods: cards, wallets, Link and PayPal, and whether each can be charged or saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sim.stripe import parameters
from sim.stripe.address import NO_ADDRESS, OPTIONAL_ADDRESS
from sim.stripe.errors import StripeError, card_refused, invalid_request, missing_parameter
from sim.stripe.test_cards import (
    CARD_BY_CARD_TOKEN,
    CARD_BY_NUMBER,
    CARD_BY_TOKEN,
    EXPIRED_CARD,
    WALLET_BY_TOKEN,
    Decline,
    TestCard,
    passes_luhn,
)
from sim.time import EPOCH

if TYPE_CHECKING:
    from sim.stripe.account import Account
    from sim.stripe.context import Context
    from sim.stripe.customer import Customer

TYPES: Final = ("card", "link", "paypal")

PAYPAL_CURRENCIES: Final = frozenset(
    ("eur", "gbp", "usd", "chf", "czk", "dkk", "nok", "pln", "sek", "aud", "cad", "hkd", "nzd", "sgd")
)
"""Source: Stripe's page "PayPal payments"."""

_PROVIDER_MESSAGE: Final = "The payment was declined by PayPal. The customer should try another payment method."
# Assumption: the decline code; Stripe's page names only the error code.
PROVIDER_DECLINE: Final = Decline("payment_method_provider_decline", "generic_decline", _PROVIDER_MESSAGE, None, None)
_ACCOUNT_RESTRICTED: Final = Decline(
    "payment_method_unexpected_state", None, "The PayPal account of the payee is restricted.", None, None
)
_PAYPAL_REFUSALS: Final[Mapping[str, Decline]] = {
    "transaction_refused@": PROVIDER_DECLINE,
    "instrument_declined@": PROVIDER_DECLINE,
    "payee_account_restricted@": _ACCOUNT_RESTRICTED,
}

_INCORRECT_NUMBER: Final = Decline("incorrect_number", None, "Your card number is incorrect.", None, None)
_INVALID_MONTH: Final = Decline("invalid_expiry_month", None, "Your card's expiration month is invalid.", None, None)
_INVALID_YEAR: Final = Decline("invalid_expiry_year", None, "Your card's expiration year is invalid.", None, None)
_INVALID_CVC: Final = Decline("invalid_cvc", None, "Your card's security code is invalid.", None, None)

TOKEN_EXPIRY: Final = (12, 2034)
"""Month and year of cards made from a test token. Assumption: far enough for any run."""

_NO_BILLING_DETAILS: Final[Mapping[str, Any]] = {
    "address": NO_ADDRESS,
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


class PaymentMethod:
    """One way to pay.

    `used`: it paid without ever being attached, so it is spent. `set_up`: the customer authenticated it for use without
    them. `authorized`: PayPal holds a billing agreement for it.
    """

    __slots__ = (
        "id",
        "account",
        "created",
        "type",
        "card",
        "exp_month",
        "exp_year",
        "expires_s",
        "wallet",
        "cvc_given",
        "email",
        "billing_details",
        "metadata",
        "allow_redisplay",
        "customer",
        "detached",
        "used",
        "set_up",
        "authorized",
        "_rendered",
    )
    spoken_name: ClassVar = "PaymentMethod"

    def __init__(self, method_id: str, account: Account, created: int, kind: str) -> None:
        self.id = method_id
        self.account = account
        self.created = created
        self.type = kind
        self.card: TestCard | None = None
        self.exp_month, self.exp_year = TOKEN_EXPIRY
        self.expires_s = _TOKEN_EXPIRES_S
        self.wallet: str | None = None
        self.cvc_given = False
        self.email: str | None = None
        self.billing_details: Mapping[str, Any] = _NO_BILLING_DETAILS
        self.metadata: dict[str, str] = {}
        self.allow_redisplay = "unspecified"
        self.customer: Customer | None = None
        self.detached = False
        self.used = False
        self.set_up = False
        self.authorized = False
        self._rendered: dict[str, Any] | None = None

    @property
    def spent(self) -> bool:
        """Whether it may never be used again."""
        return self.detached or (self.used and self.customer is None)

    def charge_refusal(self, now_s: int) -> Decline | None:
        """Why a charge on it is refused now; None if it goes through."""
        card = self.card
        if card is not None:
            return EXPIRED_CARD if self.expires_s <= now_s else card.decline
        return None if self.email is None else _paypal_refusal(self.type, self.email)

    def save_refusal(self, now_s: int) -> Decline | None:
        """Why it cannot be saved for a customer; None if it can."""
        card = self.card
        if card is None or not card.attachable or self.expires_s <= now_s:
            return self.charge_refusal(now_s)
        return None

    def attach(self, context: Context, customer: Customer, *, checked: bool = False) -> None:
        """Save it for `customer`. With `checked`, raises StripeError where a bare attachment is not possible."""
        if self.customer is customer:
            return
        if checked:
            self._check_attachable(context)
        self.customer = customer
        self.account = customer.account
        customer.account.objects.setdefault(self.id, self)
        customer.payment_methods.append(self)
        self.changed()
        context.note(self.account, "payment_method", self.id, customer.id, "attached", None, {"type": self.type})
        context.emit(self.account, "payment_method.attached", self.id, self.snapshot())

    def detach(self, context: Context) -> None:
        """Take it from its customer, for good."""
        customer = self.customer
        if customer is None:
            raise invalid_request(
                "The payment method you provided is not attached to a customer so detachment is impossible.",
                param="payment_method",
                kept=True,
            )
        customer.payment_methods.remove(self)
        if customer.default_payment_method is self:
            customer.default_payment_method = None
        self.customer = None
        self.detached = True
        self.changed()
        context.note(self.account, "payment_method", self.id, customer.id, "detached", None, {"type": self.type})
        context.emit(self.account, "payment_method.detached", self.id, self.render(), {"customer": customer.id})

    def expire(self, month: int, year: int) -> None:
        """Print another expiry on the card."""
        self.exp_month, self.exp_year, self.expires_s = month, year, expires_s(month, year)

    def changed(self) -> None:
        self._rendered = None

    def render(self) -> dict[str, Any]:
        if self._rendered is None:
            self._rendered = self.snapshot()()
        return self._rendered

    def present(self, context: Context) -> dict[str, Any]:
        """As the caller may see it: a browser learns nothing by which the customer could be followed."""
        return published(self.render()) if context.publishable else self.render()

    def snapshot(self) -> Callable[[], dict[str, Any]]:
        """What renders it as it is now: most events about payment methods are never looked at."""
        return partial(
            self._render,
            self.customer,
            self.exp_month,
            self.exp_year,
            self.billing_details,
            self.metadata,
            self.allow_redisplay,
        )

    def _render(
        self,
        customer: Customer | None,
        exp_month: int,
        exp_year: int,
        billing_details: Mapping[str, Any],
        metadata: Mapping[str, str],
        allow_redisplay: str,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "id": self.id,
            "object": "payment_method",
            "allow_redisplay": allow_redisplay,
            "billing_details": billing_details,
            "created": self.created,
            "customer": customer.id if customer else None,
            "customer_account": None,
            "livemode": False,
            "metadata": metadata,
            "type": self.type,
        }
        if self.card is not None:
            body["card"] = self.render_card(self.card, exp_month, exp_year)
        elif self.type == "paypal":
            body["paypal"] = {"country": None, "payer_email": self.email, "payer_id": _payer_id(self.email)}
        else:
            body["link"] = {"email": self.email, "persistent_token": None}
        return body

    def render_card(self, card: TestCard, exp_month: int, exp_year: int) -> dict[str, Any]:
        """The card as it was when that expiry was printed on it; nothing else about a card changes."""
        return {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "unchecked" if self.cvc_given else None,
            },
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": exp_month,
            "exp_year": exp_year,
            "fingerprint": card.fingerprint,
            "funding": card.funding,
            "generated_from": None,
            "last4": card.number[-4:],
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None if self.wallet is None else {"type": self.wallet, self.wallet: {}, "dynamic_last4": None},
        }

    def _check_attachable(self, context: Context) -> None:
        if self.customer is not None:
            raise invalid_request(
                "The payment method you provided has already been attached to a customer.",
                param="payment_method",
                code="payment_method_unexpected_state",
                kept=True,
            )
        if self.spent:
            raise spent_refusal()
        if self.type == "paypal" and not self.authorized:
            # Assumption: refused. Stripe's pages save PayPal through intents only, where the payer agrees.
            raise invalid_request(
                "A PayPal payment method is saved by confirming a SetupIntent, or a PaymentIntent with "
                "setup_future_usage, because the payer has to agree; an imported agreement by a SetupIntent with "
                "payment_method_options[paypal][billing_agreement_id].",
                param="payment_method",
                code="payment_method_unexpected_state",
            )
        refusal = self.save_refusal(context.now_s)
        if refusal is not None:
            raise card_refused(refusal)


def published(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a browser may see of a rendered payment method. Source: answers to requests with a publishable key."""
    shown = {**body, "customer": None}
    del shown["metadata"]
    if "card" in shown:
        shown["card"] = {name: value for name, value in shown["card"].items() if name != "fingerprint"}
    return shown


def spent_refusal() -> StripeError:
    """What answers the use of a payment method that was detached, or that paid without having been attached."""
    return invalid_request(
        "This PaymentMethod was previously used without being attached to a Customer or was detached from a "
        "Customer, and may not be used again.",
        param="payment_method",
        code="payment_method_unexpected_state",
    )


def chosen(context: Context, account: Account, method_id: str, param: str = "payment_method") -> PaymentMethod:
    """The payment method that a parameter names; a test token makes a new one. Raises StripeError if there is none."""
    card = CARD_BY_TOKEN.get(method_id)
    if card is None:
        return context.ledger.given(PaymentMethod, method_id, param)
    method = PaymentMethod(account.next_id("pm"), account, context.now_s, "card")
    method.card = card
    account.objects[method.id] = method
    return method


def attached(context: Context, customer: Customer, method_id: str, param: str) -> PaymentMethod:
    """The customer's payment method that a parameter names. Raises StripeError if it is another's, or nobody's."""
    method = context.ledger.given(PaymentMethod, method_id, param)
    if method.customer is not customer:
        raise invalid_request(
            f"The customer does not have a payment method with the ID {method_id}. The payment method must be "
            "attached to the customer.",
            param=param,
            code="resource_missing",
        )
    return method


NETWORKS: Final = parameters.nested({"preferred": parameters.clearable(parameters.text)})
_CARD: Final[parameters.Specification] = {
    "number": parameters.text,
    "exp_month": parameters.integer,
    "exp_year": parameters.integer,
    "cvc": parameters.text,
    "token": parameters.text,
    "networks": NETWORKS,
}
BILLING_DETAILS: Final = parameters.clearable(
    parameters.nested(
        {
            "address": OPTIONAL_ADDRESS,
            "email": parameters.clearable(parameters.text),
            "name": parameters.clearable(parameters.text),
            "phone": parameters.clearable(parameters.text),
            "tax_id": parameters.clearable(parameters.text),
        }
    )
)
DATA: Final[parameters.Specification] = {
    "type": parameters.choice(*TYPES),
    "card": parameters.nested(_CARD),
    "link": parameters.nested({}),
    "paypal": parameters.nested({}),
    "billing_details": BILLING_DETAILS,
    "metadata": parameters.metadata,
    "allow_redisplay": parameters.choice("always", "limited", "unspecified"),
    "radar_options": parameters.nested({"session": parameters.text}),
}
"""What makes a payment method, in its own request or as `payment_method_data` of an intent."""


def make(context: Context, account: Account, values: Mapping[str, Any]) -> PaymentMethod:
    """A new payment method from what `DATA` has read. Raises StripeError for a card that cannot exist."""
    if "type" not in values:
        raise missing_parameter("type")
    kind = values["type"]
    if kind == "card":
        # Validated before an id is taken, so that a refused card leaves no gap.
        card, month, year, wallet = _card(values.get("card", None), context.now_s)
    method = PaymentMethod(account.next_id("pm"), account, context.now_s, kind)
    if kind == "card":
        method.card, method.wallet = card, wallet
        method.expire(month, year)
        method.cvc_given = "cvc" in values["card"]
    if values.get("billing_details"):
        method.billing_details = completed(values["billing_details"])
    if kind != "card":
        method.email = method.billing_details["email"]
    if "metadata" in values:
        method.metadata = parameters.merged({}, values["metadata"])
    if "allow_redisplay" in values:
        method.allow_redisplay = values["allow_redisplay"]
    account.objects[method.id] = method
    return method


def completed(details: Mapping[str, Any]) -> dict[str, Any]:
    """Billing details with every field that Stripe answers."""
    body = {**_NO_BILLING_DETAILS, **{name: value or None for name, value in details.items()}}
    body["address"] = body["address"] or NO_ADDRESS
    return body


def _card(values: Mapping[str, Any] | None, now_s: int) -> tuple[TestCard, int, int, str | None]:
    if values is None:
        raise missing_parameter("card")
    if "token" in values:
        card_token = values["token"]
        card = CARD_BY_CARD_TOKEN.get(card_token)
        if card is None:
            raise invalid_request(f"No such token: '{card_token}'", param="card[token]", code="resource_missing")
        return card, *TOKEN_EXPIRY, WALLET_BY_TOKEN.get(card_token)
    for name in ("number", "exp_month", "exp_year"):
        if name not in values:
            raise missing_parameter(f"card[{name}]")
    month, year = _expiry(values["exp_month"], values["exp_year"], now_s)
    if "cvc" in values:
        _check_cvc(values["cvc"])
    number = values["number"]
    return CARD_BY_NUMBER.get(number) or _card_of(number.replace(" ", "")), month, year, None


def _card_of(number: str) -> TestCard:
    card = CARD_BY_NUMBER.get(number)
    if card is not None:
        return card
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19 and passes_luhn(number)):
        raise card_refused(_INCORRECT_NUMBER, "number")
    raise card_refused(
        Decline(
            "card_declined",
            "test_mode_live_card",
            "Your card was declined. Your request was in test mode, but used a non test card. "
            "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
            None,
            None,
        ),
    )


def _expiry(month: int, year: int, now_s: int) -> tuple[int, int]:
    if year < 100:
        year += 2000
    if not 1 <= month <= 12:
        raise card_refused(_INVALID_MONTH, "exp_month")
    # Assumption: more than fifty years ahead is refused as a typing error.
    if not _OLDEST_YEAR <= year <= _LATEST_YEAR:
        raise card_refused(_INVALID_YEAR, "exp_year")
    if expires_s(month, year) <= now_s:
        if expires_s(12, year) <= now_s:
            raise card_refused(_INVALID_YEAR, "exp_year")
        raise card_refused(_INVALID_MONTH, "exp_month")
    return month, year


def _check_cvc(cvc: str) -> None:
    if not (cvc.isascii() and cvc.isdigit() and len(cvc) in (3, 4)):
        raise card_refused(_INVALID_CVC, "cvc")


@lru_cache(maxsize=1024)
def expires_s(month: int, year: int) -> int:
    """The Unix second from which a card is expired: the first of the month after the one printed on it, in UTC."""
    return int(datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp())


_TOKEN_EXPIRES_S: Final = expires_s(*TOKEN_EXPIRY)
_OLDEST_YEAR: Final = EPOCH.year - 50
_LATEST_YEAR: Final = EPOCH.year + 50


def _paypal_refusal(kind: str, email: str) -> Decline | None:
    if kind == "paypal":
        for part, decline in _PAYPAL_REFUSALS.items():
            if part in email:
                return decline
    return None


def _payer_id(email: str | None) -> str | None:
    return None if email is None else blake2b(email.encode(), digest_size=7).hexdigest()[:13].upper()
