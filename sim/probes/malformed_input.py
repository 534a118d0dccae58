"""Malformed input of every kind to every operation, with a reading of the account after each operation's share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from sim.effects import Program
from sim.probes import bad_bodies as bad
from sim.probes.bad_bodies import BadBody
from sim.probes.patience import held, patiently
from sim.probes.probe import Probe
from sim.probes.prober import Prober

TRIES: Final = "malformed"
_NOBODYS: Final = "no-such-id"
_SHARES: Final = 2
"""Customers among whom the bodies are dealt out, so that one customer's requests stay few."""


class Place(NamedTuple):
    """An operation that takes a body: its name, method, path below the prefix, and the bodies that do not fit."""

    operation: str
    method: str
    below: str
    bodies: tuple[BadBody, ...]


def _program(prober: Prober) -> Program[None]:
    yield from prober.look("start")
    places = yield from _places(prober)
    for number, place in enumerate(places):
        yield from _send(prober, place, BadBody("no body", None, None))
        for body in _share(prober, number, [*bad.no_json(), *place.bodies]):
            if body.must == "refused":
                yield from _send(prober, place, body)
        yield from prober.look(f"after {place.operation}")
    yield from _addresses(prober)
    yield from prober.look("after what is not there")
    yield from _left_open(prober, places)


def _places(prober: Prober) -> Program[list[Place]]:
    """The operations that take a body, as far as the account has what they are about."""
    places = [
        Place("bulk_create", "POST", "/bulk/subscriptions", (*bad.of_lines(bad.CART), *bad.of_purchase(bad.CART))),
        Place("create", "POST", "/subscriptions", (*bad.of_one_line(bad.ONE_LINE), *bad.of_purchase(bad.ONE_LINE))),
        Place("registrar_checkout", "POST", "/billing/checkout", _domains()),
        Place("pre_auth", "POST", "/billing/pre_auth/stripe_payment_intent", tuple(bad.of_lines(bad.TO_CONFIRM))),
        Place("profile_create", "POST", "/billing/profile", tuple(bad.of_profile(bad.PROFILE))),
        Place("profile_update", "PUT", "/billing/profile", tuple(bad.of_profile(bad.PROFILE))),
        Place("add_payment_method", "POST", "/payment-methods", tuple(bad.of_method(bad.METHOD))),
        Place("create_zone", "POST", "/zones", tuple(bad.of_zone(bad.ZONE))),
        Place("pay_bad_debt", "POST", "/billing/pay-bad-debt", tuple(bad.of_debt(bad.DEBT))),
    ]
    subscriptions = yield from held(prober)
    if subscriptions:
        below = f"/subscriptions/{subscriptions[0]['id']}"
        places.append(Place("update", "PUT", below, (*bad.of_plan(bad.CHANGE), *bad.of_purchase(bad.CHANGE))))
        units = (*bad.of_components(bad.UNITS), *bad.of_purchase(bad.UNITS))
        places.append(Place("append", "POST", below + "/action/append", units))
    else:
        prober.unreachable(TRIES, "the account has no subscription in force, so update and append were not tried")
    for zone in prober.session.zones[:1]:
        places.append(Place("patch_zone", "PATCH", f"/zones/{zone}", tuple(bad.of_zone_status(bad.STATUS))))
    return places


def _domains() -> tuple[BadBody, ...]:
    return (*bad.of_domains(bad.DOMAINS), *bad.of_purchase(bad.DOMAINS))


def _share(prober: Prober, number: int, bodies: Iterable[BadBody]) -> Iterator[BadBody]:
    """This customer's share of the bodies for the operation of that number."""
    for index, body in enumerate(bodies):
        if (index + number + prober.shopper.index) % _SHARES == 0:
            yield body


def _send(prober: Prober, place: Place, body: BadBody) -> Program[None]:
    about = {"case": body.case, "must": body.must, "field": body.field}
    yield from patiently(
        prober, place.operation, place.method, prober.path(place.below), body.body, tries=TRIES, about=about
    )


def _addresses(prober: Prober) -> Program[None]:
    """Paths that nothing is at, methods that a path does not have, ids that nobody has, and queries that are none."""
    for below in ("/nothing", "/subscriptions/a/b/c", "/billing", "/\u00fc"):
        yield from _ask_there(prober, "unknown_path", "GET", below, "a path that nothing is at", 404, 7003)
    for method, below in (("DELETE", "/entitlements"), ("PATCH", "/bulk/subscriptions"), ("GET", "/billing/checkout")):
        yield from _ask_there(prober, "wrong_method", method, below, f"method {method}", 405, 7001)
    for operation, method, below, body in _by_id():
        yield from _ask_there(prober, operation, method, below, "an id that nobody has", 404, 7003, body)
    for case, query, field, must in bad.HISTORY_QUERIES:
        if must == "refused":
            yield from _query(prober, case, query, field, must)


def _by_id() -> Iterable[tuple[str, str, str, Any]]:
    for name in (_NOBODYS, "i" * 300, "a%00b"):
        yield "update", "PUT", f"/subscriptions/{name}", bad.CHANGE
        yield "append", "POST", f"/subscriptions/{name}/action/append", bad.UNITS
        yield "cancel", "DELETE", f"/subscriptions/{name}", None
        yield "get_zone", "GET", f"/zones/{name}", None
        yield "patch_zone", "PATCH", f"/zones/{name}", bad.STATUS
        yield "remove_payment_method", "DELETE", f"/payment-methods/{name}", None
        yield "invoice", "GET", f"/billing/invoices/{name}", None
        yield "invoice_pdf", "GET", f"/billing/invoices/{name}/pdf", None


def _ask_there(
    prober: Prober, operation: str, method: str, below: str, case: str, status: int, code: int, body: Any = None
) -> Program[None]:
    about = {"case": case, "must": "refused", "field": None, "status": status, "code": code}
    yield from patiently(prober, operation, method, prober.path(below), body, tries=TRIES, about=about)


def _query(prober: Prober, case: str, query: Mapping[str, str], field: str | None, must: str) -> Program[None]:
    about = {"case": case, "must": must, "field": field}
    path = prober.path("/billing/history")
    yield from patiently(prober, "billing_history", "GET", path, tries=TRIES, about=about, query=query)


def _left_open(prober: Prober, places: Iterable[Place]) -> Program[None]:
    """What the contract leaves open, at the end: it may be accepted, and then changes something."""
    for case, query, field, must in bad.HISTORY_QUERIES:
        if must == "answered":
            yield from _query(prober, case, query, field, must)
    for number, place in enumerate(places):
        for body in _share(prober, number, place.bodies):
            if body.must == "answered":
                yield from _send(prober, place, body)
    for case, content in (
        ("a member given twice", b'{"name": "first.example", "name": "last.example"}'),
        ("members that nobody asked for", b'{"name": "more.example", "colour": {"is": ["red"]}, "id": 5}'),
    ):
        zone = Place("create_zone", "POST", "/zones", ())
        yield from _send(prober, zone, BadBody(case, content, None, "answered"))
    about = {"case": "JSON by another name", "must": "answered", "field": None}
    headers = {"content-type": "text/plain"}
    path = prober.path("/zones")
    yield from patiently(prober, "create_zone", "POST", path, bad.ZONE, tries=TRIES, about=about, headers=headers)
    tokens: tuple[Any, ...] = (5, [], "t" * 5_000)
    for token in tokens:
        body = BadBody("a turnstile token that is none", {"turnstile_token": token}, None, "answered")
        yield from _send(prober, Place("setup_payment_method", "POST", "/billing/profile/payment-method", ()), body)


MALFORMED_INPUT: Final = Probe("malformed-input", _program)
