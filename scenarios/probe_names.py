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
        "malformed-input": "sends what does not fit to every operation, and to addresses that nothing is at",
        "bad-batches": "buys batches with one bad line at each place among good ones",
        "rate-limit": "asks until it is limited, and buys once it is not any more",
        "repeats": "buys the same again with the same key: at once, after a time-out, changed, elsewhere, refused",
        "repeats-after-errors": "buys the same again with a key that met a server error",
        "every-operation": "asks for every operation as each client does, on session and off",
    }
)
"""One line about each probe, by name, in the order in which they are listed."""
