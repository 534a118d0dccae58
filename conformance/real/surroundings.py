"""What a profile says that properties must know: its customers' circumstances, and what cannot be judged there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NamedTuple

from conformance.circumstances import DECLARED_CONSUMERS, Circumstances
from conformance.properties import PROPERTIES
from conformance.property import Property
from conformance.real.profile import Profile

_SEEN_BY_CLIENTS: Final = frozenset(
    (
        "account_payment_method",
        "answer",
        "attempt",
        "challenge",
        "confirm",
        "detour",
        "entitlement",
        "final_entitlement",
        "final_payment_method",
        "final_subscription",
        "outcome",
        "redirect",
        "request",
        "secret",
        "settled",
        "shown",
        "standing",
        "step",
        "subscription",
        "ticket",
    )
)
_SEEN_AT_STRIPE: Final = frozenset(("intent", "charge", "refund", "final_intent"))
_SEEN_OF_ZONES: Final = frozenset(("zone", "final_zone"))
_NEED_PAGES: Final = {
    "redirect-never-returns": "customers cannot get through PayPal's page here (stripe.pages)",
}
_NEED_CLOCK: Final = {
    "abandoned-grants-nothing": "what happens after 23 hours cannot be waited for without a clock (supports.clock)",
}


class Inconclusive(NamedTuple):
    """A property that cannot be judged at a deployment, or a part of it, and why."""

    property: str
    because: str


def noted_circumstances(profile: Profile) -> dict[str, Any]:
    """What a run's manifest keeps of a profile, so that its history can be judged without it."""
    declared = profile.backend.declared_consumers
    consumers = DECLARED_CONSUMERS if declared is None else [one.partition(":")[::2] for one in declared]
    return {
        "sees_stripe": profile.stripe.restricted_key_env is not None,
        "zones_apart_from_plans": profile.backend.zones_apart_from_plans,
        "declared_consumers": [list(one) for one in consumers],
    }


def inconclusive_at(profile: Profile) -> list[Inconclusive]:
    """The properties that cannot be judged at the deployment, in the order of their list."""
    seen = set(_SEEN_BY_CLIENTS)
    if profile.stripe.restricted_key_env is not None:
        seen |= _SEEN_AT_STRIPE
    if profile.supports.zones:
        seen |= _SEEN_OF_ZONES
    circumstances = replace(
        Circumstances(2, "continuation", "new", True, profile.name),
        sees_stripe=profile.stripe.restricted_key_env is not None,
        zones_apart_from_plans=profile.backend.zones_apart_from_plans,
    )
    found = []
    for prop in PROPERTIES.values():
        because = _because(prop, seen, circumstances, profile)
        if because is not None:
            found.append(Inconclusive(prop.id, because))
    return found


def _because(prop: Property, seen: set[str], circumstances: Circumstances, profile: Profile) -> str | None:
    for kinds in prop.needed_kinds:
        if not any(kind in seen for kind in kinds):
            return f"nobody outside the deployment sees {' or '.join(kinds)}"
    reason = prop.applies(circumstances)
    if reason is not None:
        return reason
    if not profile.supports.clock and prop.id in _NEED_CLOCK:
        return _NEED_CLOCK[prop.id]
    return _NEED_PAGES.get(prop.id) if profile.stripe.pages == "none" else None
