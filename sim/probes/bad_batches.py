"""Batches with one bad line at each place among good ones, of everything that takes several lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sim.effects import Program
from sim.probes.patience import patiently
from sim.probes.probe import Probe
from sim.probes.prober import Prober

TRIES: Final = "batch"
JsonObject = dict[str, Any]

_GOOD_LINES: Final[tuple[JsonObject, ...]] = (
    {"rate_plan": {"id": "images"}, "frequency": "monthly"},
    {"rate_plan": {"id": "d1"}, "frequency": "monthly"},
)
_GOOD_DOMAINS: Final[tuple[JsonObject, ...]] = ({"name": "first.com", "years": 1}, {"name": "second.com", "years": 2})


class BadLine(NamedTuple):
    """A line that is bad: what is wrong in words, the line, and what of it a message may name."""

    wrong: str
    line: Any
    told: str | None


def _program(prober: Prober) -> Program[None]:
    yield from prober.look("start")
    addresses = prober.session.addresses
    lines = [*_lines(), *(yield from _foreign_zone(prober))]
    for operation, path in (("bulk_create", addresses.bulk), ("pre_auth", addresses.pre_auth)):
        for bad in lines:
            yield from _at_each_place(prober, operation, path, "subscriptions", _GOOD_LINES, bad)
        yield from prober.look(f"after {operation}")
    for bad in _domains():
        yield from _at_each_place(prober, "registrar_checkout", addresses.registrar, "domains", _GOOD_DOMAINS, bad)
    yield from prober.look("after registrar_checkout")


def _at_each_place(
    prober: Prober, operation: str, path: str, member: str, good: tuple[JsonObject, ...], bad: BadLine
) -> Program[None]:
    for place in range(len(good) + 1):
        lines = [*good[:place], bad.line, *good[place:]]
        body: JsonObject = {member: lines}
        if operation != "pre_auth":
            body["user_is_on_session"] = True
        about = {"bad_line": place, "lines": len(lines), "wrong": bad.wrong, "told": bad.told}
        yield from patiently(
            prober, operation, "POST", path, body, tries=TRIES, about=about, key=prober.session.next_key()
        )


_PLAN: Final[JsonObject] = {"rate_plan": {"id": "pages"}, "frequency": "monthly"}


def _lines() -> Iterator[BadLine]:
    plan = _PLAN
    yield BadLine("an unknown plan", {**plan, "rate_plan": {"id": "no_such_plan"}}, "no_such_plan")
    yield BadLine("an unknown frequency", {**plan, "frequency": "fortnightly"}, "fortnightly")
    yield BadLine("quantity 0", {**plan, "quantity": 0}, None)
    yield BadLine("no plan", {"frequency": "monthly"}, None)


def _foreign_zone(prober: Prober) -> Program[list[BadLine]]:
    """A line for a zone of the account beside, which is made for it."""
    neighbour = prober.neighbour
    if neighbour is None:
        return []
    path, body = neighbour.session.addresses.zones, {"name": "beside.example"}
    zone = (yield from neighbour.ask("create_zone", "POST", path, body, tries=TRIES)).member("id")
    if type(zone) is not str or zone in prober.session.zones:
        return []
    return [BadLine("another account's zone", {**_PLAN, "zone_id": zone}, zone)]


def _domains() -> Iterator[BadLine]:
    yield BadLine("no domain name", {"name": "no domain", "years": 1}, "no domain")
    yield BadLine("years 0", {"name": "third.com", "years": 0}, None)


BAD_BATCHES: Final = Probe("bad-batches", _program, neighbour="none")
