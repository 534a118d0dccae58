"""Requests about subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sim.stripe import parameters, pending_update
from sim.stripe.context import Context
from sim.stripe.customer import Customer, living
from sim.stripe.endpoints.requested_items import extras, first_prices, new_items, revised_items
from sim.stripe.errors import StripeError, invalid_request, missing_parameter, no_such
from sim.stripe.listing import lies_within, page
from sim.stripe.payment_method import attached
from sim.stripe.proration import given_back
from sim.stripe.subscription import ENDED, Subscription
from sim.stripe.subscription_change import change_items
from sim.stripe.subscription_start import begin
from sim.stripe.test_clock import all_on

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
    customer = living(context, values["customer"])
    prices = first_prices(context, customer, values["items"])
    subscription = Subscription(context, customer, prices[0].currency)
    subscription.metadata = parameters.merged({}, values.get("metadata", {}))
    subscription.items = new_items(context, subscription, prices, values["items"])
    _apply(context, subscription, values)
    begin(context, subscription, values, extras(context, subscription, values))
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
        subscription.keep_for_later(context, extras(context, subscription, values))
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
        subscription.default_payment_method = (
            attached(context, subscription.customer, given, "default_payment_method") if given else None
        )
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
