"""Which operation a method and a path mean. Paths are those after `/api/v4` or `/api/v3/accounts/{account_id}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FIXED_PATHS: Final[Mapping[str, Mapping[str, str]]] = {
    "/bulk/subscriptions": {"POST": "bulk_create"},
    "/subscriptions": {"POST": "create", "GET": "list_subscriptions"},
    "/billing/checkout": {"POST": "registrar_checkout"},
    "/billing/profile": {"GET": "profile_get", "POST": "profile_create", "PUT": "profile_update"},
    "/payment-methods": {"GET": "payment_methods", "POST": "add_payment_method"},
    "/billing/profile/payment-method": {"POST": "setup_payment_method"},
    "/billing/pre_auth/stripe_payment_intent": {"POST": "pre_auth"},
    "/entitlements": {"GET": "entitlements"},
    "/zones": {"POST": "create_zone"},
    "/billing/history": {"GET": "billing_history"},
    "/billing/pay-bad-debt": {"POST": "pay_bad_debt"},
}
"""Operations by method of the paths that name nothing of the account's."""

_BY_ID: Final[tuple[tuple[str, str, Mapping[str, str]], ...]] = (
    ("/subscriptions/", "", {"PUT": "update", "DELETE": "cancel"}),
    ("/subscriptions/", "/action/append", {"POST": "append"}),
    ("/zones/", "", {"GET": "get_zone", "PATCH": "patch_zone"}),
    ("/payment-methods/", "", {"DELETE": "remove_payment_method"}),
    ("/billing/invoices/", "", {"GET": "invoice"}),
    ("/billing/invoices/", "/pdf", {"GET": "invoice_pdf"}),
)
_ADMIN: Final[Mapping[str, Mapping[str, str]]] = {
    "/unban": {"POST": "admin_unban"},
    "/lock": {"POST": "admin_lock"},
    "/unlock": {"POST": "admin_unlock"},
    "/sync-entitlements": {"POST": "admin_sync_entitlements"},
    "/recompute": {"POST": "admin_recompute"},
    "/state": {"GET": "admin_state"},
}

CUSTOMER_OPERATIONS: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(
        name for methods in (*FIXED_PATHS.values(), *(methods for _, _, methods in _BY_ID)) for name in methods.values()
    )
)
ADMIN_OPERATIONS: Final[tuple[str, ...]] = tuple(name for methods in _ADMIN.values() for name in methods.values())

READS: Final[frozenset[str]] = frozenset(
    {
        "list_subscriptions",
        "profile_get",
        "payment_methods",
        "entitlements",
        "get_zone",
        "billing_history",
        "invoice",
        "invoice_pdf",
        "admin_state",
    }
)
"""Operations that change nothing and so take no lock."""

BUYS: Final[frozenset[str]] = frozenset(
    {"bulk_create", "create", "update", "append", "registrar_checkout", "pre_auth", "pay_bad_debt"}
)
"""Operations that honour an `Idempotency-Key`."""


def methods_of(path: str) -> tuple[Mapping[str, str], str] | None:
    """The operations of a customer's path by method, and the id in the path ("" for none). None: unknown path."""
    methods = FIXED_PATHS.get(path)
    if methods is not None:
        return methods, ""
    for prefix, suffix, methods in _BY_ID:
        if path.startswith(prefix) and path.endswith(suffix):
            identifier = path[len(prefix) : len(path) - len(suffix)]
            if identifier and "/" not in identifier:
                return methods, identifier
    return None


def admin_methods_of(path: str) -> Mapping[str, str] | None:
    """The operations of an administrator's path by method. None: unknown path."""
    return _ADMIN.get(path)
