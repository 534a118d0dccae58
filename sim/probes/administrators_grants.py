"""What administrators' operations grant: on accounts that have paid, have not, or no longer can."""

from __future__ import annotations

from typing import Final

from sim.effects import Program, Wait
from sim.probes.administrators_tokens import note_state
from sim.probes.probe import Probe
from sim.probes.prober import Prober, canonical
from sim.probes.purchase import buy, cart, come_to_rest, line
from sim.time import HOUR_US

_GRANTING: Final = (
    ("admin_sync_entitlements", "/sync-entitlements"),
    ("admin_lock", "/lock"),
    ("admin_unlock", "/unlock"),
    ("admin_unban", "/unban"),
    ("admin_recompute", "/recompute"),
)
_UNTIL_EXPIRED_US: Final = 24 * HOUR_US
"""Longer than the 23 hours that an unpaid purchase lives."""
_BOOKS: Final = ("list_subscriptions", "entitlements")


def _program(prober: Prober) -> Program[None]:
    if prober.admin_token() is None:
        prober.unreachable("admin", "nobody told what administrators' tokens are signed with")
        return
    yield from buy(prober.client, cart(line("workers_paid"), line("zone_pro")), prober.session.next_key())
    yield from come_to_rest(prober.client)
    yield from _administer(prober)
    if prober.reach.hours_pass:
        yield Wait(_UNTIL_EXPIRED_US)
        yield from _administer(prober)


def _administer(prober: Prober) -> Program[None]:
    """Every operation between two readings, and the recomputation once more."""
    for operation, below in _GRANTING:
        yield from prober.look("before", _BOOKS)
        yield from _ask(prober, operation, below, "recomputed" if operation == "admin_recompute" else None)
        yield from prober.look("after", _BOOKS)
    yield from prober.look("recomputed")
    yield from _ask(prober, "admin_recompute", "/recompute", "recomputed_again")
    yield from prober.look("recomputed_again")


def _ask(prober: Prober, operation: str, below: str, label: str | None) -> Program[None]:
    reply = yield from prober.admin(
        operation, "POST", prober.session.account_id, below, prober.admin_token(), tries="admin"
    )
    if label is not None:
        note_state(prober, reply.request_id, label, reply.status, canonical(reply.result))


ADMINISTRATORS_GRANTS: Final = Probe("administrators-grants", _program)
