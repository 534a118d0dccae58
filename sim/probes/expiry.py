"""Pays a day too late, and then buys again: purchases, changes of plan and plans of zones that had to expire."""

from __future__ import annotations

from typing import Any, Final

from sim.clients.reply import Reply
from sim.customers.part import IN_FORCE
from sim.effects import Program, Wait
from sim.probes.card import APART_US, listed, pay, secrets_in
from sim.probes.probe import Probe
from sim.probes.prober import Prober
from sim.time import HOUR_US

_TRIES: Final = "pay_after_expiry"
_LATE_US: Final = 24 * HOUR_US
"""An hour after unpaid purchases expire."""
_READ: Final = ("list_subscriptions", "entitlements", "billing_history")


def _program(prober: Prober) -> Program[None]:
    if not prober.reach.hours_pass:
        prober.unreachable("expiry", "a probe cannot wait for a day here, and no clock can be moved")
        return
    body = yield from _cart(prober)
    first = secrets_in((yield from _ask(prober, body)))
    yield from prober.look("waiting", _READ)
    if not first:
        return
    yield Wait(_LATE_US)
    yield from prober.look("expired", _READ)
    for secret in first:
        yield from pay(prober, secret)
    yield Wait(APART_US, needed=True)
    yield from prober.look("paid too late", _READ)
    yield from _move_zones(prober, body)
    again = secrets_in((yield from _ask(prober, body)))
    yield from prober.look("bought again", _READ)
    for secret in again:
        yield from pay(prober, secret)
    yield Wait(APART_US, needed=True)
    yield from _move_zones(prober, body)
    yield from prober.look("after", _READ)


Asked = tuple[str, str, str, dict[str, Any]]
"""Operation, method, path and body of what is bought."""


def _cart(prober: Prober) -> Program[Asked]:
    """The change that the cart is for, or its lines, the new zones of which are made first."""
    basket, addresses = prober.shopper.basket, prober.session.addresses
    if basket.upgrade is not None:
        held = yield from listed(prober, "list_subscriptions", "/subscriptions", _TRIES)
        found = next((str(one.get("id")) for one in held if one.get("state") in IN_FORCE), "none-in-force")
        path = f"{addresses.subscriptions}/{found}"
        return "update", "PUT", path, {"rate_plan": {"id": basket.upgrade.to_plan}, "user_is_on_session": True}
    lines: list[dict[str, Any]] = []
    for wanted, body in zip(basket.zone_lines, basket.lines, strict=True):
        made: dict[str, Any] = dict(body)
        if wanted.zone == "new":
            name = {"name": f"probe-{prober.shopper.index}.example.com"}
            zone = yield from prober.client.ask("create_zone", "POST", addresses.zones, name, tries=_TRIES)
            made["zone_id"] = zone.member("id")
        lines.append(made)
    return "bulk_create", "POST", addresses.bulk, {"subscriptions": lines, "user_is_on_session": True}


def _move_zones(prober: Prober, asked: Asked) -> Program[None]:
    """Have the zones leave "initializing", which is refused as long as their plans are not paid."""
    for one in asked[3].get("subscriptions", ()):
        if one.get("zone_id") is not None:
            path = f"{prober.session.addresses.zones}/{one['zone_id']}"
            yield from prober.client.ask("patch_zone", "PATCH", path, {"status": "pending"}, tries=_TRIES)


def _ask(prober: Prober, asked: Asked) -> Program[Reply]:
    operation, method, path, body = asked
    key = prober.session.next_key()
    return (yield from prober.client.ask(operation, method, path, body, tries=_TRIES, key=key))


EXPIRY: Final = Probe("pay-after-expiry", _program)
