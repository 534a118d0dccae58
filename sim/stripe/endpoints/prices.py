"""Requests about prices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.account import CATALOGUE
from sim.stripe.billing_period import INTERVALS
from sim.stripe.catalogue import INTERVAL, OF_PRODUCT, TAX_BEHAVIOR, free_lookup_key, make_price, make_product
from sim.stripe.context import Context
from sim.stripe.currency import currency
from sim.stripe.errors import invalid_request, missing_parameter
from sim.stripe.listing import CREATED, PAGING, page
from sim.stripe.price import Price
from sim.stripe.product import Product

UPDATE: Final[parameters.Specification] = {
    "active": parameters.boolean,
    "currency_options": parameters.unmodelled,
    "lookup_key": parameters.clearable(parameters.text),
    "metadata": parameters.metadata,
    "nickname": parameters.clearable(parameters.text),
    "tax_behavior": TAX_BEHAVIOR,
    "transfer_lookup_key": parameters.boolean,
    "expand": parameters.listed(parameters.text),
}
CREATE: Final[parameters.Specification] = {
    **UPDATE,
    **OF_PRODUCT,
    "billing_scheme": parameters.choice("per_unit", "tiered"),
    "product": parameters.text,
    "product_data": parameters.nested(
        {
            "active": parameters.boolean,
            "id": parameters.text,
            "metadata": parameters.metadata,
            "name": parameters.text,
            "statement_descriptor": parameters.text,
            "tax_code": parameters.text,
            "tax_details": parameters.hash_of_anything,
            "unit_label": parameters.text,
        }
    ),
    "recurring": parameters.nested(
        {
            **INTERVAL,
            "meter": parameters.text,
            "trial_period_days": parameters.integer,
            "usage_type": parameters.choice("licensed", "metered"),
        }
    ),
    "tiers": parameters.listed(
        parameters.nested(
            {
                "flat_amount": parameters.integer,
                "flat_amount_decimal": parameters.decimal,
                "unit_amount": parameters.integer,
                "unit_amount_decimal": parameters.decimal,
                "up_to": parameters.integer_or("inf"),
            }
        )
    ),
    "tiers_mode": parameters.choice("graduated", "volume"),
    "transform_quantity": parameters.nested(
        {"divide_by": parameters.integer, "round": parameters.choice("down", "up")}
    ),
}
LIST: Final[parameters.Specification] = {
    **PAGING,
    "active": parameters.boolean,
    **CREATED,
    "currency": currency,
    "lookup_keys": parameters.listed(parameters.text),
    "product": parameters.text,
    "recurring": parameters.nested(
        {
            "interval": parameters.choice(*INTERVALS),
            "meter": parameters.text,
            "usage_type": parameters.choice("licensed", "metered"),
        }
    ),
    "type": parameters.choice("one_time", "recurring"),
}
_PLAIN: Final = ("nickname", "tax_behavior", "active")


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "currency" not in values:
        raise missing_parameter("currency")
    if ("product" in values) == ("product_data" in values):
        raise missing_parameter("product")
    made = None
    if "product" in values:
        product = context.ledger.given(Product, values["product"], "product")
    else:
        product = made = make_product(context, values["product_data"])
    price = make_price(context, product, values)
    if made is not None:
        made.emit(context, "created")
    price.emit(context, "created")
    return price.render()


def retrieve(context: Context, values: Mapping[str, Any], price_id: str) -> dict[str, Any]:
    return context.ledger.get(Price, price_id).render()


def update(context: Context, values: Mapping[str, Any], price_id: str) -> dict[str, Any]:
    price = context.ledger.get(Price, price_id)
    context.account = context.ledger.account(CATALOGUE)
    before = price.render()
    if values.get("tax_behavior", price.tax_behavior) != price.tax_behavior and price.tax_behavior != "unspecified":
        raise invalid_request("You cannot change `tax_behavior` of a Price once it was set.", param="tax_behavior")
    if "lookup_key" in values:
        free_lookup_key(context, values, price)
        price.lookup_key = values["lookup_key"] or None
    if "metadata" in values:
        price.metadata = parameters.merged(price.metadata, values["metadata"])
    for name in _PLAIN:
        if name in values:
            setattr(price, name, values[name] if name == "active" else values[name] or None)
    body = price.render()
    changed = {name: value for name, value in before.items() if body[name] != value}
    if changed:
        price.emit(context, "updated", changed)
    return body


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    prices = context.ledger.account(CATALOGUE).of(Price)
    return page(prices, values, "/v1/prices", where=partial(_is_listed, values))


def _is_listed(values: Mapping[str, Any], price: Price) -> bool:
    recurring = price.recurring
    rhythm = values.get("recurring", {})
    return (
        all(values.get(name) in (None, getattr(price, name)) for name in ("active", "currency"))
        and values.get("product") in (None, price.product.id)
        and ("lookup_keys" not in values or price.lookup_key in values["lookup_keys"])
        and values.get("type") in (None, "recurring" if recurring else "one_time")
        and all(recurring is not None and getattr(recurring, name) == wanted for name, wanted in rhythm.items())
    )
