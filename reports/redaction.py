"""Nothing that opens a door goes into a report: client secrets, keys, tokens and card numbers are blotted out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

_SECRETS: Final = (
    (re.compile(r"\b((?:pi|seti)_[A-Za-z0-9]+_secret_)[A-Za-z0-9]+"), r"\1…"),
    (re.compile(r"\b((?:sk|rk|pk)_(?:test|live)_|whsec_)[A-Za-z0-9]+"), r"\1…"),
    (re.compile(r"\b((?:Bearer|ADMIN-JWT)\s+)[A-Za-z0-9._~+/=-]+"), r"\1…"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"), "eyJ…"),
)
_CARD: Final = re.compile(r"\b[0-9](?:[ -]?[0-9]){12,18}\b")


def redacted(text: str) -> str:
    """The text with every secret cut to what shows that there was one, and card numbers to their last four digits."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _CARD.sub(_hide_card, text)


def redacted_value(value: Any) -> Any:
    """A JSON value with the texts in it redacted; numbers stay, for a moment in microseconds may look like a card.

    Members are sorted by name: as noted and as recorded they may stand in another order.
    """
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {key: redacted_value(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [redacted_value(member) for member in value]
    return value


def redacted_json(value: Any) -> str:
    """A fact's detail as one line of JSON, redacted; empty for None."""
    return "" if value is None else redacted(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())


def _hide_card(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    return f"…{digits[-4:]}" if _passes_luhn(digits) else match[0]


def _passes_luhn(digits: str) -> bool:
    """The check digit that every card number has, and only one in ten other numbers (times in microseconds, say)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if position % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0
