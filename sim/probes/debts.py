"""Pays what must not be paid, then a debt, then the debt again; tries to buy as a debtor, and as nobody's debtor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.clients.reply import Reply, objects_in
from sim.effects import Program, Wait
from sim.probes.card import APART_US, buy, listed, nonce
from sim.probes.probe import Probe
from sim.probes.prober import Prober

_TRIES: Final = "pay_bad_debt"
_READ: Final = ("list_subscriptions", "entitlements", "payment_methods", "billing_history")


def _program(prober: Prober) -> Program[None]:
    theirs = yield from _invoice_of_neighbour(prober)
    invoices = yield from listed(prober, "billing_history", "/billing/history", _TRIES)
    debt = _first(invoices, "bad_debt")
    for invoice, tries in (
        (_first(invoices, "paid"), "pay_paid_invoice"),
        (theirs, "pay_invoice_of_another_account"),
        ("i-nobody", "pay_unknown_invoice"),
    ):
        if invoice is not None:
            yield from _pay(prober, {"invoice_id": invoice}, tries)
    yield from buy(prober, "images", "buy_as_debtor")
    if debt is None:
        prober.unreachable("debt", "the billing history lists none")
        return
    locked = yield from _lock(prober, "admin_lock", "/lock")
    if (yield from _pay_debt(prober, debt)):
        yield from _pay(prober, {"invoice_id": debt}, "pay_debt_again")
    if locked:
        yield from _lock(prober, "admin_unlock", "/unlock")
    yield from buy(prober, "images", "buy_after_debt")
    yield Wait(APART_US, needed=True)
    yield from prober.look("end", _READ)


def _pay_debt(prober: Prober, debt: str) -> Program[bool]:
    """With what is on file, which may not do, then with a card in the body; the paying request twice, by its key."""
    bodies: list[Mapping[str, Any]] = [{"invoice_id": debt}]
    card = yield from nonce(prober)
    if card is not None:
        bodies.append({"invoice_id": debt, "payment_method_id": card})
    for body in bodies:
        key = prober.session.next_key()
        reply = yield from _pay(prober, body, "pay_debt", key)
        if reply.ok:
            yield from _pay(prober, body, "pay_debt_by_the_same_key", key)
            return True
    return False


def _pay(prober: Prober, body: Mapping[str, Any], tries: str, key: str | None = None) -> Program[Reply]:
    """Ask for the payment of an invoice, with a look before and after, apart from everything else that may charge."""
    yield Wait(APART_US, needed=True)
    yield from prober.look("before", _READ)
    path = prober.path("/billing/pay-bad-debt")
    reply = yield from prober.client.ask("pay_bad_debt", "POST", path, body, tries=tries, key=key)
    yield from prober.look("after", _READ)
    return reply


def _lock(prober: Prober, operation: str, below: str) -> Program[bool]:
    """Every other account is locked by an administrator: it may pay its debt all the same."""
    token = prober.admin_token()
    if prober.shopper.index % 2 == 0:
        return False
    if token is None:
        prober.unreachable("lock", "no secret for administrators' tokens is known")
        return False
    reply = yield from prober.admin(
        operation, "POST", prober.session.account_id, below, token, tries="pay_debt_of_locked_account"
    )
    return reply.ok


def _invoice_of_neighbour(prober: Prober) -> Program[str | None]:
    """The neighbour buys something, and has an invoice for it."""
    neighbour = prober.neighbour
    if neighbour is None:
        return None
    prefix = neighbour.session.addresses.prefix
    body = {
        "subscriptions": [{"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}],
        "user_is_on_session": True,
    }
    yield from neighbour.ask("bulk_create", "POST", prefix + "/bulk/subscriptions", body, tries=_TRIES, key="neighbour")
    for _ in range(10):
        yield Wait(APART_US, needed=True)
        reply = yield from neighbour.ask("billing_history", "GET", prefix + "/billing/history", tries=_TRIES)
        found = objects_in(reply.result)
        if found:
            return str(found[0].get("id"))
    return None


def _first(invoices: list[dict[str, Any]], status: str) -> str | None:
    return next((str(one.get("id")) for one in invoices if one.get("status") == status), None)


DEBTS: Final = Probe("debts", _program, neighbour="valid")
