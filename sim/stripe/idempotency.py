"""Idempotency keys: the first answer is the answer.

Source: Stripe's page "Idempotent requests". Kept are answers of requests that began to execute; parameters that did not
pass, unknown objects and refused credentials leave the key free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

    __slots__ = ("key", "method", "path", "body", "begun_us", "answer")

    def __init__(self, key: Key, request: Request, begun_us: int) -> None:
        self.key = key
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

    def begin(self, publishable: bool, given: str, request: Request, now_us: int) -> Entry:
        """The entry of a key: with the answer to replay; or new, without one, the request being in flight from now on.

        Raises StripeError: 400 for other parameters, 409 while the first request is in flight.
        """
        length = len(given)
        if length > KEY_CHARACTERS:
            raise invalid_request(f"Idempotency keys can have at most {KEY_CHARACTERS} characters, got {length}.")
        key = (publishable, given)
        entry = self._entries.get(key)
        if entry is None or (entry.answer is not None and now_us - entry.begun_us >= KEPT_FOR_US):
            self._entries[key] = entry = Entry(key, request, now_us)
            return entry
        if not entry.same_request(request):
            raise _other_parameters(given)
        if entry.answer is None:
            raise _in_use(given)
        return entry

    def release(self, keys: Iterable[Key]) -> None:
        """Free keys: of requests that did not begin to execute, or of an account that is forgotten."""
        for key in keys:
            self._entries.pop(key, None)


def replayed(answer: Answer) -> Answer:
    """The first answer, told to be a repetition."""
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
