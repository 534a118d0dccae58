"""Durations as people write them in scenario files: "250ms", "30s", "5min", "23h", "7d"."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

_UNITS_US: Final = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "min": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_PATTERN: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(us|ms|s|min|h|d)")


_EXPECTED: Final = 'expected a number with a unit: "250ms", "30s", "5min", "23h" or "7d"'
_LONGEST_US: Final = 366 * _UNITS_US["d"]

WRITTEN: Final = "durations are written"
"""Key of the validation context of a file: there a bare number is refused, since its unit would be a guess."""

PATTERN: Final = rf"^{_PATTERN.pattern}$"
"""A written duration, as JSON Schema's regular expressions have it."""


def parse_duration_us(text: str) -> int:
    """Microseconds in a duration such as "1.5h". Raises ValueError with what was expected."""
    match = _PATTERN.fullmatch(text.strip())
    if match is None:
        raise ValueError(_EXPECTED)
    duration_us = round(float(match[1]) * _UNITS_US[match[2]])
    if duration_us > _LONGEST_US:
        raise ValueError("expected at most 366d")
    return duration_us


def _validated(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        return parse_duration_us(value)
    if info.context and info.context.get(WRITTEN) and not isinstance(value, bool) and isinstance(value, int | float):
        raise ValueError(_EXPECTED)
    return value


def written(duration_us: int) -> str:
    """A duration as a file would say it, in the largest unit that needs no fraction."""
    unit = next(name for name in ("d", "h", "min", "s", "ms", "us") if duration_us % _UNITS_US[name] == 0)
    return f"{duration_us // _UNITS_US[unit]}{unit}"


DurationUs = Annotated[int, BeforeValidator(_validated), WithJsonSchema({"type": "string", "pattern": PATTERN})]
"""A duration in microseconds; in a file, text with a unit."""
