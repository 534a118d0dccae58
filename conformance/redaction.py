"""Nothing that opens a door leaves Gatefall: secrets are blotted out by their value, by their name and by their form.

This is the one place that knows them. Credentials are made known when they are read, tokens and client secrets when an
answer brings them; from then on no text that passes through here holds them, wherever it came from.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

import orjson

from sim.facts import Fact

HIDDEN: Final = "…"
SHORTEST_SECRET: Final = 6
"""What is shorter is no secret: blotting it out would blot out half of every text. Assumption."""

_QUOTED_MOST: Final = 3
"""How often a text may be quoted within another: a header in a body in an error's message. Assumption."""

_BY_FORM: Final = (
    (re.compile(r"\b((?:pi|seti)_[A-Za-z0-9]+_secret_)[A-Za-z0-9]+"), r"\1…"),
    (re.compile(r"\b((?:sk|rk|pk)_(?:test|live)_|whsec_)[A-Za-z0-9]+"), r"\1…"),
    (re.compile(r"\b((?:Bearer|Basic|ADMIN-JWT)\s+)[A-Za-z0-9._~+/=-]{5,}[A-Za-z0-9=]"), r"\1…"),
    (re.compile(r"(://[^/\s:@\"']*:)[^/\s@\"']+(?=@)"), r"\1…"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"), "eyJ…"),
)
_NAMES: Final = (
    "access_token",
    "api_key",
    "apikey",
    "authorization",
    "client_secret",
    "client_secrets",
    "cookie",
    "jwt",
    "password",
    "refresh_token",
    "secret",
    "secret_key",
    "set-cookie",
    "token",
    "turnstile_token",
    "webhook_secret",
    "x-api-key",
)
"""Members, headers and parameters whose values are secrets, whatever they look like."""
_BY_NAME: Final = re.compile(
    r"(?i)(?<![A-Za-z0-9_-])((?:"
    + "|".join(name.replace("_", "[_-]?") for name in sorted(_NAMES, key=len, reverse=True))
    + r")\\?[\"']?\s*[:=]\s*\\?[\"']?)([A-Za-z0-9._~+/%=-]{6,})"
)
_SECRET_NAMES: Final = frozenset(name.replace("-", "_") for name in _NAMES)
_CARD: Final = re.compile(r"\b[0-9](?:[ -]?[0-9]){12,18}\b")
_ISSUED: Final = re.compile(r"[3-6]|2[2-7]")
"""How the numbers of cards begin: the networks' ranges. An id that counts milliseconds or more begins with 1."""
_UUID: Final = re.compile(r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b")
_UUID_LENGTH: Final = 36


class KnownSecrets:
    """Secrets by value, each also as it looks in a URL, in JSON and in a header of basic authentication.

    They are grouped by length, so that looking for ten thousand of them costs no more than looking for one.
    """

    __slots__ = ("_by_length",)

    def __init__(self) -> None:
        self._by_length: dict[int, set[str]] = {}

    def remember(self, *values: object) -> None:
        """From now on blot these out. What is no text, or shorter than SHORTEST_SECRET, is passed over."""
        for value in values:
            if isinstance(value, str) and len(value) >= SHORTEST_SECRET:
                for written in _ways_to_write(value):
                    self._by_length.setdefault(len(written), set()).add(written)

    def forget(self) -> None:
        """Know nothing any more."""
        self._by_length.clear()

    def blot_out(self, text: str) -> str:
        """The text without any of them. Longer ones go first: one may be a part of another."""
        for length in sorted(self._by_length, reverse=True):
            if length <= len(text):
                text = _without(text, length, self._by_length[length])
        return text


known_secrets: Final = KnownSecrets()
"""The secrets of this process."""


def redacted(text: str) -> str:
    """The text with every secret cut to what shows that there was one, and card numbers to their last four digits."""
    text = known_secrets.blot_out(text)
    for pattern, replacement in _BY_FORM:
        text = pattern.sub(replacement, text)
    text = _BY_NAME.sub(_hide_named, text)
    return _CARD.sub(_hide_card, text)


def redacted_value(value: Any) -> Any:
    """A JSON value with the texts in it redacted; numbers stay, for a moment in microseconds may look like a card.

    Members are sorted by name: as noted and as recorded they may stand in another order.
    """
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {redacted(str(key)): _redacted_member(str(key), value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [redacted_value(member) for member in value]
    return value


def redacted_json(value: Any) -> str:
    """A fact's detail as one line of JSON, redacted; empty for None."""
    return "" if value is None else redacted(orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode())


def redacted_facts(facts: Iterable[Fact]) -> list[Fact]:
    """Facts with every text in them redacted, before they are kept: what a strange deployment answers may hold all."""
    return [Fact(*[redacted_value(column) for column in fact]) for fact in facts]


def secrets_in(value: Any) -> Iterator[str]:
    """The texts in a JSON value that stand under a secret's name."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            if isinstance(member, str):
                if is_secret_name(str(name)):
                    yield member
            elif isinstance(member, list) and is_secret_name(str(name)):
                yield from (one for one in member if isinstance(one, str))
            else:
                yield from secrets_in(member)
    elif isinstance(value, (list, tuple)):
        for member in value:
            yield from secrets_in(member)


def is_secret_name(name: str) -> bool:
    return name.lower().replace("-", "_") in _SECRET_NAMES


def _redacted_member(name: str, value: Any) -> Any:
    """By name: a text, or a list of texts, under a secret's name is hidden whole."""
    if is_secret_name(name):
        if isinstance(value, str) and value:
            return redacted(value) if redacted(value) != value else HIDDEN
        if isinstance(value, (list, tuple)):
            return [_redacted_member(name, member) for member in value]
    return redacted_value(value)


def _ways_to_write(secret: str) -> set[str]:
    """As it is, in URLs, in headers of basic authentication; each quoted in JSON or Python, and those quoted again."""
    written = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    for plain in (secret, f"{secret}:"):
        encoded = base64.b64encode(plain.encode()).decode()
        written |= {encoded, encoded.rstrip("=")}
    for _ in range(_QUOTED_MOST):
        written |= {quoted for one in written for quoted in _quoted(one)}
    return written


def _quoted(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    # Python escapes apostrophes only where there are both kinds of quotes, which is the surrounding text's affair.
    in_python = text.replace("\\", "\\\\")
    yield in_python
    yield in_python.replace("'", "\\'")


def _without(text: str, length: int, secrets: set[str]) -> str:
    """The text with every stretch of that length that is a secret hidden."""
    kept: list[str] = []
    start = position = 0
    while position + length <= len(text):
        if text[position : position + length] in secrets:
            kept += (text[start:position], HIDDEN)
            start = position = position + length
        else:
            position += 1
    return text if not kept else "".join((*kept, text[start:]))


def _hide_named(match: re.Match[str]) -> str:
    value = match[2]
    return match[0] if value.endswith("_") or value in ("Bearer", "ADMIN-JWT") else match[1] + HIDDEN


def _hide_card(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match[0])
    is_card = _ISSUED.match(digits) and _passes_luhn(digits) and not _lies_in_uuid(match)
    return f"…{digits[-4:]}" if is_card else match[0]


def _lies_in_uuid(match: re.Match[str]) -> bool:
    """Whether the digits are some of an id: one UUID in some hundreds has a stretch that would do for a card."""
    found = _UUID.finditer(match.string, max(0, match.start() - _UUID_LENGTH), match.end() + _UUID_LENGTH)
    return any(one.start() <= match.start() and match.end() <= one.end() for one in found)


def _passes_luhn(digits: str) -> bool:
    """The check digit that every card number has, and only one in ten other numbers (times in microseconds, say)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if position % 2 else 1)
        total += number - 9 if number > 9 else number
    return total % 10 == 0
