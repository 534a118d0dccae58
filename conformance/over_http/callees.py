"""How a live world reaches the services that its programs call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from conformance.over_http.client import HttpClient, Unanswered
from conformance.over_http.wire import WireRequest, is_internal, read_answer, webhook_request
from sim.messages import UNKNOWN, Answer, Request, Service
from sim.time import SECOND_US

if TYPE_CHECKING:
    from conformance.over_http.live_world import LiveWorld


class Callee(Protocol):
    """One service, as its callers see it."""

    async def __call__(self, request: Request, timeout_us: int) -> Answer:
        """The service's answer; `UNKNOWN` where none came in time or the connection broke."""


class OverHttp:
    """A service at an address. `encode` puts a request into the service's form of body."""

    __slots__ = ("_client", "_encode", "_url")

    def __init__(self, client: HttpClient, url: str, encode: Callable[[Request], WireRequest]) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._encode = encode

    async def __call__(self, request: Request, timeout_us: int) -> Answer:
        method, target, headers, content = self._encode(request)
        try:
            answer = await self._client.send(method, self._url + target, headers, content, timeout_us / SECOND_US)
        except Unanswered:
            return UNKNOWN
        return read_answer(answer)


class InProcess:
    """A service of the same process, called without a wire. Its program goes on when the caller gives up."""

    __slots__ = ("_name", "_service", "_world")

    def __init__(self, world: LiveWorld, name: str, service: Service) -> None:
        self._world = world
        self._name = name
        self._service = service

    async def __call__(self, request: Request, timeout_us: int) -> Answer:
        try:
            async with asyncio.timeout(timeout_us / SECOND_US):
                return await self._world.answer(self._name, self._service, request)
        except TimeoutError:
            return UNKNOWN


class OverWireUnlessInternal:
    """A service at an address that also asks itself things which no wire carries, such as to undo a purchase."""

    __slots__ = ("_inside", "_wire")

    def __init__(self, wire: Callee, inside: Callee) -> None:
        self._wire = wire
        self._inside = inside

    async def __call__(self, request: Request, timeout_us: int) -> Answer:
        callee = self._inside if is_internal(request) else self._wire
        return await callee(request, timeout_us)


def receivers(client: HttpClient) -> Callable[[str], Callee]:
    """Receivers of webhooks, which Stripe calls by the origin of their URL."""

    def at(origin: str) -> Callee:
        return OverHttp(client, origin, webhook_request)

    return at
