"""Requests about SetupIntents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.confirmation import CONFIRM, MANDATE, METHOD, attempt, prepare, take_method, take_types
from sim.stripe.context import Context
from sim.stripe.customer import Customer, living
from sim.stripe.endpoints.payment_intents import AUTOMATIC, no_microdeposits, owner
from sim.stripe.errors import invalid_request
from sim.stripe.intent import CONFIRMABLE, check_client_secret
from sim.stripe.listing import CREATED, PAGING, page
from sim.stripe.setup_intent import SetupIntent
from sim.stripe.unmodelled import OTHER_TYPES

OPTIONS: Final = parameters.nested(
    {
        **OTHER_TYPES,
        "card": parameters.nested(
            {
                "mandate_options": parameters.unmodelled,
                "moto": parameters.unmodelled,
                "network": parameters.text,
                "request_three_d_secure": parameters.choice("any", "automatic", "challenge"),
                "setup_credential_usage": parameters.choice("installment", "recurring", "unscheduled"),
                "three_d_secure": parameters.unmodelled,
            }
        ),
        "link": parameters.nested({"persistent_token": parameters.text}),
        "paypal": parameters.nested({"billing_agreement_id": parameters.text}),
    }
)
UPDATE: Final[parameters.Specification] = {
    **METHOD,
    "payment_method_options": OPTIONS,
    "customer": parameters.text,
    "description": parameters.clearable(parameters.text),
    "metadata": parameters.metadata,
}
CREATE: Final[parameters.Specification] = {
    **UPDATE,
    "automatic_payment_methods": AUTOMATIC,
    "confirm": parameters.boolean,
    "mandate_data": MANDATE,
    "return_url": parameters.url,
    "usage": parameters.choice("off_session", "on_session"),
    "use_stripe_sdk": parameters.boolean,
}
CANCEL: Final[parameters.Specification] = {
    "cancellation_reason": parameters.choice("abandoned", "requested_by_customer", "duplicate"),
    "expand": parameters.listed(parameters.text),
}
LIST: Final[parameters.Specification] = {
    **PAGING,
    **CREATED,
    "customer": parameters.text,
    "payment_method": parameters.text,
}
CONFIRM_ONE: Final[parameters.Specification] = {**CONFIRM, "payment_method_options": OPTIONS}
_ONLY_WHEN_CONFIRMING: Final = ("return_url", "use_stripe_sdk", "mandate_data")


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    confirming = values.get("confirm", False)
    if "return_url" in values and not confirming:
        raise invalid_request(
            "You cannot set `return_url` unless `confirm` is true: it belongs to the confirmation.", param="return_url"
        )
    customer, account = owner(context, values)
    intent = SetupIntent(account.next_id("seti"), account, context, customer, values.get("usage", "off_session"))
    intent.metadata = parameters.merged({}, values.get("metadata", {}))
    take_types(intent, values)
    _apply(intent, values)
    take_method(context, intent, values)
    confirmation = {name: values[name] for name in _ONLY_WHEN_CONFIRMING if name in values} if confirming else {}
    if confirming:
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
            context, f"This SetupIntent could not be updated because it has a status of {intent.status}."
        )
    if "customer" in values:
        customer = living(context, values["customer"])
        if intent.customer is not None and intent.customer is not customer:
            raise invalid_request(
                "You cannot modify `customer` on a SetupIntent once it already has been set. (It has "
                f"{intent.customer.id}.)",
                param="customer",
            )
        intent.customer = customer
    status_before, metadata_before = intent.status, intent.metadata
    take_types(intent, values)
    take_method(context, intent, values)
    if "metadata" in values:
        intent.metadata = parameters.merged(intent.metadata, values["metadata"])
    _apply(intent, values)
    intent.changed()
    if intent.metadata != metadata_before:
        intent.note_purpose(context)
    elif intent.status != status_before:
        intent.note(context)
    return intent.present(context)


def confirm(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    intent = _found(context, values, intent_id)
    prepare(context, intent, values)
    return attempt(context, intent, values)


def cancel(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    intent = _found(context, values, intent_id)
    intent.cancel(context, values.get("cancellation_reason"))
    return intent.present(context)


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "customer" in values:
        customer = context.ledger.given(Customer, values["customer"], "customer")
        intents = [intent for intent in customer.account.of(SetupIntent) if intent.customer is customer]
    else:
        intents = context.ledger.of(SetupIntent)
    method_id = values.get("payment_method")

    def wanted(intent: SetupIntent) -> bool:
        method = intent.payment_method
        return method_id is None or (method is not None and method.id == method_id)

    return page(intents, values, "/v1/setup_intents", where=wanted, show=context.present)


def verify_microdeposits(context: Context, values: Mapping[str, Any], intent_id: str) -> dict[str, Any]:
    """Never possible here: it is for bank accounts."""
    raise no_microdeposits(context, _found(context, values, intent_id))


def _found(context: Context, values: Mapping[str, Any], intent_id: str) -> SetupIntent:
    intent = context.ledger.get(SetupIntent, intent_id, "intent")
    check_client_secret(context, intent, values.get("client_secret"))
    context.account = intent.account
    return intent


def _apply(intent: SetupIntent, values: Mapping[str, Any]) -> None:
    if "description" in values:
        intent.description = values["description"] or None
    if "payment_method_options" in values:
        intent.options = values["payment_method_options"]
