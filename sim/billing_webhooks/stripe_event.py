"""An event of Stripe's, as far as billing-webhooks reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


class NotAnEvent(ValueError):
    """A signed body that is no event."""


class StripeEvent:
    """One event and the account it concerns.

    Not a mapping, so that no request from outside can ever pass for an event whose signature was checked.
    """

    __slots__ = ("body", "id", "metadata", "object_id", "previous", "type")

    def __init__(self, event_id: str, event_type: str, body: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
        self.id = event_id
        self.type = event_type
        self.body = body
        """The object as it was when the event happened."""
        self.previous = previous
        self.object_id: str = body["id"]
        self.metadata: Mapping[str, str] = body.get("metadata") or {}

    @property
    def account_id(self) -> str | None:
        """The account that the object names; None where it names none."""
        return self.metadata.get("account_id")

    @property
    def purchase_id(self) -> str:
        """The purchase that the object names; "" where it names none."""
        return self.metadata.get("purchase_id", "")

    @property
    def customer(self) -> str | None:
        """The customer that the object belongs to, or belonged to until this event."""
        customer = self.body.get("customer") or self.previous.get("customer")
        return customer if isinstance(customer, str) else None


def read_event(payload: bytes) -> StripeEvent:
    """Read the raw body of a delivery. Raises NotAnEvent."""
    try:
        event = orjson.loads(payload)
        data, metadata = event["data"], event["data"]["object"].get("metadata")
        if not (isinstance(event["id"], str) and isinstance(event["type"], str) and isinstance(metadata or {}, dict)):
            raise TypeError("id and type must be texts, metadata an object")
        return StripeEvent(event["id"], event["type"], data["object"], data.get("previous_attributes") or {})
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise NotAnEvent(f"the body is no event of Stripe's: {error!r}") from None
