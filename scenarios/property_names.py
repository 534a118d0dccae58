"""The names of the properties: what scenarios expect, reports print and exit messages quote.

Only names, tiers and groups: what a property means and how it is checked is the conformance package's affair.
A tier says when a property can be judged: inline (one answer), batch (after the run, across stores), alert (a metric
over time).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Group = Literal[
    "payment and entitlement",
    "the gate",
    "webhooks, security, isolation",
    "cart, products, account area",
]

TIER_NAMES: Final[Mapping[str, str]] = MappingProxyType({"i": "inline", "b": "batch", "a": "alert"})


@dataclass(frozen=True, slots=True)
class PropertyName:
    """One property by name. `tiers` holds the letters i, b, a of the tiers that it has, in that order."""

    id: str
    tiers: str
    group: Group


PROPERTY_NAMES: Final[tuple[PropertyName, ...]] = (
    PropertyName("no-entitlement-without-payment", "iba", "payment and entitlement"),
    PropertyName("confirm-before-commit", "ib", "payment and entitlement"),
    PropertyName("no-rollback", "ba", "payment and entitlement"),
    PropertyName("payment-leads-to-entitlement", "ba", "payment and entitlement"),
    PropertyName("charged-once", "b", "payment and entitlement"),
    PropertyName("provisioned-once", "b", "payment and entitlement"),
    PropertyName("amounts-agree", "ib", "payment and entitlement"),
    PropertyName("stores-agree", "ba", "payment and entitlement"),
    PropertyName("abandoned-grants-nothing", "b", "payment and entitlement"),
    PropertyName("failed-payment-can-be-retried", "b", "payment and entitlement"),
    PropertyName("update-keeps-old-plan", "b", "payment and entitlement"),
    PropertyName("zero-due-sets-up", "i", "payment and entitlement"),
    PropertyName("no-pm-gate-rejections", "ia", "the gate"),
    PropertyName("gate-as-configured", "i", "the gate"),
    PropertyName("gate-code-means-gate", "i", "the gate"),
    PropertyName("other-refusals-survive", "i", "the gate"),
    PropertyName("secret-usable", "ib", "the gate"),
    PropertyName("off-session-told", "i", "the gate"),
    PropertyName("consumers-known", "b", "the gate"),
    PropertyName("old-frontend-survives", "b", "the gate"),
    PropertyName("webhook-authentic", "i", "webhooks, security, isolation"),
    PropertyName("webhook-eventually-applied", "b", "webhooks, security, isolation"),
    PropertyName("redirect-never-returns", "b", "webhooks, security, isolation"),
    PropertyName("accounts-isolated", "ib", "webhooks, security, isolation"),
    PropertyName("admin-authenticated", "i", "webhooks, security, isolation"),
    PropertyName("admin-grants-only-what-is-paid", "b", "webhooks, security, isolation"),
    PropertyName("secrets-stay-secret", "ib", "webhooks, security, isolation"),
    PropertyName("card-data-stays-out", "i", "webhooks, security, isolation"),
    PropertyName("bad-input-refused", "i", "webhooks, security, isolation"),
    PropertyName("idempotency-honoured", "ib", "webhooks, security, isolation"),
    PropertyName("envelope-conforms", "i", "webhooks, security, isolation"),
    PropertyName("rate-limit-told", "i", "webhooks, security, isolation"),
    PropertyName("cart-conserved", "b", "cart, products, account area"),
    PropertyName("batch-is-atomic", "ib", "cart, products, account area"),
    PropertyName("each-secret-settled", "b", "cart, products, account area"),
    PropertyName("zone-activated", "b", "cart, products, account area"),
    PropertyName("pm-saved-as-side-effect", "b", "cart, products, account area"),
    PropertyName("pm-in-use-protected", "i", "cart, products, account area"),
    PropertyName("bad-debt-isolated", "ib", "cart, products, account area"),
    PropertyName("history-truthful", "ib", "cart, products, account area"),
    PropertyName("paypal-right-path", "b", "cart, products, account area"),
    PropertyName("conversion-counted-once", "b", "cart, products, account area"),
)

BY_ID: Final[Mapping[str, PropertyName]] = MappingProxyType({name.id: name for name in PROPERTY_NAMES})

CHECKED_PROPERTIES: Final[tuple[str, ...]] = tuple(name.id for name in PROPERTY_NAMES)
"""What `properties: all` stands for: every name a scenario may use, in the order above."""
