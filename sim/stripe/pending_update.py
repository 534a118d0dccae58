"""Updates of a subscription that wait for their invoice to be paid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sim.time import HOUR_US, SECOND_US

if TYPE_CHECKING:
    from sim.stripe.context import Context
    from sim.stripe.invoice import Invoice
    from sim.stripe.subscription import Subscription
    from sim.stripe.subscription_change import Change

_LONGEST_S: Final = 23 * HOUR_US // SECOND_US
"""Source: Stripe's page "Pending updates reference", section "Expiration", also for what ends the wait before."""
_ALWAYS_ALLOWED: Final = frozenset(
    (
        "add_invoice_items",
        "billing_cycle_anchor",
        "expand",
        "items",
        "payment_behavior",
        "proration_behavior",
        "proration_date",
        "trial_end",
        "trial_from_plan",
    )
)
"""Source: Stripe's page "Pending updates reference", section "Supported attributes"."""
_ALLOWED_SINCE: Final[Mapping[str, str]] = {"cancel_at_period_end": "2026-09-30", "metadata": "2026-05-27"}
"""The API version from which a parameter can be passed. Source: Stripe's changelog, "Adds metadata support to pending
subscription updates" and "Adds support for scheduling Subscription cancellation as part of pending update". Discounts
are among them, too, and not modelled."""


def refused(values: Mapping[str, Any], version: str) -> str | None:
    """The first parameter, in the order of the alphabet, that `pending_if_incomplete` does not go with."""
    day = version.partition(".")[0]
    allowed = {name for name, since in _ALLOWED_SINCE.items() if since <= day}
    return min(values.keys() - _ALWAYS_ALLOWED - allowed, default=None)


class PendingUpdate:
    """What a subscription becomes once an invoice is paid."""

    __slots__ = ("change", "invoice", "expires_at")

    def __init__(self, subscription: Subscription, change: Change, invoice: Invoice, now_s: int) -> None:
        self.change = change
        self.invoice = invoice
        self.expires_at = min(now_s + _LONGEST_S, subscription.period[1])  # a trial is a period, too

    def contradicts(self, values: Mapping[str, Any]) -> bool:
        """Whether an update wants the contrary. Source: the entry on scheduled cancellation in Stripe's changelog."""
        own = self.change.values.get("cancel_at_period_end")
        return own is not None and values.get("cancel_at_period_end", own) != own

    def take_effect(self, context: Context, subscription: Subscription) -> None:
        values = self.change.values
        self.change.take_effect(context, subscription)
        if "metadata" in values:
            subscription.merge_metadata(values["metadata"])
        if "cancel_at_period_end" in values:
            subscription.schedule_cancellation(context, at_period_end=values["cancel_at_period_end"])

    def render(self, subscription: Subscription) -> dict[str, Any]:
        change = self.change
        return {
            "billing_cycle_anchor": None if change.anchor == subscription.anchor else change.anchor,
            "cancel_at_period_end": change.values.get("cancel_at_period_end"),
            "discount": None,
            "discounts": None,
            "expires_at": self.expires_at,
            "metadata": change.values.get("metadata"),
            "subscription_items": [item.render() for item in change.items],
            "trial_end": None if change.trial_end == subscription.trial_end else change.trial_end,
            "trial_from_plan": change.values.get("trial_from_plan"),
        }
