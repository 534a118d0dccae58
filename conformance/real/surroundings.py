"""What a profile says that properties must know: its customers' circumstances, and what cannot be judged there."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from conformance import evidence
from conformance.circumstances import DECLARED_CONSUMERS
from conformance.real.profile import Profile

READ_BY_LEDGER: Final = {
    "customers": evidence.LEDGER_OBJECTS,
    "payment_intents": evidence.LEDGER_OBJECTS,
    "setup_intents": evidence.LEDGER_OBJECTS,
    "charges": evidence.LEDGER_OBJECTS,
    "refunds": evidence.LEDGER_OBJECTS,
    "events": evidence.LEDGER_EVENTS,
}
"""Stripe's collections that are read with the restricted key, and what is not known without each."""


class Inconclusive(NamedTuple):
    """A property that cannot be judged at a deployment, or not be said to hold, and why."""

    property: str
    because: str


def noted_circumstances(profile: Profile) -> dict[str, Any]:
    """What a run's manifest keeps of a profile, so that its history can be judged without it.

    What could not be read is in the facts, customer by customer: a profile without a key leaves properties undecided,
    as does a key that may not read everything. It makes none of them meaningless.
    """
    declared = profile.backend.declared_consumers
    consumers = DECLARED_CONSUMERS if declared is None else [one.partition(":")[::2] for one in declared]
    return {
        "zones_apart_from_plans": profile.backend.zones_apart_from_plans,
        "declared_consumers": [list(one) for one in consumers],
    }


def capabilities_of(profile: Profile, unreadable: Collection[str] = ()) -> set[str]:
    """What can be read, moved and made at the deployment; `unreadable`: the collections that the key may not read."""
    found = {evidence.LIST, evidence.ENTITLEMENTS, evidence.PAYMENT_METHODS, evidence.BILLING_HISTORY}
    found.add(evidence.CONSUMERS)
    if profile.supports.zones:
        found.add(evidence.ZONES)
    if profile.stripe.restricted_key_env is not None:
        found |= {*READ_BY_LEDGER.values()} - {READ_BY_LEDGER[name] for name in unreadable}
    if profile.supports.clock:
        found.add(evidence.CLOCK)
    if profile.accounts.provisioning == "contract":
        found.add(evidence.STANDING)
    if profile.webhooks is not None:
        found.add(evidence.WEBHOOKS)
    if profile.supports.admin:
        found.add(evidence.ADMIN)
    if profile.admin is not None:
        found.add(evidence.ADMIN_TOKENS)
    return found


def inconclusive_at(profile: Profile, unreadable: Collection[str] = ()) -> list[Inconclusive]:
    """The properties that cannot be judged at the deployment, or not be said to hold, in the order of their list."""
    foretold = evidence.foretell(capabilities_of(profile, unreadable))
    return [Inconclusive(one.property, one.reason) for one in foretold if one.reason is not None]
