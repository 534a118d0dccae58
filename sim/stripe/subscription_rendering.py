"""How a subscription is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sim.stripe.subscription import Subscription

_CONSTANT: Final[Mapping[str, Any]] = {
    "object": "subscription",
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
    "billing_schedules": [],
    "billing_thresholds": None,
    "customer_account": None,
    "default_source": None,
    "default_tax_rates": [],
    "discounts": [],
    "invoice_settings": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": {"type": "self"},
    },
    "livemode": False,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pending_invoice_item_interval": None,
    "schedule": None,
    "transfer_data": None,
}


def rendered(subscription: Subscription) -> dict[str, Any]:
    """The complete object as Stripe answers it."""
    clock, method = subscription.account.test_clock, subscription.default_payment_method
    invoice, setup = subscription.latest_invoice, subscription.pending_setup_intent
    update = subscription.pending_update
    return {
        "id": subscription.id,
        **_CONSTANT,
        **_end(subscription),
        **_trial(subscription),
        "billing_cycle_anchor": subscription.anchor,
        "collection_method": subscription.collection_method,
        "created": subscription.created,
        "currency": subscription.currency,
        "customer": subscription.customer.id,
        "days_until_due": subscription.days_until_due,
        "default_payment_method": method.id if method else None,
        "description": subscription.description,
        "items": {
            "object": "list",
            "data": [item.render() for item in subscription.items],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={subscription.id}",
        },
        "latest_invoice": invoice.id if invoice else None,
        "metadata": subscription.metadata,
        "pause_collection": subscription.pause_collection,
        "payment_settings": _payment_settings(subscription.payment_settings),
        "pending_setup_intent": setup.id if setup else None,
        "pending_update": update.render(subscription) if update else None,
        "start_date": subscription.start_date,
        "status": subscription.status,
        "status_details": _status_details(subscription),
        "test_clock": clock.id if clock else None,
    }


def _end(subscription: Subscription) -> dict[str, Any]:
    at_period_end = subscription.cancel_at_period_end
    return {
        "cancel_at": subscription.period[1] if at_period_end else subscription.cancel_at,
        "cancel_at_period_end": at_period_end,
        "canceled_at": subscription.canceled_at,
        "cancellation_details": subscription.cancellation_details,
        "ended_at": subscription.ended_at,
    }


def _trial(subscription: Subscription) -> dict[str, Any]:
    return {
        "trial_end": subscription.trial_end,
        "trial_settings": {
            "end_behavior": {
                "billing_cycle_anchor": "now",
                "missing_payment_method": subscription.missing_payment_method,
            }
        },
        "trial_start": subscription.trial_start,
    }


def _payment_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "payment_method_options": settings.get("payment_method_options"),
        "payment_method_types": settings.get("payment_method_types") or None,
        "save_default_payment_method": settings.get("save_default_payment_method", "off"),
    }


def _status_details(subscription: Subscription) -> dict[str, Any] | None:
    if subscription.paused_at is None:
        return None
    cause = {"type": subscription.paused_because}
    return {
        "paused": {"subscription": cause, "transitioned_at": subscription.paused_at, "type": "subscription"},
    }
