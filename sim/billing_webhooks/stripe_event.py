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
    `body` is the object as it was when the event happened, `account_id` the account that it names, if any,
    `purchase_id` the purchase that it names, or "", and `customer` the customer it belongs to, or belonged to until
    this event.
    """

    __slots__ = ("account_id", "body", "customer", "id", "object_id", "purchase_id", "type")

    def __init__(self, event_id: str, event_type: str, body: Mapping[str, Any], previous: Mapping[str, Any]) -> None:
        self.id = event_id
        self.type = event_type
        self.body = body
        self.object_id: str = body["id"]
        metadata: Mapping[str, str] = body.get("metadata") or {}
        self.account_id: str | None = metadata.get("account_id")
        self.purchase_id: str = metadata.get("purchase_id", "")
        customer = body.get("customer") or previous.get("customer")
        self.customer: str | None = customer if isinstance(customer, str) else None


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
