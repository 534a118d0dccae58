"""Requests and answers, as every service of the model receives and gives them, whatever medium carries them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from sim.effects import Program

NO_HEADERS: Final[Mapping[str, str]] = {}


class Request:
    """One HTTP request before it is put on a wire.

    `path` carries no query string; `query` does. `body` is the decoded JSON of a gateway request, the decoded form
    parameters of a Stripe request (nested mappings), or the raw bytes of a webhook delivery. `headers` have lower-case
    names. `operation` is the name the caller knows the call by ("bulk_create", "confirm_payment"): it chooses
    latencies and faults and appears in facts; a service must not rely on it.
    """

    __slots__ = ("method", "path", "body", "headers", "query", "operation")

    def __init__(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] = NO_HEADERS,
        query: Mapping[str, str] = NO_HEADERS,
        operation: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.body = body
        self.headers = headers
        self.query = query
        self.operation = operation


class Answer:
    """One HTTP answer. Status 0 means that none arrived in time: the outcome is *unknown*, neither done nor refused."""

    __slots__ = ("status", "body", "headers")

    def __init__(self, status: int, body: Any = None, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    @property
    def unknown(self) -> bool:
        """Whether the caller gave up waiting."""
        return self.status == 0


UNKNOWN: Final = Answer(0)


class Service(Protocol):
    """Anything that answers requests: the model's own services, or a stand-in over HTTP."""

    def handle(self, request: Request) -> Program[Answer]:
        """Run one request as a program of effects and return its answer."""
