"""Unified Checkout's client: fetch, with `{result}` unwrapped, a typed error thrown, and queries repeated."""

from __future__ import annotations

from typing import Any

from sim.clients.gateway_client import GatewayClient
from sim.clients.reply import Reply
from sim.effects import DEFAULT_TIMEOUT_US, Program, Wait


class ApiError(Exception):
    """The gateway refused, or did not answer (status 0). `errors`: (code, message) pairs; `code`: the first one's."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply
        self.status = reply.status
        self.errors = reply.errors

    @property
    def code(self) -> int | None:
        """The first error's code; None where the answer gives none."""
        return self.reply.code

    def __str__(self) -> str:
        if self.status == 0:
            return "no answer in time"
        return f"HTTP {self.status}: " + ("; ".join(f"{code} {message}" for code, message in self.errors) or "no error")


class FetchClient(GatewayClient):
    """Mutations are sent once; queries again after 1, 2, 4 s, whatever the status (TanStack Query's defaults)."""

    __slots__ = ()

    def call(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Any]:
        """Send a mutation; the answer's `result`. Raises ApiError for a refusal or no answer."""
        reply = yield from self.send(operation, method, path, body, key, timeout_us)
        if not reply.ok:
            raise ApiError(reply)
        return reply.result

    def query(self, operation: str, path: str) -> Program[Any]:
        """Read something; the answer's `result`. Raises ApiError once all repeats are used up."""
        population = self.session.population
        wait_us = population.query_retry_first_wait_us
        for _ in range(population.query_retries):
            reply = yield from self.send(operation, "GET", path)
            if reply.ok:
                return reply.result
            yield Wait(wait_us, needed=True)
            wait_us *= 2
        reply = yield from self.send(operation, "GET", path)
        if not reply.ok:
            raise ApiError(reply)
        return reply.result
