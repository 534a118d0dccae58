"""Where subscriptions, entitlements and payments tell different stories at the end, as figures.

The properties judge and prove; this only counts, so that the drift of two runs can be compared.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from conformance.history import History
from reports.endings import GRANTED


class Drift(NamedTuple):
    """The figures of one account.

    `subscriptions`: those whose state, entitlement and payment disagree. `unpaid_entitlements`: active ones without a
    payment of their own. `expired`: subscriptions that ended unpaid after 23 hours, which is no disagreement.
    """

    subscriptions: int
    unpaid_entitlements: int
    expired: int


AGREED: Final = Drift(0, 0, 0)


def read_drift(history: History) -> Drift:
    """What the stores held when they were read at the end; an account that was not read then has no drift to count."""
    if "final_subscription" not in history.by_kind:
        return AGREED
    drift = unpaid = expired = 0
    for line in history.subscriptions.values():
        if line.final is None:
            continue
        state = line.final.state
        granted, entitled = state in GRANTED, line.active_at_end
        intents = line.base_intents
        succeeded = any(intent.succeeded for intent in intents)
        owing = bool(intents) and not succeeded
        kept = succeeded and any(intent.kept_minor > 0 for intent in intents)
        drift += granted != entitled or (granted and owing) or (kept and not granted)
        unpaid += entitled and owing
        expired += state == "Expired"
    return Drift(drift, unpaid, expired) if drift or unpaid or expired else AGREED
