"""Requests about subscriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from sim.stripe import parameters, pending_update
from sim.stripe.catalogue import ONE_TIME_DATA, RECURRING_DATA, make_price
from sim.stripe.context import Context
from sim.stripe.currency import currency
from sim.stripe.customer import Customer, living
from sim.stripe.errors import StripeError, invalid_request, missing_parameter, no_such
from sim.stripe.invoice_item import Sale
from sim.stripe.listing import CREATED, PAGING, page
from sim.stripe.payment_method import TYPES, PaymentMethod
from sim.stripe.price import Price
from sim.stripe.product import Product
from sim.stripe.proration import given_back
from sim.stripe.subscription import ENDED, MISSING_METHOD, Subscription
from sim.stripe.subscription_change import change_items
from sim.stripe.subscription_item import SubscriptionItem
from sim.stripe.subscription_start import begin
from sim.stripe.test_clock import all_on

MOST_ITEMS: Final = 20
"""Source: the descriptions of `items` and of `add_invoice_items` in the official SDK."""
FEEDBACK: Final = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)
_DETAILS: Final = parameters.nested(
    {
        "comment": parameters.clearable(parameters.text),
        "feedback": parameters.clearable(parameters.choice(*FEEDBACK)),
        "feedback_option": parameters.unmodelled,
    }
)
PRORATION: Final[parameters.Specification] = {
    "proration_behavior": parameters.choice("always_invoice", "create_prorations", "none"),
    "proration_date": parameters.integer,
}
PAYMENT_BEHAVIOR: Final = parameters.choice(
    "allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"
)
PAYMENT_SETTINGS: Final[parameters.Specification] = {
    "payment_method_options": parameters.hash_of_anything,
    "payment_method_types": parameters.clearable(parameters.listed(parameters.choice(*TYPES))),
}
NEW_ITEM: Final[parameters.Specification] = {
    "billing_thresholds": parameters.unmodelled,
    "current_trial": parameters.unmodelled,
    "discounts": parameters.unmodelled,
    "metadata": parameters.metadata,
    "plan": parameters.text,
    "price": parameters.text,
    "price_data": parameters.nested(RECURRING_DATA),
    "quantity": parameters.integer,
    "tax_rates": parameters.unmodelled,
}
_ANCHOR: Final = parameters.nested({"type": parameters.choice("now", "unchanged")})
_SHARED: Final[parameters.Specification] = {
    "add_invoice_items": parameters.listed(
        parameters.nested(
            {
                "discounts": parameters.unmodelled,
                "metadata": parameters.metadata,
                "period": parameters.unmodelled,
                "price": parameters.text,
                "price_data": parameters.nested(ONE_TIME_DATA),
                "quantity": parameters.integer,
                "tax_rates": parameters.unmodelled,
            }
        )
    ),
    "application_fee_percent": parameters.unmodelled,
    "automatic_tax": parameters.nested({"enabled": parameters.off, "liability": parameters.unmodelled}),
    "billing_schedules": parameters.unmodelled,
    "billing_thresholds": parameters.unmodelled,
    "cancel_at": parameters.clearable(parameters.integer),
    "cancel_at_period_end": parameters.boolean,
    "collection_method": parameters.choice("charge_automatically", "send_invoice"),
    "days_until_due": parameters.integer,
    "default_payment_method": parameters.clearable(parameters.text),
    "default_source": parameters.unmodelled,
    "default_tax_rates": parameters.unmodelled,
    "description": parameters.clearable(parameters.text),
    "discounts": parameters.unmodelled,
    "invoice_settings": parameters.unmodelled,
    "metadata": parameters.metadata,
    "off_session": parameters.boolean,
    "on_behalf_of": parameters.unmodelled,
    "payment_behavior": PAYMENT_BEHAVIOR,
    "payment_settings": parameters.nested(
        {**PAYMENT_SETTINGS, "save_default_payment_method": parameters.choice("off", "on_subscription")}
    ),
    "pending_invoice_item_interval": parameters.unmodelled,
    "proration_behavior": PRORATION["proration_behavior"],
    "transfer_data": parameters.unmodelled,
    "trial_end": parameters.integer_or("now"),
    "trial_from_plan": parameters.boolean,
    "trial_settings": parameters.nested(
        {
            "end_behavior": parameters.nested(
                {
                    "billing_cycle_anchor": parameters.choice("now"),
                    "missing_payment_method": parameters.choice(*MISSING_METHOD),
                }
            )
        }
    ),
    "expand": parameters.listed(parameters.text),
}
CREATE: Final[parameters.Specification] = {
    **_SHARED,
    "backdate_start_date": parameters.unmodelled,
    "billing_cycle_anchor": parameters.integer,
    "billing_cycle_anchor_config": parameters.unmodelled,
    "billing_mode": parameters.nested(
        {"flexible": parameters.hash_of_anything, "type": parameters.choice("classic", "flexible")}
    ),
    "currency": currency,
    "customer": parameters.text,
    "customer_account": parameters.unmodelled,
    "items": parameters.listed(parameters.nested(NEW_ITEM)),
    "trial_period_days": parameters.integer,
}
UPDATE: Final[parameters.Specification] = {
    **_SHARED,
    "billing_cycle_anchor": _ANCHOR,
    "cancellation_details": _DETAILS,
    "items": parameters.listed(
        parameters.nested(
            {**NEW_ITEM, "id": parameters.text, "deleted": parameters.boolean, "clear_usage": parameters.boolean}
        )
    ),
    "pause_collection": parameters.clearable(
        parameters.nested(
            {
                "behavior": parameters.choice("keep_as_draft", "mark_uncollectible", "void"),
                "resumes_at": parameters.integer,
            }
        )
    ),
    "proration_date": PRORATION["proration_date"],
}
CANCEL: Final[parameters.Specification] = {
    "cancellation_details": _DETAILS,
    "invoice_now": parameters.boolean,
    "prorate": parameters.boolean,
    "expand": parameters.listed(parameters.text),
}
_BILL_FOR: Final = parameters.nested(
    {
        "outstanding_usage_through": parameters.nested({"type": parameters.choice("none", "now")}),
        "unused_time_from": parameters.nested({"type": parameters.choice("item_current_period_start", "none", "now")}),
    }
)
PAUSE: Final[parameters.Specification] = {
    "bill_for": _BILL_FOR,
    "invoicing_behavior": parameters.choice("invoice", "pending_invoice_item"),
    "type": parameters.choice("subscription"),
    "expand": parameters.listed(parameters.text),
}
RESUME: Final[parameters.Specification] = {
    **PRORATION,
    "billing_cycle_anchor": _ANCHOR,
    "payment_behavior": parameters.choice("resume_on_payment_attempt", "resume_on_payment_success"),
    "expand": parameters.listed(parameters.text),
}
LIST: Final[parameters.Specification] = {
    **PAGING,
    "automatic_tax": parameters.nested({"enabled": parameters.boolean}),
    "collection_method": _SHARED["collection_method"],
    **CREATED,
    "current_period_end": parameters.moments,
    "current_period_start": parameters.moments,
    "customer": parameters.text,
    "customer_account": parameters.unmodelled,
    "plan": parameters.text,
    "price": parameters.text,
    "status": parameters.choice(
        "active",
        "all",
        "canceled",
        "ended",
        "incomplete",
        "incomplete_expired",
        "past_due",
        "paused",
        "trialing",
        "unpaid",
    ),
    "test_clock": parameters.text,
}
_ABOUT_ITEMS: Final = ("items", "billing_cycle_anchor", "trial_end")


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    for name in ("customer", "items"):
        if not values.get(name):
            raise missing_parameter(name)
    if values.get("payment_behavior") == "pending_if_incomplete":
        raise invalid_request(
            "`pending_if_incomplete` is for updates only; use `default_incomplete` to create a subscription whose "
            "first payment is collected afterwards.",
            param="payment_behavior",
        )
    _check_number(values["items"], "items")
    customer = living(context, values["customer"])
    prices = [_price(context, item, f"items[{number}]") for number, item in enumerate(values["items"])]
    _check_prices(customer, prices)
    subscription = Subscription(context, customer, prices[0].currency)
    subscription.metadata = parameters.merged({}, values.get("metadata", {}))
    subscription.items = [
        _new_item(context, subscription, price, item) for price, item in zip(prices, values["items"], strict=True)
    ]
    _apply(context, subscription, values)
    begin(context, subscription, values, _extras(context, subscription, values))
    subscription.have_items(subscription.items)
    return subscription.render()


def retrieve(context: Context, values: Mapping[str, Any], subscription_id: str) -> dict[str, Any]:
    return context.ledger.get(Subscription, subscription_id).render()


def update(context: Context, values: Mapping[str, Any], subscription_id: str) -> dict[str, Any]:
    subscription = _found(context, subscription_id)
    check_state(subscription, values)
    if values.get("payment_behavior") == "pending_if_incomplete":
        _check_pending(context, values)
    items = revised_items(context, subscription, values.get("items", ()))
    if "add_invoice_items" in values:
        subscription.keep_for_later(context, _extras(context, subscription, values))
    before = subscription.pending_update
    if before is not None and before.contradicts(values):
        subscription.expire_update(context)
    if any(name in values for name in _ABOUT_ITEMS):
        change_items(context, subscription, items, values)
        if subscription.pending_update not in (None, before):
            return subscription.render()
    with subscription.updating(context):
        _apply(context, subscription, values)
        if "metadata" in values:
            subscription.merge_metadata(values["metadata"])
        if "cancellation_details" in values:
            _explain(subscription, values["cancellation_details"])
    return subscription.render()


def cancel(context: Context, values: Mapping[str, Any], subscription_id: str) -> dict[str, Any]:
    subscription = _found(context, subscription_id)
    if subscription.ended:
        raise no_such(Subscription.spoken_name, subscription_id, "id")
    if "cancellation_details" in values:
        _explain(subscription, values["cancellation_details"])
    subscription.cancel(context, invoice_now=values.get("invoice_now", False), prorate=values.get("prorate", False))
    return subscription.render()


def pause(context: Context, values: Mapping[str, Any], subscription_id: str) -> dict[str, Any]:
    subscription = _found(context, subscription_id)
    if subscription.status not in ("active", "trialing", "past_due"):
        raise _wrong_state(subscription, "paused", "active, trialing, past_due")
    unused = values.get("bill_for", {}).get("unused_time_from", {}).get("type", "now")
    if unused != "none" and subscription.status != "trialing":
        from_s = context.now_s if unused == "now" else subscription.period[0]
        subscription.keep_for_later(context, given_back(subscription.items, subscription.period, from_s))
    subscription.pause(context, "pause_requested")
    if values.get("invoicing_behavior") == "invoice" and subscription.waiting_items():
        invoice = subscription.invoice(context, "subscription_update", (), subscription.waiting_items())
        invoice.finalizes_at = context.now_s
        invoice.open(context)
        invoice.finalize(context)
        if subscription.automatic:
            invoice.charge(context, off_session=True)
    return subscription.render()


def resume(context: Context, values: Mapping[str, Any], subscription_id: str) -> dict[str, Any]:
    """Without an invoice it is active at once. Source: the description of the operation in the official SDK."""
    subscription = _found(context, subscription_id)
    if subscription.status != "paused":
        raise _wrong_state(subscription, "resumed", "paused")
    if not subscription.automatic:
        raise invalid_request("Only subscriptions with `collection_method` `charge_automatically` can be resumed.")
    resets = values.get("billing_cycle_anchor", {}).get("type", "now") == "now"
    under_way = not resets and subscription.period[0] <= context.now_s < subscription.period[1]
    if under_way:
        subscription.become_active(context)
        return subscription.render()
    anchor = context.now_s if resets else subscription.anchor
    period = (context.now_s, subscription.cycle_end(subscription.items, anchor, context.now_s))
    sales = [item.sale(period) for item in subscription.items]
    invoice = subscription.invoice(context, "subscription_update", sales, subscription.waiting_items())
    with subscription.updating(context):
        subscription.anchor, subscription.period = anchor, period
        subscription.latest_invoice = subscription.resuming = invoice
    invoice.finalizes_at = context.now_s
    invoice.open(context)
    invoice.finalize(context)
    if invoice.status == "open" and values.get("payment_behavior") != "resume_on_payment_success":
        invoice.charge(context, off_session=True)
        # The attempt alone resumes it, whatever comes of it.
        if subscription.resuming is invoice:
            subscription.become_active(context)
            subscription.invoice_unpaid(context, invoice)
    return subscription.render()


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "test_clock" in values:
        found = all_on(context, values["test_clock"], Subscription)
    else:
        found = context.ledger.of(Subscription, values.get("customer"))
    if "customer" in values:
        context.ledger.given(Customer, values["customer"], "customer")
    return page(found, values, "/v1/subscriptions", where=partial(_is_listed, values))


def _is_listed(values: Mapping[str, Any], subscription: Subscription) -> bool:
    price = values.get("price", values.get("plan"))
    return (
        values.get("customer") in (None, subscription.customer.id)
        and (price is None or any(item.price.id == price for item in subscription.items))
        and values.get("collection_method") in (None, subscription.collection_method)
        and _has_status(values.get("status"), subscription)
        and lies_within(subscription.period[0], values.get("current_period_start"))
        and lies_within(subscription.period[1], values.get("current_period_end"))
    )


def _has_status(wanted: str | None, subscription: Subscription) -> bool:
    if wanted is None:
        return subscription.status != "canceled"
    if wanted == "ended":
        return subscription.ended
    return wanted in ("all", subscription.status)


def lies_within(moment_s: int | None, bounds: tuple[int, int] | None) -> bool:
    """Whether a moment passes a filter; what has none passes no filter but the missing one."""
    return bounds is None or (moment_s is not None and bounds[0] <= moment_s <= bounds[1])


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
    if not 0 <= quantity <= 999_999:
        raise invalid_request(
            f"Invalid quantity: {quantity} must be between 0 and 999999.",
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


def _extras(context: Context, subscription: Subscription, values: Mapping[str, Any]) -> list[Sale]:
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


def _apply(context: Context, subscription: Subscription, values: Mapping[str, Any]) -> None:
    """Take what needs no bill."""
    subscription.collection_method = values.get("collection_method", subscription.collection_method)
    subscription.days_until_due = values.get("days_until_due", subscription.days_until_due)
    if (subscription.days_until_due is None) == (not subscription.automatic):
        raise invalid_request(
            "`days_until_due` goes with `collection_method` `send_invoice`, and only with that.",
            param="days_until_due",
        )
    if "default_payment_method" in values:
        given = values["default_payment_method"]
        subscription.default_payment_method = _method(context, subscription.customer, given) if given else None
    if "description" in values:
        subscription.description = values["description"] or None
    if "payment_settings" in values:
        subscription.payment_settings = {**subscription.payment_settings, **values["payment_settings"]}
    behavior = values.get("trial_settings", {}).get("end_behavior", {})
    subscription.missing_payment_method = behavior.get("missing_payment_method", subscription.missing_payment_method)
    if "pause_collection" in values:
        paused = values["pause_collection"]
        if paused and "behavior" not in paused:
            raise missing_parameter("pause_collection[behavior]")
        subscription.pause_collection = {"resumes_at": None, **paused} if paused else None
    _apply_cancellation(context, subscription, values)


def _apply_cancellation(context: Context, subscription: Subscription, values: Mapping[str, Any]) -> None:
    if "cancel_at" not in values and "cancel_at_period_end" not in values:
        return
    if values.get("cancel_at") and values.get("cancel_at_period_end"):
        raise invalid_request(
            "You may only specify one of these parameters: cancel_at, cancel_at_period_end.", param="cancel_at"
        )
    at_s = values.get("cancel_at", subscription.cancel_at) or None
    if "cancel_at" in values and at_s is not None and at_s <= context.now_s:
        raise invalid_request(f"`cancel_at` must be in the future, got {at_s}.", param="cancel_at")
    if "cancel_at_period_end" in values:
        subscription.schedule_cancellation(context, at_period_end=values["cancel_at_period_end"])
    else:
        subscription.schedule_cancellation(context, at_s=at_s, at_period_end=subscription.cancel_at_period_end)


def _check_pending(context: Context, values: Mapping[str, Any]) -> None:
    name = pending_update.refused(values, context.version)
    if name is not None:
        raise invalid_request(
            f"Passing `{name}` together with `payment_behavior` `pending_if_incomplete` is not supported.", param=name
        )


def _method(context: Context, customer: Customer, method_id: str) -> PaymentMethod:
    method = context.ledger.given(PaymentMethod, method_id, "default_payment_method")
    if method.customer is not customer:
        raise invalid_request(
            f"The customer does not have a payment method with the ID {method_id}. The payment method must be "
            "attached to the customer.",
            param="default_payment_method",
            code="resource_missing",
        )
    return method


def _explain(subscription: Subscription, details: Mapping[str, Any]) -> None:
    given = {name: value or None for name, value in details.items()}
    subscription.cancellation_details = {**subscription.cancellation_details, **given}


def _found(context: Context, subscription_id: str) -> Subscription:
    subscription = context.ledger.get(Subscription, subscription_id)
    context.account = subscription.account
    return subscription


def check_state(subscription: Subscription, values: Mapping[str, Any]) -> None:
    """Raises StripeError where the status does not allow to change what `values` name."""
    if subscription.status in ENDED and not values.keys() <= {"metadata", "cancellation_details", "expand"}:
        raise invalid_request(
            "A canceled subscription can only update its cancellation_details and metadata.",
            code="invalid_canceled_subscription_fields",
            kept=True,
        )
    # Source: the description of `Subscription.status` in the official SDK. Assumption: the default payment method, too,
    # which has the place that `default_source` had.
    allowed = {"metadata", "default_source", "default_payment_method", "expand"}
    if subscription.status == "incomplete" and not values.keys() <= allowed:
        raise invalid_request(
            "You cannot update a subscription in `incomplete` status in a way that results in proration or billing: "
            "only its metadata and default payment method can be updated.",
            kept=True,
        )


def _wrong_state(subscription: Subscription, verb: str, wanted: str) -> StripeError:
    return invalid_request(
        f"This subscription cannot be {verb} because it has a status of {subscription.status}; it must be one of: "
        f"{wanted}.",
        kept=True,
    )
