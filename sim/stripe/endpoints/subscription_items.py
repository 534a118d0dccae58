"""Requests about single items of subscriptions: other words for an update of the subscription."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.endpoints.requested_items import revised_items
from sim.stripe.endpoints.subscription_parameters import NEW_ITEM, PAYMENT_BEHAVIOR, PRORATION
from sim.stripe.endpoints.subscriptions import check_state
from sim.stripe.errors import missing_parameter
from sim.stripe.listing import PAGING, page
from sim.stripe.subscription import Subscription
from sim.stripe.subscription_change import change_items
from sim.stripe.subscription_item import SubscriptionItem

UPDATE: Final[parameters.Specification] = {
    **NEW_ITEM,
    **PRORATION,
    "off_session": parameters.boolean,
    "payment_behavior": PAYMENT_BEHAVIOR,
    "expand": parameters.listed(parameters.text),
}
CREATE: Final[parameters.Specification] = {
    **{name: reader for name, reader in UPDATE.items() if name != "off_session"},
    "subscription": parameters.text,
}
DELETE: Final[parameters.Specification] = {
    **PRORATION,
    "clear_usage": parameters.boolean,
    "payment_behavior": PAYMENT_BEHAVIOR,
}
LIST: Final[parameters.Specification] = {**PAGING, "subscription": parameters.text}


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "subscription" not in values:
        raise missing_parameter("subscription")
    subscription = context.ledger.given(Subscription, values["subscription"], "subscription")
    known = {item.id for item in subscription.items}
    _change(context, subscription, {name: values[name] for name in NEW_ITEM if name in values}, values)
    return next((item.render() for item in subscription.items if item.id not in known), subscription.items[-1].render())


def retrieve(context: Context, values: Mapping[str, Any], item_id: str) -> dict[str, Any]:
    return context.ledger.get(SubscriptionItem, item_id).render()


def update(context: Context, values: Mapping[str, Any], item_id: str) -> dict[str, Any]:
    subscription = context.ledger.get(SubscriptionItem, item_id).subscription
    _change(context, subscription, {"id": item_id, **{key: values[key] for key in NEW_ITEM if key in values}}, values)
    return context.ledger.get(SubscriptionItem, item_id).render()


def delete(context: Context, values: Mapping[str, Any], item_id: str) -> dict[str, Any]:
    subscription = context.ledger.get(SubscriptionItem, item_id).subscription
    _change(context, subscription, {"id": item_id, "deleted": True}, values)
    return {"id": item_id, "object": "subscription_item", "deleted": True}


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "subscription" not in values:
        raise missing_parameter("subscription")
    subscription = context.ledger.given(Subscription, values["subscription"], "subscription")
    return page(list(subscription.items), values, "/v1/subscription_items")


def _change(context: Context, subscription: Subscription, change: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    context.account = subscription.account
    check_state(subscription, {"items": change})
    change_items(context, subscription, revised_items(context, subscription, [change]), values)
