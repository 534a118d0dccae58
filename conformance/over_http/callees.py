"""How a live world reaches the services that its programs call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from conformance.over_http.client import HttpClient, Unanswered
from conformance.over_http.wire import WireRequest, is_internal, read_answer, webhook_request
from sim.messages import UNKNOWN, Answer, Request, Service
from sim.time import SECOND_US

if TYPE_CHECKING:
    from conformance.over_http.live_world import LiveWorld


AT_ONCE: Final = 100
"""Deliveries that one receiver gets at once. Assumption."""


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


class Receivers:
    """Receivers of webhooks, whom Stripe calls by the origin of their URL.

    At most `AT_ONCE` deliveries are with one receiver at a time; the time that others wait for their turn is not held
    against the receiver.
    """

    __slots__ = ("_by_origin", "_client")

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._by_origin: dict[str, Callee] = {}

    def at_origin(self, origin: str) -> Callee:
        """The receiver there."""
        callee = self._by_origin.get(origin)
        if callee is None:
            callee = self._by_origin[origin] = InTurn(OverHttp(self._client, origin, webhook_request), AT_ONCE)
        return callee


class InTurn:
    """Lets no more than so many calls be under way; the others wait outside of their time."""

    __slots__ = ("_callee", "_turns")

    def __init__(self, callee: Callee, at_once: int) -> None:
        self._callee = callee
        self._turns = asyncio.Semaphore(at_once)

    async def __call__(self, request: Request, timeout_us: int) -> Answer:
        async with self._turns:
            return await self._callee(request, timeout_us)
