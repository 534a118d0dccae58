"""The final reading: the account's books once everything has settled."""

from __future__ import annotations

from typing import Any

from sim.store import Account
from sim.subscriptions_api.ledger import total_quantity

Row = tuple[str, str, str | None, str, int | None, dict[str, Any]]
"""Kind, subject, related, state, amount in minor units, and detail of a fact."""


def final_rows(account: Account) -> list[Row]:
    """What the deployment's store says of the account, row by row."""
    rows: list[Row] = []
    for subscription in account.subscriptions.values():
        purchase = account.purchases.get(subscription.purchase_id)
        detail: dict[str, Any] = {
            "rate_plan": subscription.rate_plan,
            "frequency": subscription.frequency,
            "quantity": total_quantity(subscription),
        }
        if subscription.zone_id is not None:
            detail["zone_id"] = subscription.zone_id
        intent_id = purchase.intent_id if purchase is not None else None
        rows.append(
            ("final_subscription", subscription.id, intent_id, subscription.state, subscription.price_minor, detail)
        )
    for entitlement in account.entitlements.values():
        state = "active" if entitlement.active else "inactive"
        detail = {"feature": entitlement.feature}
        if entitlement.zone_id is not None:
            detail["zone_id"] = entitlement.zone_id
        rows.append(("final_entitlement", entitlement.subscription_id, None, state, None, detail))
    for method in account.payment_methods.values():
        state = "default" if method.is_default else "on_file"
        detail = {"type": method.type, "attached": not method.detached}
        rows.append(("final_payment_method", method.id, account.customer, state, None, detail))
    for zone in account.zones.values():
        plan = next((item.id for item in account.subscriptions.values() if item.zone_id == zone.id), None)
        rows.append(("final_zone", zone.id, plan, zone.status, None, {}))
    return rows
