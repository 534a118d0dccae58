"""The names of the probes: what a scenario's key `probe` may say.

Only names and a line about each: what a probe does is written in the model's package `sim.probes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

PROBE_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ordinary-purchase": "buys, looks on from beside as a neighbour, and finds everything as it should be",
        "other-accounts": "names another account's things, path and keys, and comes with credentials that are none",
        "administrators-tokens": "asks for administrators' operations with tokens that are none",
        "administrators-grants": "has administrators put the books of paid and unpaid accounts right",
        "card-numbers": "puts a card number wherever a front end might put one",
        "forged-events": "tells billing-webhooks of payments that Stripe never told of",
    }
)
"""One line about each probe, by name, in the order in which they are listed."""
