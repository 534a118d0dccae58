"""Requests about events."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.errors import invalid_request
from sim.stripe.event import Event
from sim.stripe.listing import CREATED, PAGING, page

MOST_TYPES: Final = 20
"""Source: the description of `types` in the official SDK."""
LIST: Final = {
    **PAGING,
    **CREATED,
    "delivery_success": parameters.boolean,
    "type": parameters.text,
    "types": parameters.listed(parameters.text),
}


def retrieve(context: Context, values: Mapping[str, Any], event_id: str) -> dict[str, Any]:
    return context.ledger.get(Event, event_id).render()


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "type" in values and "types" in values:
        raise invalid_request("You may only specify one of these parameters: type, types.", param="type")
    types = values.get("types", [values["type"]] if "type" in values else ["*"])
    if len(types) > MOST_TYPES:
        raise invalid_request(f"You can filter by at most {MOST_TYPES} types, got {len(types)}.", param="types")
    delivered = values.get("delivery_success")

    def wanted(event: Event) -> bool:
        if delivered is not None and (event.pending_webhooks == 0) is not delivered:
            return False
        return any(fnmatchcase(event.type, pattern) for pattern in types)

    return page(context.ledger.events(), values, "/v1/events", where=wanted)
