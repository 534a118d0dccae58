"""A gateway's answer as a client reads it: the envelope opened, whatever it turned out to hold."""

from __future__ import annotations

from typing import Any, Final

from sim.messages import Answer
from sim.time import SECOND_US

_LONGEST_RETRY_AFTER_S: Final = 900
"""No person waits longer before trying again. Assumption."""


class Reply:
    """One answer, read. `ok`: a 2xx whose envelope says success; anything else that came is a refusal.

    `code` is that of the first error; `errors` are (code, message) pairs. A body that is no envelope has neither.
    `info` is what is said of a page of a list, None where nothing is.
    """

    __slots__ = ("code", "errors", "headers", "info", "messages", "ok", "request_id", "result", "status")

    def __init__(self, answer: Answer, request_id: str) -> None:
        self.request_id = request_id
        self.status = answer.status
        self.headers = answer.headers
        self.code: int | None = None
        self.errors: tuple[tuple[int, str], ...] = ()
        self.messages: list[int] = []
        self.result: Any = None
        self.info: Any = None
        self.ok = False
        body = answer.body
        if type(body) is not dict:
            return
        if 200 <= answer.status < 300 and body.get("success") is True:
            self.ok = True
            self.result = body.get("result")
            self.info = body.get("result_info")
        else:
            self.errors = _entries(body.get("errors"))
            self.code = self.errors[0][0] if self.errors else None
        if body.get("messages"):
            self.messages = [code for code, _ in _entries(body["messages"])]

    @property
    def unknown(self) -> bool:
        """Whether no answer came in time: what was asked for is done, or not."""
        return self.status == 0

    @property
    def state(self) -> str:
        """As facts have it: `ok`, `refused` or `unknown`."""
        return "ok" if self.ok else "unknown" if self.status == 0 else "refused"

    @property
    def decline_code(self) -> str | None:
        """Stripe's decline code in the message of a refused card, as the contract puts it there."""
        if self.status != 402 or self.code == 1210 or not self.errors:
            return None
        message = self.errors[0][1]
        return next((code for code in DECLINE_CODES if code in message), "card_declined")

    @property
    def retry_after_us(self) -> int:
        """How long a 429 asks to wait, in microseconds; a second where it does not say."""
        try:
            asked_s = float(self.headers.get("retry-after", "1"))
        except ValueError:
            asked_s = 1.0
        if not 0 <= asked_s <= _LONGEST_RETRY_AFTER_S:  # also true for a NaN
            asked_s = float(_LONGEST_RETRY_AFTER_S)
        return round(asked_s * SECOND_US)

    def member(self, name: str) -> Any:
        """A member of the result, or None where the result has no members."""
        return member_of(self.result, name)

    def objects(self, name: str | None = None) -> list[dict[str, Any]]:
        """The objects in a list of the result (in the result itself without a name)."""
        return objects_in(self.result if name is None else member_of(self.result, name))


def member_of(result: Any, name: str) -> Any:
    """A member of a result, or None where it has no members."""
    return result.get(name) if type(result) is dict else None


def objects_in(listed: Any) -> list[dict[str, Any]]:
    """The objects in what should be a list of objects; what is no object is left out. Not to be changed."""
    if type(listed) is not list:
        return []
    for entry in listed:
        if type(entry) is not dict:
            return [entry for entry in listed if type(entry) is dict]
    return listed


DECLINE_CODES: Final = (
    "insufficient_funds",
    "generic_decline",
    "incorrect_cvc",
    "expired_card",
    "incorrect_number",
    "processing_error",
    "lost_card",
    "stolen_card",
    "card_velocity_exceeded",
    "fraudulent",
    "do_not_honor",
    "authentication_required",
)
"""Decline codes that may stand in the message of a refused card (Stripe, "Decline codes")."""


def _entries(entries: Any) -> tuple[tuple[int, str], ...]:
    if type(entries) is not list:
        return ()
    return tuple(
        (entry["code"], str(entry.get("message", "")))
        for entry in entries
        if type(entry) is dict and type(entry.get("code")) is int
    )
