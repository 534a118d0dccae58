"""Every parameter that the official SDK knows is read, or refused by name; and none is read that it does not know."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from stripe._request_options import RequestOptions

from sim.stripe.routes import ROUTES

SINGULAR = {
    "customers": "customer",
    "payment_methods": "payment_method",
    "payment_intents": "payment_intent",
    "setup_intents": "setup_intent",
    "setup_attempts": "setup_attempt",
    "charges": "charge",
    "refunds": "refund",
    "events": "event",
    "webhook_endpoints": "webhook_endpoint",
}
NAMED_OTHERWISE = {
    "GET customers/*/payment_methods": "customer_payment_method_list",
    "GET customers/*/payment_methods/*": "customer_payment_method_retrieve",
    "GET payment_intents/*/amount_details_line_items": "payment_intent_amount_details_line_item_list",
    "GET charges/*/refunds": "charge_list_refunds",
    "GET charges/*/refunds/*": "charge_retrieve_refund",
}
OLDER_THAN_THE_SDK = {"payment_method_types"}
"""The name that `allowed_payment_method_types` had before 2026-09-30."""
FOR_BROWSERS = {"client_secret"}
"""The SDK is for backends."""
EVERYWHERE = {"expand"}
"""Stripe takes it in every request; the SDK leaves it out where an answer has nothing to expand."""

CORE = sorted(operation for operation in ROUTES if operation.split(" ")[1].partition("/")[0] in SINGULAR)


def stem(operation: str) -> str:
    """What the SDK calls the parameters of an operation: "payment_intent_confirm"."""
    if operation in NAMED_OTHERWISE:
        return NAMED_OTHERWISE[operation]
    method, path = operation.split(" ")
    resource, *rest = path.split("/")
    if not rest:
        verb = {"POST": "create", "GET": "list"}[method]
    elif len(rest) == 1:
        verb = {"POST": "modify", "GET": "retrieve", "DELETE": "delete"}[method]
    else:
        verb = rest[1]
    return f"{SINGULAR[resource]}_{verb}"


def known_to_the_sdk(operation: str) -> dict[str, Any]:
    name = stem(operation)
    module = import_module(f"stripe.params._{name}_params")
    parameters = getattr(module, "".join(word.title() for word in name.split("_")) + "Params")
    return {field: kind for field, kind in parameters.__annotations__.items() if field not in OPTIONS}


OPTIONS = RequestOptions.__annotations__.keys()


def test_the_core_is_complete() -> None:
    assert len(CORE) == 51


@pytest.mark.parametrize("operation", CORE)
def test_parameters_are_those_of_the_sdk(operation: str) -> None:
    apart = OLDER_THAN_THE_SDK | FOR_BROWSERS | EVERYWHERE
    assert set(ROUTES[operation].form.names) - apart == set(known_to_the_sdk(operation)) - apart
