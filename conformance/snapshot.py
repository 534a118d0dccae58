"""Snapshots: what a probe read of an account, and of the account beside it, between its other requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from conformance.history import History
from conformance.subscription_timeline import member
from sim.facts import Fact

Object = Mapping[str, Any]

OWN: Final = "self"
NEIGHBOUR: Final = "neighbour"


def snapshots(history: History, operation: str, owner: str = OWN) -> Iterator[Fact]:
    """The successful readings of one list of one account, in order. Pages of a walk are none: they show a part."""
    for fact in history.of("snapshot"):
        if fact.operation == operation and fact.status == 200 and fact.state != "page" and _owner(fact) == owner:
            yield fact


def last_before(history: History, operation: str, time_us: int, owner: str = OWN) -> Fact | None:
    """The last reading that was complete by a moment."""
    found: Fact | None = None
    for fact in snapshots(history, operation, owner):
        if fact.time_us > time_us:
            break
        found = fact
    return found


def first_after(history: History, operation: str, time_us: int, owner: str = OWN) -> Fact | None:
    """The first reading since a moment. Readings are not asked for before an answer has arrived."""
    return next((fact for fact in snapshots(history, operation, owner) if fact.time_us >= time_us), None)


def objects(snapshot: Fact | None) -> list[Object]:
    """What a reading lists; entries that are no objects are left out."""
    listed = member(snapshot, "read")
    return [one for one in listed if hasattr(one, "get")] if isinstance(listed, (list, tuple)) else []


def by_id(snapshot: Fact | None) -> dict[str, Object]:
    """What a reading lists, by `id`."""
    return {str(one.get("id")): one for one in objects(snapshot)}


def written_between(history: History, since_us: int, until_us: int, besides: str) -> bool:
    """Whether anything but the request `besides` was asked to be written in that time, by anybody the history knows."""
    return any(
        fact.subject != besides and since_us <= fact.time_us <= until_us and member(fact, "method") != "GET"
        for fact in history.of("request")
    )


def _owner(fact: Fact) -> str:
    return str(member(fact, "owner") or OWN)
