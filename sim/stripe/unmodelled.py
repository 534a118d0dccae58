"""What Stripe knows and this double does not model: refused by name, never ignored.

Source of the names: the official SDK's parameter types; a test compares them. What is neither read nor listed here
Stripe does not know either, and it is refused as an unknown parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sim.stripe.parameters import Specification, unmodelled

_OTHER_TYPES: Final = (
    "acss_debit",
    "affirm",
    "afterpay_clearpay",
    "alipay",
    "alma",
    "amazon_pay",
    "au_becs_debit",
    "bacs_debit",
    "bancontact",
    "billie",
    "bizum",
    "blik",
    "boleto",
    "cashapp",
    "crypto",
    "customer_balance",
    "eps",
    "fpx",
    "giropay",
    "grabpay",
    "ideal",
    "interac_present",
    "kakao_pay",
    "klarna",
    "konbini",
    "kr_card",
    "mb_way",
    "mobilepay",
    "multibanco",
    "naver_pay",
    "nz_bank_account",
    "oxxo",
    "p24",
    "pay_by_bank",
    "payco",
    "paynow",
    "paypay",
    "payto",
    "pix",
    "promptpay",
    "revolut_pay",
    "samsung_pay",
    "satispay",
    "scalapay",
    "sepa_debit",
    "sequra",
    "sofort",
    "sunbit",
    "swish",
    "twint",
    "upi",
    "us_bank_account",
    "wechat_pay",
    "zip",
)
_NEW_PAYMENT_METHOD: Final = (*_OTHER_TYPES, "custom", "payment_method")
_CUSTOMER: Final = ("cash_balance", "source", "tax", "validate")
_PAYMENT_INTENT: Final = (
    "amount_details",
    "application_fee_amount",
    "customer_account",
    "excluded_payment_method_types",
    "hooks",
    "payment_details",
    "payment_method_configuration",
    "transfer_data",
)
_SETUP_INTENT: Final = (
    "attach_to_self",
    "customer_account",
    "excluded_payment_method_types",
    "flow_directions",
    "payment_method_configuration",
)

_NAMES: Final[Mapping[str, Iterable[str]]] = {
    "POST customers": (*_CUSTOMER, "tax_id_data"),
    "POST customers/*": (*_CUSTOMER, "default_source"),
    "POST payment_methods": (*_NEW_PAYMENT_METHOD, "customer"),
    "POST payment_methods/*": ("us_bank_account",),
    "GET payment_methods": ("customer_account",),
    "POST payment_methods/*/attach": ("customer_account",),
    "POST payment_intents": (*_PAYMENT_INTENT, "confirmation_token", "mandate", "on_behalf_of", "radar_options"),
    "GET payment_intents": ("customer_account",),
    "POST payment_intents/*": _PAYMENT_INTENT,
    "POST payment_intents/*/confirm": (
        "amount_details",
        "amount_to_confirm",
        "confirmation_token",
        "excluded_payment_method_types",
        "hooks",
        "mandate",
        "payment_details",
        "radar_options",
    ),
    "POST payment_intents/*/capture": (
        "amount_details",
        "application_fee_amount",
        "hooks",
        "payment_details",
        "transfer_data",
    ),
    "POST setup_intents": (*_SETUP_INTENT, "confirmation_token", "on_behalf_of", "single_use"),
    "GET setup_intents": ("attach_to_self", "customer_account"),
    "POST setup_intents/*": _SETUP_INTENT,
    "POST setup_intents/*/confirm": ("confirmation_token",),
    "POST refunds": (
        "currency",
        "customer",
        "instructions_email",
        "origin",
        "refund_application_fee",
        "reverse_transfer",
    ),
    "POST webhook_endpoints": ("connect",),
}
_REFUSED: Final[Mapping[str, Specification]] = {
    operation: dict.fromkeys(names, unmodelled) for operation, names in _NAMES.items()
}
_NOTHING: Final[Specification] = {}


def refused_in(operation: str) -> Specification:
    """The parameters of an operation, such as "POST customers", that are not modelled."""
    return _REFUSED.get(operation, _NOTHING)


OTHER_TYPES: Final[Specification] = dict.fromkeys(_OTHER_TYPES, unmodelled)
"""The types of payment method that Stripe has and this merchant has not switched on."""
