"""Lists: newest first, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.account import StripeObject
from sim.stripe.errors import invalid_request, no_such

DEFAULT_LIMIT: Final = 10
LARGEST_LIMIT: Final = 100

PAGING: Final[parameters.Specification] = {
    "limit": parameters.integer,
    "starting_after": parameters.text,
    "ending_before": parameters.text,
    "expand": parameters.listed(parameters.text),
}


def page(objects: Sequence[StripeObject], values: Mapping[str, Any], url: str) -> dict[str, Any]:
    """One page of `objects`, given in order of their creation. Raises StripeError for a wrong limit or cursor."""
    limit = values.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= LARGEST_LIMIT:
        raise invalid_request(f"Invalid limit: must be between 1 and {LARGEST_LIMIT}, got {limit}", param="limit")
    newest_first = objects[::-1]
    backwards = "ending_before" in values
    if backwards:
        newest_first = newest_first[: _position(newest_first, values["ending_before"], "ending_before")]
        chosen = newest_first[-limit:]
    else:
        if "starting_after" in values:
            newest_first = newest_first[_position(newest_first, values["starting_after"], "starting_after") + 1 :]
        chosen = newest_first[:limit]
    return {
        "object": "list",
        "data": [item.render() for item in chosen],
        "has_more": len(newest_first) > len(chosen),
        "url": url,
    }


def _position(objects: Sequence[StripeObject], object_id: str, param: str) -> int:
    for position, item in enumerate(objects):
        if item.id == object_id:
            return position
    raise no_such("object in this list", object_id, param)
