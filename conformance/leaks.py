"""Leaks: what an answer holds that its reader may not see, told without telling it again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from conformance.card_number import card_numbers
from sim.customers.session import Session
from sim.messages import Answer, Request

_BEARER: Final = "Bearer "
_WORD: Final = re.compile(r"[A-Za-z0-9._~+/=-]{8,}")
_CLIENT_SECRET: Final = re.compile(r"((?:pi|seti)_[A-Za-z0-9]+)_secret_[A-Za-z0-9]+")
_KEY: Final = re.compile(r"(?<![A-Za-z0-9])((?:sk|rk)_(?:test|live)_|whsec_)[A-Za-z0-9]{6,}")
_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*")
_REMEMBERED: Final = 4_096
"""Secrets whose owner is known at a time: those of a few hundred accounts, which is as many as act at once."""


class Leaks:
    """Finds leaks, and remembers whose a secret is: a client secret belongs to the account that was first shown it."""

    __slots__ = ("_owners",)

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}

    def find(self, session: Session, request: Request, answer: Answer) -> Iterator[str]:
        """Each leak in words, for an answer to the account of `session`. What the request brought itself is none."""
        reader = session.account_id
        self._remember(session.authorization.removeprefix(_BEARER), reader)
        text = f"{_written(answer.body)} {_written(dict(answer.headers))}"
        brought = f"{request.path} {_written(request.body)} {_written(dict(request.headers))}"
        yield from self._of_others(text, reader)
        for pattern, words in ((_KEY, "a secret key of Stripe's ({}…)"), (_TOKEN, "a token (eyJ…)")):
            for match in pattern.finditer(text):
                if match[0] not in brought:
                    yield words.format(match[1] if match.lastindex else "") + ", which the request did not bring"
        yield from _cards(answer.body, brought)

    def _of_others(self, text: str, reader: str) -> Iterator[str]:
        """Client secrets and credentials of other accounts."""
        for match in _CLIENT_SECRET.finditer(text):
            owner = self._remember(match[0], reader)
            if owner != reader:
                yield f"the client secret of {match[1]}, which account {owner} had been given"
        for match in _WORD.finditer(text):
            owner = self._owners.get(match[0], reader)
            if owner != reader and _CLIENT_SECRET.fullmatch(match[0]) is None:
                yield f"the credential of account {owner}"

    def _remember(self, secret: str, account_id: str) -> str:
        """Whose that is: the one's who was first seen with it."""
        owner = self._owners.setdefault(secret, account_id)
        if len(self._owners) > _REMEMBERED:
            del self._owners[next(iter(self._owners))]
        return owner


def _cards(body: Any, brought: str) -> Iterator[str]:
    found = card_numbers(body) if isinstance(body, (Mapping, list)) else ()
    digits = re.sub(r"[ -]", "", brought) if found else ""
    for number in found:
        if number not in digits:
            yield f"a card number (ends in {number[-4:]}), which the request did not bring"


def _written(value: Any) -> str:
    """A body as it goes over the wire, or nearly so."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value, default=str).decode()
