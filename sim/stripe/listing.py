"""Lists: newest first, in pages, with cursors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

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
CREATED: Final[parameters.Specification] = {"created": parameters.moments}
"""The filter by the second of creation, for lists that have it; `page` obeys it."""

T = TypeVar("T", bound=StripeObject)


def page(
    objects: Sequence[T],
    values: Mapping[str, Any],
    url: str,
    *,
    where: Callable[[T], bool] | None = None,
    show: Callable[[T], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """One page of `objects`, given in order of their creation. Raises StripeError for a wrong limit or cursor.

    A cursor may be any of `objects`, also one that `where` leaves out: what a reader saw on one page may be gone, or
    have changed, when the next is asked for. `show` renders in place of the objects themselves.
    """
    limit = values.get("limit", DEFAULT_LIMIT)
    _check_limit(limit)
    matching = _matching(objects[::-1], values, where)
    chosen = list(islice(matching, limit + 1))
    has_more = len(chosen) > limit
    del chosen[limit:]
    if "ending_before" in values:
        chosen.reverse()
    return {
        "object": "list",
        "data": [item.render() if show is None else show(item) for item in chosen],
        "has_more": has_more,
        "url": url,
    }


def _matching(newest_first: Sequence[T], values: Mapping[str, Any], where: Callable[[T], bool] | None) -> Iterator[T]:
    """What the filters let pass, from the cursor on: away from it in either direction."""
    remaining: Iterable[T] = newest_first
    if "ending_before" in values:
        if "starting_after" in values:
            raise invalid_request(
                "You may only specify one of these parameters: starting_after, ending_before.", param="ending_before"
            )
        remaining = newest_first[: _position(newest_first, values["ending_before"], "ending_before")][::-1]
    elif "starting_after" in values:
        remaining = newest_first[_position(newest_first, values["starting_after"], "starting_after") + 1 :]
    first_s, last_s = values.get("created", (None, None))
    for item in remaining:
        if (first_s is None or first_s <= item.created <= last_s) and (where is None or where(item)):
            yield item


def lies_within(moment_s: int | None, bounds: tuple[int, int] | None) -> bool:
    """Whether a moment passes a filter; what has none passes no filter but the missing one."""
    return bounds is None or (moment_s is not None and bounds[0] <= moment_s <= bounds[1])


def _check_limit(limit: int) -> None:
    if limit < 1:
        message = "This value must be greater than or equal to 1."
    elif limit > LARGEST_LIMIT:
        message = f"This value must be less than or equal to {LARGEST_LIMIT} (it currently is '{limit}')."
    else:
        return
    raise invalid_request(message, param="limit", code="parameter_invalid_integer")


def _position(objects: Sequence[StripeObject], object_id: str, param: str) -> int:
    for position, item in enumerate(objects):
        if item.id == object_id:
            return position
    refusal = no_such(objects[0].spoken_name if objects else "object", object_id, param)
    refusal.status = 400
    raise refusal
