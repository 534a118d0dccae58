"""How the account's things are shown in answers."""

from __future__ import annotations

from typing import Any

from scenarios.catalogue import CURRENCY
from sim.store import Account, AccountPaymentMethod, EntitlementRow, Invoice, Subscription, Zone
from sim.time import moment, rfc3339

_LABELS = {
    "open": "Open",
    "paid": "Paid",
    "bad_debt": "Outstanding balance",
    "bad_debt_resolved": "Outstanding balance, resolved",
}


def subscription(item: Subscription) -> dict[str, Any]:
    """A Subscription with the plan in force, or what waits to be paid."""
    view: dict[str, Any] = {
        "id": item.id,
        "rate_plan": {"id": item.rate_plan},
        "frequency": item.frequency,
        "quantity": item.quantity,
        "price": item.price_minor,
        "currency": CURRENCY,
        "state": item.state,
        "created_on": rfc3339(item.created_us),
    }
    if item.zone_id is not None:
        view["zone_id"] = item.zone_id
    if item.domain is not None:
        view["domain"] = item.domain
    if item.components:
        view["component_values"] = [{"name": name, "value": value} for name, value in item.components.items()]
    return view


def subscriptions(account: Account) -> list[dict[str, Any]]:
    return [subscription(item) for item in account.subscriptions.values()]


def entitlement(row: EntitlementRow) -> dict[str, Any]:
    view: dict[str, Any] = {
        "feature": row.feature,
        "subscription_id": row.subscription_id,
        "status": "active" if row.active else "inactive",
        "activated_on": rfc3339(row.activated_us),
    }
    if row.zone_id is not None:
        view["zone_id"] = row.zone_id
    return view


def entitlements(account: Account) -> list[dict[str, Any]]:
    return [entitlement(row) for row in account.entitlements.values()]


def is_valid(method: AccountPaymentMethod, now_us: int) -> bool:
    """Usable now: neither detached nor expired. A card is good until the end of its month."""
    if method.detached:
        return False
    return not is_expired(method.exp_month, method.exp_year, now_us)


def is_expired(exp_month: int | None, exp_year: int | None, now_us: int) -> bool:
    if exp_year is None or exp_month is None:
        return False
    now = moment(now_us)
    return exp_year < now.year or (exp_year == now.year and exp_month < now.month)


def payment_method(method: AccountPaymentMethod, now_us: int) -> dict[str, Any]:
    view: dict[str, Any] = {
        "id": method.id,
        "type": method.type or "card",
        "is_default": method.is_default,
        "valid": is_valid(method, now_us),
    }
    if method.last4 is not None:
        view["card"] = {
            "brand": method.brand,
            "last4": method.last4,
            "exp_month": method.exp_month,
            "exp_year": method.exp_year,
        }
    return view


def zone(item: Zone) -> dict[str, Any]:
    return {"id": item.id, "name": item.name, "status": item.status}


def invoice(item: Invoice) -> dict[str, Any]:
    return {
        "id": item.id,
        "number": item.number,
        "amount": item.amount_minor,
        "currency": CURRENCY,
        "created_on": rfc3339(item.created_us),
        "status": item.status,
        "label": _LABELS[item.status],
        "subscription_ids": item.subscription_ids,
    }


def account_state(account: Account) -> dict[str, Any]:
    """What administrators see."""
    return {
        "account_id": account.id,
        "locked": account.locked,
        "banned": account.banned,
        "subscriptions": subscriptions(account),
        "entitlements": entitlements(account),
        "outstanding": account.owes_minor(),
    }
