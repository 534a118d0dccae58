"""Durations as people write them in scenario files: "250ms", "30s", "5min", "23h", "7d"."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

_UNITS_US: Final = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_PATTERN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)")


def parse_duration_us(text: str) -> int:
    """Microseconds in a duration such as "1.5h". Raises ValueError with what was expected."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise ValueError('expected a number with a unit: "250ms", "30s", "5min", "23h" or "7d"')
    return round(float(match[1]) * _UNITS_US[match[2]])


def _validated(value: Any) -> Any:
    return parse_duration_us(value) if isinstance(value, str) else value


DurationUs = Annotated[int, BeforeValidator(_validated)]
