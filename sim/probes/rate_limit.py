"""Asks until the rate limit is met, buys while it is, waits for as long as told, and buys the same again.

Only where the scenario sets a limit that can be reached gently: nobody's deployment is asked a thousand times over.
"""

from __future__ import annotations

from typing import Final

from sim.effects import Program, Wait
from sim.probes.probe import Probe
from sim.probes.prober import Prober

TRIES: Final = "rate-limit"
_GENTLE_MAX: Final = 100
"""Requests that nobody minds. Assumption."""
_MORE: Final = 5

_CART: Final = {
    "subscriptions": [{"rate_plan": {"id": "workers_paid"}, "frequency": "monthly"}],
    "user_is_on_session": True,
}


def _program(prober: Prober) -> Program[None]:
    limit = prober.session.population.variant.scenario.backend.rate_limit
    if limit is None or limit > _GENTLE_MAX:
        prober.unreachable(TRIES, f"no limit of at most {_GENTLE_MAX} requests is set, and more would be a burden")
        return
    path = prober.session.addresses.entitlements
    for _ in range(limit + _MORE):
        reply = yield from prober.client.ask("entitlements", "GET", path, tries=TRIES, about={"step": "asks"})
        if reply.status == 429:
            break
    else:
        prober.unreachable(TRIES, f"{limit + _MORE} requests met no limit of {limit}")
        return
    key, bulk = prober.session.next_key(), prober.session.addresses.bulk
    about = {"step": "limited"}
    reply = yield from prober.client.ask("bulk_create", "POST", bulk, _CART, tries=TRIES, about=about, key=key)
    yield Wait(reply.retry_after_us, needed=True)
    about = {"step": "again"}
    yield from prober.client.ask("bulk_create", "POST", bulk, _CART, tries=TRIES, about=about, key=key)
    yield from prober.look("end", ("list_subscriptions", "entitlements"))


RATE_LIMIT: Final = Probe("rate-limit", _program)
