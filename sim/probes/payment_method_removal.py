"""Takes payment methods off file: one that a subscription depends on, one beside it, one between secret and confirm."""

from __future__ import annotations

from typing import Any, Final

from sim.clients.reply import Reply
from sim.effects import Program, Wait
from sim.probes.card import APART_US, buy, listed, pay, put_on_file, secrets_in, until
from sim.probes.probe import Probe
from sim.probes.prober import Prober

_PLAN: Final = "images"
_READ: Final = ("list_subscriptions", "entitlements", "payment_methods")


def _remove(prober: Prober, method: str, tries: str) -> Program[Reply]:
    """Remove one, and look at what is left."""
    path = f"{prober.session.addresses.payment_methods}/{method}"
    yield from prober.look("before", _READ)
    reply = yield from prober.client.ask("remove_payment_method", "DELETE", path, tries=tries)
    yield from prober.look("after", _READ)
    return reply


def _in_use(prober: Prober) -> Program[None]:
    """The only one goes, or does not; then one of two; then what is the only usable one by then."""
    first = yield from _default(prober)
    usable = prober.shopper.has_usable_method
    if first is not None and usable:
        removed = yield from _remove(prober, first, "remove_last_method")
        first = None if removed.ok else first
    second = yield from put_on_file(prober, "remove_payment_method")
    if first is not None and usable:
        yield from _remove(prober, first, "remove_one_of_two_methods")
    if second is not None:
        yield from _remove(prober, second, "remove_last_method")
    yield Wait(APART_US, needed=True)  # what an event brings back comes late
    yield from prober.look("end", _READ)


def _default(prober: Prober) -> Program[str | None]:
    methods = yield from listed(prober, "payment_methods", "/payment-methods", "remove_payment_method")
    return next((str(one.get("id")) for one in methods if one.get("is_default") is True), None)


def _before_confirmation(prober: Prober) -> Program[None]:
    """A purchase waits for its customer; what is on file goes; then another card pays it."""
    bought = yield from buy(prober, _PLAN, "remove_between_secret_and_confirm")
    secrets = secrets_in(bought)
    if not secrets:
        return
    yield Wait(APART_US, needed=True)
    first = yield from _default(prober)
    if first is None:
        first = yield from put_on_file(prober, "remove_between_secret_and_confirm")
        yield Wait(APART_US, needed=True)
    if first is not None:
        yield from _remove(prober, first, "remove_between_secret_and_confirm")
    yield Wait(APART_US, needed=True)
    for secret in secrets:
        yield from pay(prober, secret)
    yield from until(prober, "entitlements", "/entitlements", _active, "remove_between_secret_and_confirm")
    yield from prober.look("end", _READ)


def _active(entitlements: list[dict[str, Any]]) -> bool:
    return any(one.get("feature") == _PLAN and one.get("status") == "active" for one in entitlements)


METHOD_IN_USE: Final = Probe("payment-method-in-use", _in_use)
METHOD_BEFORE_CONFIRMATION: Final = Probe("payment-method-before-confirmation", _before_confirmation)
