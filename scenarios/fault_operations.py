"""The operations that a fault can be limited to, by the service that is called.

A fault that names an operation nobody calls would never strike, and its scenario would prove nothing: hence the list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CUSTOMER_OPERATIONS: Final = (
    "bulk_create",
    "create",
    "update",
    "append",
    "registrar_checkout",
    "list_subscriptions",
    "cancel",
    "profile_get",
    "profile_create",
    "profile_update",
    "payment_methods",
    "add_payment_method",
    "remove_payment_method",
    "setup_payment_method",
    "pre_auth",
    "entitlements",
    "create_zone",
    "get_zone",
    "patch_zone",
    "billing_history",
    "invoice",
    "invoice_pdf",
    "pay_bad_debt",
)
ADMIN_OPERATIONS: Final = (
    "admin_unban",
    "admin_lock",
    "admin_unlock",
    "admin_sync_entitlements",
    "admin_recompute",
    "admin_state",
)
ROLLBACK: Final = "rollback"
"""The legacy engine's own call to undo what it granted: a fault on it makes the rollback fail."""

STRIPE_OPERATIONS: Final = (
    "create_customer",
    "delete_customer",
    "create_payment_intent",
    "create_setup_intent",
    "cancel_payment_intent",
    "cancel_setup_intent",
    "list_payment_intents",
    "list_setup_intents",
    "retrieve_payment_intent",
    "retrieve_setup_intent",
    "confirm_payment_intent",
    "confirm_setup_intent",
    "create_refund",
    "create_payment_method",
    "retrieve_payment_method",
    "update_payment_method",
    "attach_payment_method",
    "detach_payment_method",
    "list_payment_methods",
    "confirm_payment",
    "confirm_setup",
    "retrieve_intent",
    "visit",
)
"""Those of the backend and, from `confirm_payment` on, of the customer's browser; `visit` is a hosted page."""

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "gateway": (*CUSTOMER_OPERATIONS, *ADMIN_OPERATIONS),
        "subscriptions-api": (*CUSTOMER_OPERATIONS, *ADMIN_OPERATIONS, ROLLBACK),
        "stripe": STRIPE_OPERATIONS,
    }
)
"""Operation names by service. Deliveries to billing-webhooks are named by the type of the event instead."""

APPLY_EVENT: Final = "apply_event"
"""The one try at applying an event that Act 1 has acknowledged: a call of billing-webhooks to itself."""

_EVENT_TYPE: Final = re.compile(
    r"(payment_intent|setup_intent|payment_method|charge|customer|invoice)(\.[a-z]+(_[a-z]+)*){1,2}"
)


def is_event_type(name: str) -> bool:
    """Whether a name looks like the type of one of Stripe's events, such as `payment_intent.succeeded`."""
    return _EVENT_TYPE.fullmatch(name) is not None
