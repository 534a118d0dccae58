"""Card numbers in texts: told from other numbers by issuer, length and check digit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_BLOTTED_OUT: Final = re.compile(r"(?<![A-Za-z0-9_.-])…[0-9]{4}(?![A-Za-z0-9])")
"""What redaction leaves of a card number."""
_DIGITS: Final = re.compile(r"(?<![A-Za-z0-9_.-])[2-6][0-9]{3}(?:[ -]?[0-9]){9,15}(?![A-Za-z0-9_])")
_BY_ISSUER: Final = re.compile(
    r"4[0-9]{12}(?:[0-9]{3})?(?:[0-9]{3})?|(?:5[1-5][0-9]{2}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720))"
    r"[0-9]{12}|3[47][0-9]{13}|(?:6011|65[0-9]{2}|64[4-9][0-9])[0-9]{12,15}|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11,16}"
)
"""Visa, Mastercard, American Express, Discover, JCB and Diners by first digits and length (ISO/IEC 7812 ranges as the
networks publish them). Others are left out: a number that is none of a card must not pass for one."""


def card_numbers(value: Any, name: str = "") -> Iterator[str]:
    """The card numbers in a JSON value, digits only. What stands under the name of an id is an id."""
    if isinstance(value, str):
        if not _names_id(name):
            yield from card_numbers_in(value)
    elif isinstance(value, int):
        if value >= 10**12 and not isinstance(value, bool) and not _names_id(name):
            yield from card_numbers_in(str(value))
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from card_numbers(entry, str(key))
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from card_numbers(entry, name)


def blotted_out(value: Any, name: str = "") -> bool:
    """Whether a JSON value that was redacted held a card number: of that the last four digits are left."""
    if isinstance(value, str):
        return not _names_id(name) and _BLOTTED_OUT.search(value) is not None
    if isinstance(value, Mapping):
        return any(blotted_out(entry, str(key)) for key, entry in value.items())
    return isinstance(value, (list, tuple)) and any(blotted_out(entry, name) for entry in value)


def card_numbers_in(text: str) -> Iterator[str]:
    """The card numbers in a text, digits only."""
    for match in _DIGITS.finditer(text):
        digits = match[0].replace(" ", "").replace("-", "")
        if _BY_ISSUER.fullmatch(digits) and _passes_luhn(digits):
            yield digits


def _names_id(name: str) -> bool:
    """A payment method's id is the one place of an id that somebody might put a card number in."""
    return name != "payment_method_id" and (name == "id" or name.endswith(("_id", "_ids", "Id")))


def _passes_luhn(digits: str) -> bool:
    """The check digit of ISO/IEC 7812-1."""
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    total = sum(int(digit) for digit in digits[-1::-2]) + sum(
        number - 9 if number > 9 else number for number in doubled
    )
    return total % 10 == 0
