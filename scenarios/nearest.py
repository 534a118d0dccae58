"""The name that somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_LONGEST: Final = 80
"""Comparing costs the product of the lengths; no name is nearly this long."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that is spelt most like `name`, or None if none is close. Case and `_`/`-` hardly count."""
    by_folded = {_folded(candidate): candidate for candidate in names}
    begun = [candidate for folded, candidate in by_folded.items() if folded.startswith(_folded(name[:_LONGEST]))]
    if len(begun) == 1 and name:
        return begun[0]
    close = get_close_matches(_folded(name[:_LONGEST]), list(by_folded), n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def _folded(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-")
