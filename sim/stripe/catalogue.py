"""The catalogue: how products and prices are made, by requests about them and in passing by others."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.account import CATALOGUE
from sim.stripe.billing_period import INTERVALS, MOST_IN_THREE_YEARS
from sim.stripe.context import Context
from sim.stripe.currency import currency
from sim.stripe.errors import invalid_request, missing_parameter
from sim.stripe.price import Price, Recurring
from sim.stripe.product import Product

TAX_BEHAVIOR: Final = parameters.choice("exclusive", "inclusive", "unspecified")
INTERVAL: Final[parameters.Specification] = {
    "interval": parameters.choice(*INTERVALS),
    "interval_count": parameters.integer,
}
_AMOUNT: Final[parameters.Specification] = {
    "currency": currency,
    "tax_behavior": TAX_BEHAVIOR,
    "unit_amount": parameters.integer,
    "unit_amount_decimal": parameters.decimal,
}
RECURRING_DATA: Final[parameters.Specification] = {
    **_AMOUNT,
    "product": parameters.text,
    "recurring": parameters.nested(INTERVAL),
}
"""`price_data` where a subscription's item names no price."""
ONE_TIME_DATA: Final[parameters.Specification] = {**_AMOUNT, "product": parameters.text}
"""`price_data` where something that is paid once names no price."""
_CUSTOM: Final = parameters.nested(
    {
        "enabled": parameters.boolean,
        "maximum": parameters.integer,
        "minimum": parameters.integer,
        "preset": parameters.integer,
    }
)
OF_PRODUCT: Final[parameters.Specification] = {
    **_AMOUNT,
    "currency_options": parameters.unmodelled,
    "custom_unit_amount": _CUSTOM,
    "metadata": parameters.metadata,
    "recurring": parameters.nested(INTERVAL),
}
"""`default_price_data` of a product."""
_PLAIN: Final = ("nickname", "tax_behavior")


def make_product(context: Context, values: Mapping[str, Any]) -> Product:
    """A product from the parameters. Raises StripeError where one of that id is there already."""
    if "name" not in values:
        raise missing_parameter("name")
    account = context.account = context.ledger.account(CATALOGUE)
    product_id = values.get("id") or account.next_id("prod")
    if context.ledger.find(product_id) is not None:
        raise invalid_request(f"Product already exists: '{product_id}'", param="id", code="resource_already_exists")
    product = Product(product_id, context.now_s, values.get("type", "service"))
    product.set({**values, "metadata": parameters.merged({}, values.get("metadata", {}))})
    account.objects[product.id] = product
    if "id" in values:
        context.ledger.named[product.id] = product
    return product


def make_price(context: Context, product: Product, values: Mapping[str, Any], *, active: bool = True) -> Price:
    """A price from the parameters. Raises StripeError where they do not say how much it costs."""
    recurring = _recurring(values.get("recurring"))
    amount = _unit_amount(values)
    if "lookup_key" in values:
        free_lookup_key(context, values)
    account = context.account = context.ledger.account(CATALOGUE)
    price = Price(account.next_id("price"), context.now_s, product, values["currency"])
    price.unit_amount = amount
    price.recurring = recurring
    price.tiers = _tiers(values)
    price.tiers_mode = values.get("tiers_mode")
    price.transform_quantity = values.get("transform_quantity")
    if values.get("custom_unit_amount", {}).get("enabled"):
        custom = values["custom_unit_amount"]
        price.custom_unit_amount = {name: custom.get(name) for name in ("maximum", "minimum", "preset")}
    price.metadata = parameters.merged({}, values.get("metadata", {}))
    price.lookup_key = values.get("lookup_key") or None
    price.active = values.get("active", active)
    for name in _PLAIN:
        if name in values:
            setattr(price, name, values[name] or None)
    account.objects[price.id] = price
    return price


def free_lookup_key(context: Context, values: Mapping[str, Any], own: Price | None = None) -> None:
    """A lookup key names one active price: another has to give it up, if that was asked for."""
    key = values["lookup_key"]
    for price in context.ledger.account(CATALOGUE).of(Price):
        if key and price is not own and price.lookup_key == key:
            if not values.get("transfer_lookup_key"):
                raise invalid_request(
                    f"A price (`{price.id}`) already uses that lookup key.", param="lookup_key", kept=True
                )
            before = price.lookup_key
            price.lookup_key = None
            price.emit(context, "updated", {"lookup_key": before})


def _recurring(values: Mapping[str, Any] | None) -> Recurring | None:
    if values is None:
        return None
    if "interval" not in values:
        raise missing_parameter("recurring[interval]")
    interval, count = values["interval"], values.get("interval_count", 1)
    if not 1 <= count <= MOST_IN_THREE_YEARS[interval]:
        raise invalid_request(
            f"Invalid interval_count: {count} for the interval {interval}; it must be between 1 and "
            f"{MOST_IN_THREE_YEARS[interval]} (three years).",
            param="recurring[interval_count]",
        )
    usage_type = values.get("usage_type", "licensed")
    if usage_type == "metered" and "meter" not in values:
        # Source: Stripe's changelog, 2025-03-31.basil, "Removes legacy usage-based billing".
        raise missing_parameter("recurring[meter]")
    return Recurring(interval, count, usage_type, values.get("meter"), values.get("trial_period_days"))


def _unit_amount(values: Mapping[str, Any]) -> Decimal | None:
    if values.get("billing_scheme") == "tiered":
        for name in ("tiers", "tiers_mode"):
            if name not in values:
                raise missing_parameter(name)
        return None
    if "tiers" in values:
        raise invalid_request("`tiers` can only be set with `billing_scheme` `tiered`.", param="tiers")
    if "custom_unit_amount" in values:
        return None
    if "unit_amount" in values and "unit_amount_decimal" in values:
        raise invalid_request(
            "You may only specify one of these parameters: unit_amount, unit_amount_decimal.", param="unit_amount"
        )
    amount = values.get("unit_amount", values.get("unit_amount_decimal"))
    if amount is None:
        raise missing_parameter("unit_amount")
    if amount < 0:
        raise invalid_request("Invalid non-negative integer", param="unit_amount", code="parameter_invalid_integer")
    return Decimal(amount)


def _tiers(values: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    if values.get("billing_scheme") != "tiered":
        return None
    tiers, below = [], 0
    for number, tier in enumerate(values["tiers"]):
        if "up_to" not in tier:
            raise missing_parameter(f"tiers[{number}][up_to]")
        top = None if tier["up_to"] == "inf" else tier["up_to"]
        last = number == len(values["tiers"]) - 1
        if (top is None) != last or (top is not None and top <= below):
            raise invalid_request(
                "The tiers must have ascending values of `up_to`, the last of them `inf`.",
                param=f"tiers[{number}][up_to]",
            )
        below = top or below
        flat = tier.get("flat_amount", tier.get("flat_amount_decimal"))
        unit = tier.get("unit_amount", tier.get("unit_amount_decimal"))
        tiers.append(
            {
                "flat_amount": tier.get("flat_amount"),
                "flat_amount_decimal": None if flat is None else str(flat),
                "unit_amount": tier.get("unit_amount"),
                "unit_amount_decimal": None if unit is None else str(unit),
                "up_to": top,
            }
        )
    return tiers
