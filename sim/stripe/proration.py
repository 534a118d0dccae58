"""Prorations: what is given back and what is paid for the rest of a period in which something changed.

Source: Stripe's pages "Prorations" and "Customize subscription proration calculations": they are counted by the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.stripe.invoice_item import Period, Sale
    from sim.stripe.subscription_item import SubscriptionItem


def share(amount: int, part_s: int, whole_s: int) -> int:
    """That part of an amount in minor units; Assumption: half a unit is rounded up."""
    return (2 * amount * part_s + whole_s) // (2 * whole_s) if whole_s else 0


def given_back(items: Sequence[SubscriptionItem], period: Period, now_s: int) -> list[Sale]:
    """The rest of the period of items that end now."""
    return [
        item.part(-_rest(item, period, now_s), "Unused time on", (now_s, period[1]))
        for item in items
        if not item.price.metered
    ]


def remaining(items: Sequence[SubscriptionItem], period: Period, now_s: int) -> list[Sale]:
    """The rest of the period of items that begin now."""
    return [
        item.part(_rest(item, period, now_s), "Remaining time on", (now_s, period[1]))
        for item in items
        if not item.price.metered
    ]


def changed(
    old: Sequence[SubscriptionItem], new: Sequence[SubscriptionItem]
) -> tuple[list[SubscriptionItem], list[SubscriptionItem]]:
    """What goes and what comes when the items of a subscription are replaced."""
    old_terms = {item.id: (item.price.id, item.quantity) for item in old}
    new_terms = {item.id: (item.price.id, item.quantity) for item in new}
    going = [item for item in old if new_terms.get(item.id) != old_terms[item.id]]
    coming = [item for item in new if old_terms.get(item.id) != new_terms[item.id]]
    return going, coming


def _rest(item: SubscriptionItem, period: Period, now_s: int) -> int:
    start_s, end_s = period
    return share(item.amount, end_s - now_s, end_s - start_s)
