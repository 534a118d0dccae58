"""What a profile says that properties must know: its customers' circumstances, and what cannot be judged there."""

from __future__ import annotations

from typing import Any, NamedTuple

from conformance import evidence
from conformance.circumstances import DECLARED_CONSUMERS
from conformance.real.profile import Profile


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


def capabilities_of(profile: Profile) -> set[str]:
    """What can be read, moved and made at the deployment."""
    found = {evidence.LIST, evidence.ENTITLEMENTS, evidence.PAYMENT_METHODS, evidence.BILLING_HISTORY}
    found.add(evidence.CONSUMERS)
    if profile.supports.zones:
        found.add(evidence.ZONES)
    if profile.stripe.restricted_key_env is not None:
        found |= {evidence.LEDGER_OBJECTS, evidence.LEDGER_EVENTS}
    if profile.supports.clock:
        found.add(evidence.CLOCK)
    if profile.accounts.provisioning == "contract":
        found.add(evidence.STANDING)
    return found


def inconclusive_at(profile: Profile) -> list[Inconclusive]:
    """The properties that cannot be judged at the deployment, or not be said to hold, in the order of their list."""
    foretold = evidence.foretell(capabilities_of(profile))
    return [Inconclusive(one.property, one.reason) for one in foretold if one.reason is not None]
