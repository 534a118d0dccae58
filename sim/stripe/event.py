"""Events: what Stripe tells of each change, with the object as it was at that moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson

from sim.time import unix_s

if TYPE_CHECKING:
    from sim.stripe.account import Account

API_VERSION: Final = "2026-10-28.endive"


Body = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""A rendered object, which is never changed afterwards; or what renders it as it was, for events that few look at."""


Row = tuple["Account", int, str, int, str, Body, str, str | None, Mapping[str, Any] | None]
"""What an `Event` is made of. Of an event that nobody subscribes to no more than that is kept."""


class Event:
    """One event. `subject` is the id of the object that it is about, `body` that object as it was.

    `number` is the event's within its account: its id is made of it when somebody asks. `request_id` is empty for what
    Stripe did by itself.
    """

    __slots__ = (
        "account",
        "number",
        "type",
        "created_us",
        "subject",
        "_body",
        "previous",
        "request_id",
        "idempotency_key",
        "pending_webhooks",
        "_payload",
    )
    spoken_name: ClassVar = "event"

    def __init__(
        self,
        account: Account,
        number: int,
        event_type: str,
        created_us: int,
        subject: str,
        body: Body,
        request_id: str,
        idempotency_key: str | None,
        previous: Mapping[str, Any] | None,
    ) -> None:
        self.account = account
        self.number = number
        self.type = event_type
        self.created_us = created_us
        self.subject = subject
        self._body = body
        self.previous = previous
        self.request_id = request_id
        self.idempotency_key = idempotency_key
        self.pending_webhooks = 0
        self._payload: bytes | None = None

    @property
    def id(self) -> str:
        return f"evt_{self.account.token}{self.number:06x}"

    @property
    def created(self) -> int:
        return unix_s(self.created_us)

    @property
    def body(self) -> Mapping[str, Any]:
        if callable(self._body):
            self._body = self._body()
        return self._body

    def payload(self) -> bytes:
        """The bytes that are delivered: the same at every attempt."""
        if self._payload is None:
            self._payload = orjson.dumps(self.render())
        return self._payload

    def render(self) -> dict[str, Any]:
        data: dict[str, Any] = {"object": self.body}
        if self.previous is not None:
            data["previous_attributes"] = self.previous
        return {
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": data,
            "livemode": False,
            "pending_webhooks": self.pending_webhooks,
            "request": {"id": self.request_id or None, "idempotency_key": self.idempotency_key},
            "type": self.type,
        }
