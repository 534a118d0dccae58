"""Requests about PaymentIntents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.account import Account
from sim.stripe.address import OPTIONAL_SHIPPING
from sim.stripe.confirmation import CONFIRM, MANDATE, METHOD, attempt, prepare, take_method, take_types
from sim.stripe.context import Context
from sim.stripe.currency import check_amount, currency
from sim.stripe.customer import Customer, living
from sim.stripe.errors import StripeError, invalid_request, missing_parameter
from sim.stripe.intent import CONFIRMABLE, Intent, check_client_secret
from sim.stripe.listing import CREATED, PAGING, page
from sim.stripe.payment_intent import PaymentIntent
from sim.stripe.payment_method import PaymentMethod
from sim.stripe.unmodelled import OTHER_TYPES

OFF_SESSION: Final = parameters.yes_or_word("one_off", "recurring")
_FUTURE_USAGE: Final = parameters.clearable(parameters.choice("off_session", "on_session"))
_CAPTURE: Final = parameters.choice("automatic", "automatic_async", "manual")

AUTOMATIC: Final = parameters.nested(
    {"enabled": parameters.boolean, "allow_redirects": parameters.choice("always", "never")}
)
_METHOD_OPTIONS: Final = {
    "capture_method": parameters.unmodelled,
    "setup_future_usage": parameters.unmodelled,
}
_FEATURE: Final = parameters.choice("if_available", "never")
_CREDENTIAL_USAGE: Final = parameters.choice("installment", "recurring", "unscheduled")
OPTIONS: Final = parameters.nested(
    {
        **OTHER_TYPES,
        "card": parameters.nested(
            {
                **_METHOD_OPTIONS,
                "cvc_token": parameters.unmodelled,
                "installments": parameters.unmodelled,
                "mandate_options": parameters.unmodelled,
                "moto": parameters.unmodelled,
                "network": parameters.text,
                "request_extended_authorization": _FEATURE,
                "request_incremental_authorization": _FEATURE,
                "request_multicapture": _FEATURE,
                "request_overcapture": _FEATURE,
                "request_three_d_secure": parameters.choice("any", "automatic", "challenge"),
                "require_cvc_recollection": parameters.boolean,
                "setup_credential_usage": _CREDENTIAL_USAGE,
                "statement_descriptor_suffix_kana": parameters.text,
                "statement_descriptor_suffix_kanji": parameters.text,
                "stored_credential_usage": _CREDENTIAL_USAGE,
                "three_d_secure": parameters.unmodelled,
            }
        ),
        "link": parameters.nested({**_METHOD_OPTIONS, "persistent_token": parameters.text}),
        "paypal": parameters.nested(
            {
                **_METHOD_OPTIONS,
                "preferred_locale": parameters.text,
                "reference": parameters.text,
                "risk_correlation_id": parameters.unmodelled,
            }
        ),
    }
)
UPDATE: Final[parameters.Specification] = {
    **METHOD,
    "payment_method_options": OPTIONS,
    "amount": parameters.integer,
    "currency": currency,
    "capture_method": _CAPTURE,
    "customer": parameters.text,
    "description": parameters.clearable(parameters.text),
    "metadata": parameters.metadata,
    "receipt_email": parameters.clearable(parameters.text),
    "setup_future_usage": _FUTURE_USAGE,
    "shipping": OPTIONAL_SHIPPING,
    "statement_descriptor": parameters.text,
    "statement_descriptor_suffix": parameters.text,
    "transfer_group": parameters.text,
}
CREATE: Final[parameters.Specification] = {
    **UPDATE,
    "automatic_payment_methods": AUTOMATIC,
    "confirm": parameters.boolean,
    "confirmation_method": parameters.choice("automatic", "manual"),
    "error_on_requires_action": parameters.boolean,
    "mandate_data": MANDATE,
    "off_session": OFF_SESSION,
    "return_url": parameters.url,
    "use_stripe_sdk": parameters.boolean,
}
CONFIRM_BY_BROWSER: Final[parameters.Specification] = {
    **CONFIRM,
    "payment_method_options": OPTIONS,
    "receipt_email": parameters.clearable(parameters.text),
    "setup_future_usage": _FUTURE_USAGE,
    "shipping": OPTIONAL_SHIPPING,
}
CONFIRM_BY_BACKEND: Final[parameters.Specification] = {
    **CONFIRM_BY_BROWSER,
    "capture_method": _CAPTURE,
    "error_on_requires_action": parameters.boolean,
    "off_session": OFF_SESSION,
}
RETRIEVE: Final[parameters.Specification] = {
    "client_secret": parameters.text,
    "expand": parameters.listed(parameters.text),
}
CANCEL: Final[parameters.Specification] = {
    "cancellation_reason": parameters.choice("duplicate", "fraudulent", "requested_by_customer", "abandoned"),
    "expand": parameters.listed(parameters.text),
}
CAPTURE: Final[parameters.Specification] = {
    "amount_to_capture": parameters.integer,
    "final_capture": parameters.boolean,
    "metadata": parameters.metadata,
    "statement_descriptor": parameters.text,
    "statement_descriptor_suffix": parameters.text,
    "expand": parameters.listed(parameters.text),
}
LIST: Final[parameters.Specification] = {**PAGING, **CREATED, "customer": parameters.text}
# Of operations that are refused whatever they are given.
INCREMENT: Final[parameters.Specification] = dict.fromkeys(
    (
        "amount",
        "amount_details",
        "application_fee_amount",
        "description",
        "expand",
        "hooks",
        "metadata",
        "payment_details",
        "statement_descriptor",
        "transfer_data",
    ),
    parameters.unread,
)
MICRODEPOSITS: Final[parameters.Specification] = {
    "client_secret": parameters.text,
    **dict.fromkeys(("amounts", "descriptor_code", "expand"), parameters.unread),
}
APPLY_BALANCE: Final[parameters.Specification] = dict.fromkeys(("amount", "currency", "expand"), parameters.unread)
_ONLY_WHEN_CONFIRMING: Final = (
    "off_session",
    "error_on_requires_action",
    "return_url",
    "use_stripe_sdk",
    "mandate_data",
)


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    confirming = values.get("confirm", False)
    _check_creation(values, confirming)
    customer, account = owner(context, values)
    intent = PaymentIntent(account.next_id("pi"), account, context, customer, values["amount"], values["currency"])
    intent.metadata = parameters.merged({}, values.get("metadata", {}))
    intent.return_url = values.get("return_url")
    intent.confirmation_method = values.get("confirmation_method", "automatic")
    take_types(intent, values)
    _apply(intent, values)
    take_method(context, intent, values)
    confirmation = {name: values[name] for name in _ONLY_WHEN_CONFIRMING if name in values} if confirming else {}
    if confirming:
        # Before anything is recorded: a malformed confirmation creates nothing, a refused payment leaves its intent.
        prepare(context, intent, confirmation)
    account.objects[intent.id] = intent
    account.intents.append(intent)
    intent.note_purpose(context)
    intent.emit(context, "created")
    return attempt(context, intent, confirmation) if confirming else intent.present(context)


def retrieve(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    return _found(context, values, intent_id).present(context)


def update(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    intent = _found(context, values, intent_id)
    if intent.status not in CONFIRMABLE and not values.keys() <= {"metadata", "description", "expand"}:
        raise intent.unexpected_state(
            context,
            f"This PaymentIntent could not be updated because it has a status of {intent.status}. You may only "
            f"update a PaymentIntent with one of the following statuses: {', '.join(CONFIRMABLE)}.",
        )
    intent.check_change(values)
    check_amount(values.get("amount", intent.amount), values.get("currency", intent.currency))
    if "customer" in values:
        _change_customer(context, intent, values["customer"])
    status_before, amount_before, metadata_before = intent.status, intent.amount, intent.metadata
    take_types(intent, values)
    take_method(context, intent, values)
    intent.amount = values.get("amount", intent.amount)
    intent.currency = values.get("currency", intent.currency)
    if "metadata" in values:
        intent.metadata = parameters.merged(intent.metadata, values["metadata"])
    _apply(intent, values)
    intent.changed()
    if intent.amount != amount_before or intent.metadata != metadata_before:
        intent.note_purpose(context)
    elif intent.status != status_before:
        intent.note(context)
    return intent.present(context)


def confirm(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    intent = _found(context, values, intent_id)
    prepare(context, intent, values)
    _apply(intent, values)
    return attempt(context, intent, values)


def cancel(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    intent = _found(context, values, intent_id)
    intent.cancel(context, values.get("cancellation_reason"))
    return intent.present(context)


def capture(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    intent = _found(context, values, intent_id)
    if intent.status != "requires_capture":
        raise intent.unexpected_state(
            context,
            f"This PaymentIntent could not be captured because it has a status of {intent.status}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
        )
    amount = values.get("amount_to_capture", intent.amount_capturable)
    if not 0 < amount <= intent.amount_capturable:
        raise invalid_request(
            f"The amount to capture ({amount}) must be between 1 and {intent.amount_capturable}.",
            param="amount_to_capture",
            code="amount_too_large" if amount > 0 else "parameter_invalid_integer",
        )
    if values.get("final_capture") is False:
        raise invalid_request(
            "This PaymentIntent cannot be captured several times: multicapture is not available for it.",
            param="final_capture",
        )
    if "metadata" in values:
        intent.metadata = parameters.merged(intent.metadata, values["metadata"])
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        setattr(intent, name, values.get(name, getattr(intent, name)))
    intent.changed()
    intent.capture(context, amount)
    return intent.present(context)


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "customer" in values:
        customer = context.ledger.given(Customer, values["customer"], "customer")
        intents = [intent for intent in customer.account.of(PaymentIntent) if intent.customer is customer]
    else:
        intents = context.ledger.of(PaymentIntent)
    return page(intents, values, "/v1/payment_intents", show=context.present)


def increment_authorization(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    """Never possible here: no test card of the double offers it."""
    intent = _found(context, values, intent_id)
    raise intent.unexpected_state(
        context,
        "This PaymentIntent is not eligible for incremental authorization: its payment method does not offer it"
        + (f" (its status is {intent.status})." if intent.status != "requires_capture" else "."),
    )


def verify_microdeposits(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    """Never possible here: it is for bank accounts."""
    raise no_microdeposits(context, _found(context, values, intent_id))


def apply_customer_balance(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    """Never possible here: it is for the payment method customer_balance."""
    intent = _found(context, values, intent_id)
    raise intent.unexpected_state(
        context,
        "You cannot apply a customer balance to this PaymentIntent: it is not paid with customer_balance, which this "
        "double of Stripe does not model.",
    )


def list_line_items(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    """None: `amount_details` is not modelled."""
    intent = _found(context, values, intent_id)
    return page([], values, f"/v1/payment_intents/{intent.id}/amount_details_line_items")


def no_microdeposits(context: Context, intent: Intent) -> StripeError:
    """What answers the wish to verify deposits that were never made."""
    return intent.unexpected_state(
        context,
        f"This {intent.type_name} is not waiting for microdeposits to be verified: those are for bank accounts, and "
        f"its status is {intent.status}.",
    )


def owner(context: Context, values: Mapping[str, Any]) -> tuple[Customer | None, Account]:
    """Whose intent it is: the customer's account, else the one that metadata names, else that of the payment method."""
    if "customer" in values:
        customer = living(context, values["customer"])
        return customer, customer.account
    metadata = values.get("metadata", {})
    if "account_id" not in metadata and values.get("payment_method"):
        method = context.ledger.find(values["payment_method"])
        if isinstance(method, PaymentMethod):
            context.account = method.account
            return None, method.account
    account = context.account = context.owner(metadata)
    return None, account


def _found(context: Context, values: Mapping[str, Any], intent_id: str) -> PaymentIntent:
    intent = context.ledger.get(PaymentIntent, intent_id, "intent")
    check_client_secret(context, intent, values.get("client_secret"))
    context.account = intent.account
    return intent


def _check_creation(values: Mapping[str, Any], confirming: bool) -> None:
    for name in ("amount", "currency"):
        if name not in values:
            raise missing_parameter(name)
    check_amount(values["amount"], values["currency"])
    if not confirming:
        for name in ("off_session", "error_on_requires_action", "return_url"):
            if name in values:
                raise invalid_request(
                    f"You cannot set `{name}` unless `confirm` is true: it belongs to the confirmation.", param=name
                )


def _change_customer(context: Context, intent: PaymentIntent, customer_id: str) -> None:
    customer = living(context, customer_id)
    if intent.customer is not None and intent.customer is not customer:
        raise invalid_request(
            "You cannot modify `customer` on a PaymentIntent once it already has been set. To fulfill a payment "
            "with a different customer, cancel this PaymentIntent and create a new one. (It has "
            f"{intent.customer.id}.)",
            param="customer",
        )
    intent.customer = customer


def _apply(intent: PaymentIntent, values: Mapping[str, Any]) -> None:
    for name in _PLAIN:
        if name in values:
            setattr(intent, name, values[name] or None)
            intent.changed()
    if "payment_method_options" in values:
        intent.options = values["payment_method_options"]
        intent.changed()
    if "capture_method" in values:
        intent.capture_method = values["capture_method"]
        intent.changed()


_PLAIN: Final = (
    "description",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
