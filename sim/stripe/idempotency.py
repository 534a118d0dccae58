"""Idempotency keys: the first answer is the answer.

Source: Stripe's page "Idempotent requests". Kept are answers of requests that began to execute; parameters that did not
pass, unknown objects and refused credentials leave the key free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.messages import Answer, Request
from sim.stripe.errors import StripeError, invalid_request
from sim.time import DAY_US

KEPT_FOR_US: Final = DAY_US
KEY_CHARACTERS: Final = 255


Key = tuple[bool, str]
"""Whether it came with a publishable key, and the idempotency key: a browser cannot replay what the backend did."""


class Entry:
    """What is known of one key; `answer` is None while the first request is in flight."""

    __slots__ = ("method", "path", "body", "begun_us", "answer")

    def __init__(self, request: Request, begun_us: int) -> None:
        self.method = request.method
        self.path = request.path
        self.body = request.body
        self.begun_us = begun_us
        self.answer: Answer | None = None

    def same_request(self, request: Request) -> bool:
        return self.method == request.method and self.path == request.path and self.body == request.body


class IdempotencyKeys:
    """All keys in use."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}

    def begin(self, key: Key, request: Request, now_us: int) -> Answer | None:
        """The answer to replay, or None if the request is the first with its key, which is then in flight.

        Raises StripeError: 400 for other parameters, 409 while the first request is in flight.
        """
        length = len(key[1])
        if length > KEY_CHARACTERS:
            raise invalid_request(f"Idempotency keys can have at most {KEY_CHARACTERS} characters, got {length}.")
        entry = self._entries.get(key)
        if entry is None or (entry.answer is not None and now_us - entry.begun_us >= KEPT_FOR_US):
            self._entries[key] = Entry(request, now_us)
            return None
        if not entry.same_request(request):
            raise _other_parameters(key[1])
        if entry.answer is None:
            raise _in_use(key[1])
        return _replayed(entry.answer)

    def finish(self, key: Key, answer: Answer) -> None:
        """Keep the answer of the first request."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.answer = answer

    def release(self, key: Key) -> None:
        """Free a key whose request did not begin to execute."""
        self._entries.pop(key, None)


def _replayed(answer: Answer) -> Answer:
    headers: Mapping[str, Any] = {**answer.headers, "idempotent-replayed": "true"}
    return Answer(answer.status, answer.body, headers)


def _other_parameters(key: str) -> StripeError:
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return StripeError(400, {"message": message, "type": "idempotency_error"})


def _in_use(key: str) -> StripeError:
    return invalid_request(
        f"There is currently another in-progress request using this Idempotent Key ({key}). Please try again later.",
        code="idempotency_key_in_use",
        status=409,
    )
