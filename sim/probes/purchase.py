"""What probes buy, and how they wait until it has come to rest."""

from __future__ import annotations

from typing import Any, Final

from sim.clients.reply import Reply, objects_in
from sim.effects import Program, Wait
from sim.probes.probe_client import ProbeClient
from sim.time import SECOND_US

_ENDS: Final = ("Provisioned", "Expired", "Cancelled", "Failed")
_POLL_US: Final = 5 * SECOND_US
_POLLS: Final = 24
"""Two minutes: twice what provisioning may take. Assumption, as is the interval."""
_SETTLING_US: Final = 10 * SECOND_US
"""What may come after the entitlement, such as the invoice. Assumption."""


def line(rate_plan: str, frequency: str = "monthly", **more: Any) -> dict[str, Any]:
    """One line of a cart."""
    return {"rate_plan": {"id": rate_plan}, "frequency": frequency, **more}


def cart(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The body of a bulk purchase, made by a customer who is there."""
    return {"subscriptions": list(lines), "user_is_on_session": True, **more}


def buy(client: ProbeClient, body: dict[str, Any], key: str | None = None) -> Program[Reply]:
    """An ordinary purchase."""
    path = client.session.addresses.bulk
    return (yield from client.ask("bulk_create", "POST", path, body, tries="purchase", key=key))


def come_to_rest(client: ProbeClient) -> Program[bool]:
    """Wait until everything that the account has is provisioned or over; False where that does not come."""
    for _ in range(_POLLS):
        path = client.session.addresses.subscriptions
        reply = yield from client.ask("list_subscriptions", "GET", path, tries="wait")
        if reply.ok and all(one.get("state") in _ENDS for one in reply.objects()):
            yield Wait(_SETTLING_US, needed=True)
            return True
        yield Wait(_POLL_US, needed=True)
    return False


def ids(reply: Reply) -> list[str]:
    """The ids of the objects that an answer lists."""
    return [one["id"] for one in objects_in(reply.result) if isinstance(one.get("id"), str)]
