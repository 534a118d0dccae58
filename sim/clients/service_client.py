"""A generated API client, as a service without a customer uses it: a few repeats, and no idempotency key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sim.clients.gateway_client import GatewayClient
from sim.clients.reply import Reply
from sim.effects import Program, Wait

if TYPE_CHECKING:
    from sim.customers.session import Session

_REPEATED: Final = (408, 409, 429)
"""With every 5xx, what generated clients repeat; a 402 never (their documented defaults). Assumption: a time-out
neither, since without a key a repeat could buy twice; the service reads the state instead."""


class ServiceClient(GatewayClient):
    """Calls are repeated twice by default, after .5 and 1 s."""

    __slots__ = ("_first_wait_us", "_retries")

    def __init__(self, session: Session, name: str) -> None:
        super().__init__(session, name)
        self._retries = int(session.population.figures["service_retries"])
        self._first_wait_us = session.population.duration_us("service_retry_first_wait_s")

    def call(self, operation: str, method: str, path: str, body: Any = None) -> Program[Reply]:
        """Send a request and repeat it where a repeat may help; the last reply."""
        wait_us = self._first_wait_us
        reply = yield from self.send(operation, method, path, body)
        for _ in range(self._retries):
            if reply.status not in _REPEATED and reply.status < 500:
                break
            yield Wait(max(wait_us, reply.retry_after_us) if reply.status == 429 else wait_us, needed=True)
            wait_us *= 2
            reply = yield from self.send(operation, method, path, body)
        return reply
