"""Purchases that come twice: at the same instant, after a time-out, with another body or elsewhere, after refusals."""

from __future__ import annotations

from typing import Any, Final

from sim.clients.reply import Reply
from sim.effects import DEFAULT_TIMEOUT_US, Program, Spawn, Wait
from sim.probes.patience import held
from sim.probes.probe import Probe
from sim.probes.prober import Prober
from sim.time import MILLISECOND_US, SECOND_US

TRIES: Final = "repeats"
_GIVES_UP_US: Final = 100 * MILLISECOND_US
"""How long the impatient one waits for an answer. Assumption: less than a purchase takes that Stripe hears of."""
_UNTIL_ANSWERED_US: Final = 40 * SECOND_US
"""Longer than any answer takes: what was asked for at the same time is answered then."""
_TRIES_MAX: Final = 6
_LISTS: Final = ("list_subscriptions",)


def _cart(*plans: str) -> dict[str, Any]:
    lines = [{"rate_plan": {"id": plan}, "frequency": "monthly"} for plan in plans]
    return {"subscriptions": lines, "user_is_on_session": True}


def _program(prober: Prober) -> Program[None]:
    yield from prober.look("start", _LISTS)
    yield from _at_once(prober)
    yield from prober.look("after a double click", _LISTS)
    yield from _after_no_answer(prober)
    yield from prober.look("after a time-out", _LISTS)
    yield from _of_a_neighbour(prober)
    yield from prober.look("after a neighbour's key", _LISTS)
    yield from _something_else(prober)
    yield from _refused(prober)
    yield from _change(prober)
    yield from prober.look("end", _LISTS)


def _buy(prober: Prober, key: str, body: Any, timeout_us: int = DEFAULT_TIMEOUT_US) -> Program[Reply]:
    path = prober.session.addresses.bulk
    return (
        yield from prober.client.ask("bulk_create", "POST", path, body, tries=TRIES, key=key, timeout_us=timeout_us)
    )


def _at_once(prober: Prober) -> Program[None]:
    key, body = prober.session.next_key(), _cart("workers_paid")
    for _ in range(2):
        yield Spawn(_buy(prober, key, body))
    yield from _buy(prober, key, body)
    yield Wait(_UNTIL_ANSWERED_US, needed=True)
    yield from _buy(prober, key, body)


def _after_no_answer(prober: Prober) -> Program[None]:
    key, body = prober.session.next_key(), _cart("images", "d1")
    yield from _buy(prober, key, body, _GIVES_UP_US)
    yield from _buy(prober, key, body)
    yield Wait(_UNTIL_ANSWERED_US, needed=True)
    yield from _buy(prober, key, body)


def _of_a_neighbour(prober: Prober) -> Program[None]:
    """The key that a neighbour has just bought with, once with another body and once with the same."""
    neighbour = prober.neighbour
    if neighbour is None:
        return
    same = _cart("queues")
    key = prober.session.next_key()
    path = neighbour.session.addresses.bulk
    yield from neighbour.ask("bulk_create", "POST", path, same, tries=TRIES, key=key)
    yield from _buy(prober, key, same)
    yield from prober.look("between a neighbour's keys", _LISTS)
    key = prober.session.next_key()
    yield from neighbour.ask("bulk_create", "POST", path, same, tries=TRIES, key=key)
    yield from _buy(prober, key, _cart("vectorize"))


def _something_else(prober: Prober) -> Program[None]:
    """A key that was used, with another body, and for another operation."""
    key = prober.session.next_key()
    yield from _buy(prober, key, _cart("pages"))
    yield from _buy(prober, key, _cart("pages", "d1"))
    line = {"rate_plan": {"id": "pages"}, "frequency": "monthly", "user_is_on_session": True}
    path = prober.session.addresses.subscriptions
    yield from prober.client.ask("create", "POST", path, line, tries=TRIES, key=key)
    yield from _buy(prober, key, _cart("pages"))


def _refused(prober: Prober) -> Program[None]:
    """Refusals are kept as well: of a body, and of the gate where it is on, after its reason is gone."""
    key = prober.session.next_key()
    bad = _cart("no_such_plan")
    yield from _buy(prober, key, bad)
    yield from _buy(prober, key, bad)
    yield from _buy(prober, key, _cart("stream"))
    key, body = prober.session.next_key(), _cart("load_balancer")
    reply = yield from _buy(prober, key, body)
    if reply.status == 402:
        method = {"payment_method_id": "pm_card_visa"}
        path = prober.session.addresses.payment_methods
        yield from prober.client.ask("add_payment_method", "POST", path, method, tries=TRIES)
        yield from _buy(prober, key, body)


def _change(prober: Prober) -> Program[None]:
    """A change of plan, twice with one key; and a second change while the first waits, which is refused each time."""
    subscriptions = yield from held(prober)
    if not subscriptions:
        return
    path = prober.path(f"/subscriptions/{subscriptions[0]['id']}")
    business = {"rate_plan": {"id": "zone_business"}, "user_is_on_session": True}
    units = {"component_values": [{"name": "origins", "value": 1}], "user_is_on_session": True}
    change, more = prober.session.next_key(), prober.session.next_key()
    for _ in range(2):
        yield from prober.client.ask("update", "PUT", path, business, tries=TRIES, key=change)
    for _ in range(2):
        yield from prober.client.ask("append", "POST", path + "/action/append", units, tries=TRIES, key=more)
    yield from prober.client.ask("update", "PUT", path, business, tries=TRIES, key=change)


REPEATS: Final = Probe("repeats", _program, neighbour="valid")


def _through_errors(prober: Prober) -> Program[None]:
    """A purchase that meets server errors is asked for again with its key, then with others, then with the first."""
    body = _cart("workers_paid", "images")
    first = prober.session.next_key()
    reply = yield from _buy(prober, first, body)
    for _ in range(_TRIES_MAX):
        if reply.ok:
            break
        yield Wait(_UNTIL_ANSWERED_US, needed=True)
        reply = yield from _buy(prober, prober.session.next_key(), body)
    for _ in range(3):
        yield Wait(SECOND_US, needed=True)
        yield from _buy(prober, first, body)


REPEATS_AFTER_ERRORS: Final = Probe("repeats-after-errors", _through_errors)
