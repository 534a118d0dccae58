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
    }
)
"""One line about each probe, by name, in the order in which they are listed."""
