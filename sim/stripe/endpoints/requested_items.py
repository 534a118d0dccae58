"""What requests say of items: which prices, how many of each, and what is paid once beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.catalogue import make_price
from sim.stripe.context import Context
from sim.stripe.customer import Customer
from sim.stripe.errors import invalid_request, missing_parameter
from sim.stripe.invoice_item import Sale
from sim.stripe.price import Price
from sim.stripe.product import Product
from sim.stripe.subscription import Subscription
from sim.stripe.subscription_item import SubscriptionItem

MOST_ITEMS: Final = 20
"""Source: the descriptions of `items` and of `add_invoice_items` in the official SDK."""
LARGEST_QUANTITY: Final = 999_999
"""Assumption: Stripe's documents name no bound; this keeps what is due within what can be charged."""


def new_items(
    context: Context, subscription: Subscription, prices: Sequence[Price], values: Sequence[Mapping[str, Any]]
) -> list[SubscriptionItem]:
    """The first items of a subscription."""
    return [_new_item(context, subscription, price, item) for price, item in zip(prices, values, strict=True)]


def first_prices(context: Context, customer: Customer, values: Sequence[Mapping[str, Any]]) -> list[Price]:
    """The prices that a new subscription of that customer names. Raises StripeError where they do not go together."""
    _check_number(values, "items")
    prices = [_price(context, item, f"items[{number}]") for number, item in enumerate(values)]
    _check_prices(customer, prices)
    return prices


def revised_items(
    context: Context, subscription: Subscription, changes: Sequence[Mapping[str, Any]]
) -> Sequence[SubscriptionItem]:
    """The items of a subscription after changes: by id changed or deleted, without an id added."""
    items = {item.id: item for item in subscription.items}
    for number, change in enumerate(changes):
        name = f"items[{number}]"
        if "id" not in change:
            added = _new_item(context, subscription, _price(context, change, name), change)
            items[added.id] = added
            continue
        old = items.get(change["id"])
        if old is None:
            raise invalid_request(
                f"No such subscription item: '{change['id']}'", param=f"{name}[id]", code="resource_missing"
            )
        if change.get("deleted"):
            del items[old.id]
        else:
            items[old.id] = _revised(context, old, change, name)
    if not items:
        raise invalid_request(
            "A subscription must have at least one active plan. Cancel the subscription to end it.", param="items"
        )
    revised = list(items.values())
    _check_prices(subscription.customer, [item.price for item in revised])
    return revised


def _revised(context: Context, old: SubscriptionItem, change: Mapping[str, Any], name: str) -> SubscriptionItem:
    names_price = any(key in change for key in ("price", "plan", "price_data"))
    price = _price(context, change, name) if names_price else old.price
    metadata = parameters.merged(old.metadata, change["metadata"]) if "metadata" in change else old.metadata
    quantity = change.get("quantity", old.quantity)
    _check_quantity(quantity, name)
    return old.revised(price, quantity, metadata)


def _new_item(
    context: Context, subscription: Subscription, price: Price, values: Mapping[str, Any]
) -> SubscriptionItem:
    quantity = values.get("quantity", 1)
    _check_quantity(quantity, "items")
    item = SubscriptionItem(subscription.account.next_id("si"), context.now_s, subscription, price, quantity)
    item.metadata = parameters.merged({}, values.get("metadata", {}))
    return item


def _check_quantity(quantity: int, name: str) -> None:
    if not 0 <= quantity <= LARGEST_QUANTITY:
        raise invalid_request(
            f"Invalid quantity: {quantity} must be between 0 and {LARGEST_QUANTITY}.",
            param=f"{name}[quantity]",
            code="parameter_invalid_integer",
        )


def _price(context: Context, values: Mapping[str, Any], name: str, *, recurring: bool = True) -> Price:
    """The price that an item names or describes."""
    given = values.get("price", values.get("plan"))
    if given is not None:
        price = context.ledger.given(Price, given, f"{name}[price]")
        if not price.active:
            raise invalid_request(
                f"The price specified is inactive. This field only accepts active prices. ({price.id})",
                param=f"{name}[price]",
            )
    elif "price_data" in values:
        price = priced(context, values["price_data"], f"{name}[price_data]")
    else:
        raise missing_parameter(f"{name}[price]")
    if recurring == (price.recurring is None):
        kind, wanted = ("one_time", "recurring") if recurring else ("recurring", "one_time")
        raise invalid_request(
            f"The price specified is set to `type={kind}` but this field only accepts prices with `type={wanted}`.",
            param=f"{name}[price]",
        )
    return price


def priced(context: Context, data: Mapping[str, Any], name: str) -> Price:
    """A price made in passing; Assumption: such a one is inactive, since Stripe lists none among the active."""
    for required in ("currency", "product"):
        if required not in data:
            raise missing_parameter(f"{name}[{required}]")
    account = context.account
    product = context.ledger.given(Product, data["product"], f"{name}[product]")
    price = make_price(context, product, data, active=False)
    price.emit(context, "created")
    context.account = account
    return price


def _check_number(items: Sequence[object], param: str) -> None:
    if len(items) > MOST_ITEMS:
        raise invalid_request(f"`{param}` can have at most {MOST_ITEMS} items, got {len(items)}.", param=param)


def _check_prices(customer: Customer, prices: Sequence[Price]) -> None:
    _check_number(prices, "items")
    first = prices[0]
    ids = [price.id for price in prices]
    if len(set(ids)) < len(ids):
        raise invalid_request("Cannot add multiple subscription items with the same plan.", param="items")
    for price in prices:
        if price.currency != first.currency:
            raise invalid_request(
                f"All prices on a subscription must have the same currency: {first.id} is in {first.currency}, "
                f"{price.id} in {price.currency}.",
                param="items",
            )
        mine, yours = first.recurring, price.recurring
        if (mine and (mine.interval, mine.interval_count)) != (yours and (yours.interval, yours.interval_count)):
            # Assumption: Stripe's "flexible" billing mode allows some of these; the double does not model them.
            raise invalid_request(
                "All prices on a subscription must have the same `recurring.interval` and "
                "`recurring.interval_count`. If you meant to update an existing subscription item instead of creating "
                "a new one, make sure to include the subscription item ID in your request.",
                param="items",
            )
    if customer.currency not in (None, first.currency):
        raise invalid_request(
            "You cannot combine currencies on a single customer. This customer has an active subscription, invoice "
            f"item or invoice in {customer.currency}.",
            param="currency",
        )


def extras(context: Context, subscription: Subscription, values: Mapping[str, Any]) -> list[Sale]:
    """What is paid once beside the subscription."""
    sales = []
    _check_number(values.get("add_invoice_items", ()), "add_invoice_items")
    for number, item in enumerate(values.get("add_invoice_items", ())):
        price = _price(context, item, f"add_invoice_items[{number}]", recurring=False)
        quantity = item.get("quantity", 1)
        sale = Sale(
            price.amount(quantity), price.currency, price.product.name, (context.now_s, context.now_s), quantity
        )
        sale.price = price
        sale.subscription = subscription
        sale.metadata = parameters.merged({}, item.get("metadata", {}))
        sales.append(sale)
    return sales
