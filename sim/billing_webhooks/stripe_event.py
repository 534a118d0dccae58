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
        data = event["data"]
        body, previous = data["object"], data.get("previous_attributes")
        if not (isinstance(event["id"], str) and isinstance(event["type"], str) and isinstance(body["id"], str)):
            raise TypeError("id and type must be texts")
        if previous is not None and not isinstance(previous, dict):
            raise TypeError("previous_attributes must be an object")
        _check_metadata(body.get("metadata"))
        return StripeEvent(event["id"], event["type"], body, previous or {})
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise NotAnEvent(f"the body is no event of Stripe's: {error!r}") from None


def _check_metadata(metadata: Any) -> None:
    """Raises TypeError: what is looked up by its values must be texts."""
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise TypeError("metadata must be an object of texts")
