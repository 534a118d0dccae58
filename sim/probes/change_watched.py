"""Changes a plan without paying for it at once, and looks between every two steps: after a decline, too."""

from __future__ import annotations

from typing import Any, Final

from sim.clients.reply import Reply
from sim.customers.part import IN_FORCE
from sim.effects import Program, Wait
from sim.probes.card import APART_US, listed, pay, secrets_in, until
from sim.probes.probe import Probe
from sim.probes.prober import Prober

_TRIES: Final = "change_watched"
_READ: Final = ("list_subscriptions", "entitlements")


def _program(prober: Prober) -> Program[None]:
    held = yield from listed(prober, "list_subscriptions", "/subscriptions", _TRIES)
    found = next((str(one.get("id")) for one in held if one.get("state") in IN_FORCE), None)
    yield from prober.look("before", _READ)
    if found is None:
        prober.unreachable("change of plan", "the account has nothing in force")
        return
    secrets = secrets_in((yield from _change(prober, found)))
    yield from _rest(prober, "waiting")
    for secret in secrets:
        yield from pay(prober, secret, "generic_decline")
        yield from _rest(prober, "declined")
        yield from _change(prober, found)
        yield from _rest(prober, "asked again")
        yield from pay(prober, secret)
    yield from until(prober, "list_subscriptions", "/subscriptions", _moved(held), _TRIES)
    yield from _rest(prober, "after")


def _rest(prober: Prober, state: str) -> Program[None]:
    """Time for an event to arrive, and a look at what it has done."""
    yield Wait(APART_US, needed=True)
    yield from prober.look(state, _READ)


def _change(prober: Prober, subscription: str) -> Program[Reply]:
    basket, path = prober.shopper.basket, f"{prober.session.addresses.subscriptions}/{subscription}"
    key = prober.session.next_key()
    if basket.upgrade is not None:
        body: dict[str, Any] = {"rate_plan": {"id": basket.upgrade.to_plan}, "user_is_on_session": True}
        return (yield from prober.client.ask("update", "PUT", path, body, tries=_TRIES, key=key))
    assert basket.append is not None, "the probe change-watched needs carts with an upgrade or an append"
    values = [{"name": basket.append.component, "value": basket.append.value}]
    body = {"component_values": values, "user_is_on_session": True}
    return (yield from prober.client.ask("append", "POST", path + "/action/append", body, tries=_TRIES, key=key))


def _moved(before: list[dict[str, Any]]) -> Any:
    """Whether a list shows another price than at the start."""
    prices = {one.get("id"): one.get("price") for one in before}
    return lambda now: any(one.get("price") != prices.get(one.get("id")) for one in now)


CHANGE_WATCHED: Final = Probe("change-watched", _program)
