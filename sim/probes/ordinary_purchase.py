"""A purchase as anybody makes it, on both accounts: what a probe finds where nothing is wrong."""

from __future__ import annotations

from sim.effects import Program, Wait
from sim.probes.probe import Probe
from sim.probes.prober import Prober
from sim.time import MINUTE_US

BODY = {
    "subscriptions": [{"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}],
    "user_is_on_session": True,
}


def _program(prober: Prober) -> Program[None]:
    assert prober.neighbour is not None
    neighbour = prober.neighbour
    yield from neighbour.ask(
        "bulk_create", "POST", neighbour.session.addresses.bulk, BODY, tries="ordinary_purchase", key="neighbour-1"
    )
    yield Wait(MINUTE_US, needed=True)  # what the neighbour does must be over before anything is compared
    yield from prober.look("before")
    yield from prober.client.ask(
        "bulk_create",
        "POST",
        prober.path("/bulk/subscriptions"),
        BODY,
        tries="ordinary_purchase",
        key=prober.session.next_key(),
    )
    yield from prober.look("after")


ORDINARY_PURCHASE = Probe("ordinary-purchase", _program, neighbour="valid")
