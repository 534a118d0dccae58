"""Sends a probe's requests with patience: who asks too often waits, and a server error is given two more chances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.clients.reply import Reply
from sim.effects import Program, Wait
from sim.probes.prober import Prober
from sim.time import SECOND_US

_TRIES: Final = 3
"""A server error counts only if it comes each time (`bad-input-refused`)."""
_PAUSE_US: Final = 2 * SECOND_US
"""Assumption: longer than a moment's trouble."""
_WAITS_MAX: Final = 3


def patiently(prober: Prober, operation: str, method: str, path: str, body: Any = None, **asked: Any) -> Program[Reply]:
    """Ask; after a 429 again when told to, after a server error twice more. `asked`: as for `ProbeClient.ask`."""
    waits = 0
    errors = 0
    while True:
        reply = yield from prober.client.ask(operation, method, path, body, **asked)
        if reply.status == 429 and waits < _WAITS_MAX:
            waits += 1
            yield Wait(reply.retry_after_us, needed=True)
        elif reply.status >= 500 and errors < _TRIES - 1:
            errors += 1
            yield Wait(_PAUSE_US, needed=True)
        else:
            return reply


def held(prober: Prober) -> Program[list[Mapping[str, Any]]]:
    """The subscriptions in force that the account has, by its own list."""
    reply = yield from prober.client.ask("list_subscriptions", "GET", prober.path("/subscriptions"), tries="look")
    return [one for one in reply.objects() if one.get("state") in ("Paid", "Provisioned") and one.get("id")]
