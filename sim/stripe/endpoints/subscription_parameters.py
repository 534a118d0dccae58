"""What requests about subscriptions may say."""

from __future__ import annotations

from typing import Final

from sim.stripe import parameters
from sim.stripe.catalogue import ONE_TIME_DATA, RECURRING_DATA
from sim.stripe.currency import currency
from sim.stripe.listing import CREATED, PAGING
from sim.stripe.payment_method import TYPES
from sim.stripe.subscription import MISSING_METHOD

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
