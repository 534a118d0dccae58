"""Requests about events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.event import Event
from sim.stripe.listing import PAGING, page

LIST: Final = {
    **PAGING,
    "type": parameters.text,
    "types": parameters.listed(parameters.text),
    "created": parameters.hash_of_anything,
}


def retrieve(context: Context, values: Mapping[str, Any], event_id: str) -> dict[str, Any]:
    return context.ledger.get(Event, event_id).render()


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    types = [values["type"]] if "type" in values else values.get("types")
    events = context.ledger.events()
    if types is not None:
        events = [event for event in events if event.type in types]
    return page(events, values, "/v1/events")
