"""Standstill: what was read of an account before and after something that must not change it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from conformance.history import History
from conformance.subscription_timeline import member
from sim.facts import Fact

_SUBSCRIPTION: Final = (
    "id",
    "rate_plan",
    "frequency",
    "zone_id",
    "quantity",
    "price",
    "currency",
    "state",
    "created_on",
)
_ENTITLEMENT: Final = ("feature", "subscription_id", "zone_id", "status", "activated_on")
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "list_subscriptions": _SUBSCRIPTION,
    "entitlements": _ENTITLEMENT,
    "payment_methods": ("id", "type", "is_default", "card", "valid"),
    "profile_get": ("name", "email", "country", "address"),
    "billing_history": ("id", "number", "amount", "currency", "created_on", "status", "label", "subscription_ids"),
    "get_zone": ("id", "name", "status"),
    "admin_state": ("account_id", "locked", "banned", "subscriptions", "entitlements", "outstanding"),
}
"""The members of each reading that the contract knows. Others are left open, and may change as they please."""
_WITHIN: Final[Mapping[str, tuple[str, ...]]] = {"subscriptions": _SUBSCRIPTION, "entitlements": _ENTITLEMENT}


class Pair(NamedTuple):
    """A reading before and the same reading after."""

    before: Fact
    after: Fact

    @property
    def difference(self) -> str | None:
        """What the second shows otherwise than the first, in words; None where they are the same."""
        operation = self.before.operation or ""
        first, second = (_objects(operation, member(fact, "read")) for fact in self)
        for name in sorted({*first, *second}):
            if name not in second:
                return f"{name} is gone"
            if name not in first:
                return f"{name} is new"
            if first[name] != second[name]:
                return f"{name} was {_differing(first[name], second[name])}"
        return None


def pairs(
    history: History, owner: str, labels: tuple[str, str] = ("before", "after"), operations: Collection[str] = _MEMBERS
) -> Iterator[Pair]:
    """The readings of `owner` ("self", "neighbour") with those labels, two and two. Failed readings are left out."""
    waiting: dict[str | None, Fact] = {}
    for fact in history.of("snapshot"):
        if member(fact, "owner") != owner or fact.operation not in operations or fact.status != 200:
            continue
        if fact.state == labels[0]:
            waiting[fact.operation] = fact
        elif fact.state == labels[1] and fact.operation in waiting:
            yield Pair(waiting.pop(fact.operation), fact)


def objects_of(fact: Fact) -> dict[str, Mapping[str, Any]]:
    """What a reading shows, by a name for people and without what the contract leaves open."""
    return _objects(fact.operation or "", member(fact, "read"))


def _objects(operation: str, read: Any) -> dict[str, Mapping[str, Any]]:
    listed = read if isinstance(read, (list, tuple)) else [read]
    known = _MEMBERS[operation]
    found: dict[str, Mapping[str, Any]] = {}
    for one in listed:
        if isinstance(one, Mapping):
            shown = {name: _told(name, one[name]) for name in known if one.get(name) is not None}
            name = _name(operation, shown)
            while name in found:
                name += "'"
            found[name] = shown
    return found


def _told(name: str, value: Any) -> Any:
    """A member's value without what the contract leaves open, in an order that does not depend on the deployment's."""
    within = _WITHIN.get(name)
    if within is None or not isinstance(value, (list, tuple)):
        return value
    rows = [{key: one[key] for key in within if one.get(key) is not None} for one in value if isinstance(one, Mapping)]
    return sorted(rows, key=_written)


def _name(operation: str, shown: Mapping[str, Any]) -> str:
    if operation == "entitlements":
        return f"the entitlement {shown.get('feature')} of {shown.get('subscription_id')}"
    return str(shown.get("id") or shown.get("account_id") or operation)


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """The first member that differs, with both of its values."""
    for name in sorted({*first, *second}):
        if first.get(name) != second.get(name):
            return f"{name} {_written(first.get(name))}, and is {_written(second.get(name))}"
    return "the same"


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
