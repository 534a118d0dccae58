"""A variant's deployment behind real HTTP servers of its own, with customers who share its virtual time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import simpy

from conformance.over_http.browser import Browser, BrowsingClient
from conformance.over_http.client import HttpClient, HttpxClient
from conformance.over_http.lateness import Lateness
from conformance.over_http.lockstep import Crossings, LockstepWorld, Pace, WiredService
from conformance.over_http.lockstep_servers import LockstepServers
from conformance.over_http.wire import (
    WireRequest,
    asked_request,
    json_request,
    stripe_request,
    webhook_request,
)
from conformance.servers.apps import GatewayApp, api_app, webhooks_app
from conformance.servers.service_app import Answering
from conformance.servers.stripe_app import stripe_app
from scenarios.scenario import Variant
from sim.deployment import Deployment, OnSettled
from sim.effects import Program
from sim.facts import Fact
from sim.inspection import Inspector
from sim.messages import Answer, Request, Service
from sim.principal import Principal
from sim.stripe.hosted_pages import PREFIX
from sim.workers import Workers
from sim.world import Activity, WorldClock

CONCURRENT_CUSTOMERS: Final = 200
"""Customers on their way at once, where they share nothing. Assumption: enough to keep the servers busy."""
_SECRET: Final = "lockstep"
"""By which the services of a deployment that lives in one process know each other."""


class LockstepDeployment(Deployment):
    """One variant's deployment as servers on loopback. `run` lets customers loose on it, once."""

    def __init__(
        self,
        variant: Variant,
        seed: int,
        pace: float = 0.0,
        chromium: str | None = None,
        inspector: Inspector | None = None,
    ) -> None:
        super().__init__(variant, seed, WorldClock(0), inspector)
        self.lateness = Lateness()
        self._chromium = chromium
        self._pace = Pace(pace, self.lateness)
        self._wired: Mapping[str, Service] = {}

    async def run(
        self, customers: Iterable[int], on_settled: OnSettled, servers: LockstepServers | None = None
    ) -> None:
        """Run those customers until nothing is left to happen: together where they share queues, else side by side.

        `servers`: where the deployment stands meanwhile; without them it has its own, started and stopped here.
        `on_settled` is called once for each, in the order in which the simulated world calls it. Raises ModelError,
        SetUpFailed, or LostOnTheWay when a message got lost between client and server.
        """
        async with contextlib.AsyncExitStack() as stack:
            client: HttpClient = HttpxClient()
            if self._chromium is not None:
                client = BrowsingClient(client, await stack.enter_async_context(Browser(self._chromium)))
            crossings = Crossings(client)
            if servers is None:
                servers = await LockstepServers.started()
                stack.push_async_callback(servers.stop)
            self._wired = self._serve(crossings, servers)
            # Connections go before the servers, which else would wait for them.
            stack.push_async_callback(client.close)
            stack.push_async_callback(crossings.close)
            if self.shares_queues:
                await self._run_together(customers, on_settled)
            else:
                await self._run_side_by_side(customers, on_settled)

    def _serve(self, crossings: Crossings, servers: LockstepServers) -> Mapping[str, Service]:
        """Stand behind the servers; the services as callers reach them."""
        answering = crossings.received
        servers.stand(
            {
                "gateway": GatewayApp(answering, answering),
                "subscriptions-api": api_app(answering, _SECRET),
                "billing-webhooks": webhooks_app(answering),
                "stripe": stripe_app(self._shown_or(answering)),
            }
        )
        origins = {**servers.origins, "test-support": servers.origins["gateway"]}
        return {
            name: WiredService(service, origins[name], _WRITERS[name], crossings)
            for name, service in self.services.items()
        }

    def _shown_or(self, answering: Answering) -> Answering:
        """`answering`, but pages are shown at once: a browser that looks at one belongs to no call."""

        async def answer(request: Request, headers: Mapping[str, str]) -> Answer:
            if request.method == "GET" and request.path.startswith(PREFIX):
                return _answer_of(self.stripe.handle(request))
            return await answering(request, headers)

        return answer

    async def _run_together(self, customers: Iterable[int], on_settled: OnSettled) -> None:
        def settled(principal: Principal) -> None:
            on_settled(principal.customer, principal.account_id, self.settle(principal))

        world = self._world(simpy.Environment(initial_time=0), settled, self.workers())
        stays = _Stays()
        arrivals = [(at_us, principal, stays.of(program)) for at_us, principal, program in self.arrivals(customers)]
        world.feed(arrivals)
        await world.drive(self._pace, stays.going_on)

    async def _run_side_by_side(self, customers: Iterable[int], on_settled: OnSettled) -> None:
        """A bounded number of customers at once, each in a world of its own; handed over in the order of arrival."""
        under_way: deque[tuple[Principal, asyncio.Task[list[Fact]]]] = deque()
        arrivals = deque(self.arrivals(customers))
        try:
            while arrivals or under_way:
                while arrivals and len(under_way) < CONCURRENT_CUSTOMERS:
                    at_us, principal, program = arrivals.popleft()
                    under_way.append((principal, asyncio.create_task(self._run_one(at_us, principal, program))))
                principal, task = under_way.popleft()
                on_settled(principal.customer, principal.account_id, await task)
        finally:
            left = [task for _, task in under_way]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _run_one(self, at_us: int, principal: Principal, program: Program[None]) -> list[Fact]:
        found: list[list[Fact]] = []
        world = self._world(simpy.Environment(initial_time=at_us), lambda one: found.append(self.settle(one)), {})
        self.clock.now_us = at_us
        stays = _Stays()
        Activity(world, principal, stays.of(program)).run()
        await world.drive(self._pace, stays.going_on)
        [facts] = found
        return facts

    def _world(
        self, environment: simpy.Environment, on_quiet: Callable[[Principal], None], workers: Mapping[str, Workers]
    ) -> LockstepWorld:
        world = LockstepWorld(self.network, self.faults, workers, environment, on_quiet, self.clock)
        world.services = dict(self._wired)
        return world


class _Stays:
    """Knows whether any customer is still there: what happens afterwards, nobody waits for in real time."""

    def __init__(self) -> None:
        self._count = 0

    def of(self, program: Program[None]) -> Program[None]:
        """A customer's program, whose end is known."""
        self._count += 1
        return self._watched(program)

    def going_on(self) -> bool:
        """Whether any of them has not ended."""
        return self._count > 0

    def _watched(self, program: Program[None]) -> Program[None]:
        yield from program
        self._count -= 1


def _answer_of(program: Program[Answer]) -> Answer:
    """What a program ends in that asks for nothing."""
    try:
        effect = next(program)
    except StopIteration as stop:
        answer: Answer = stop.value
        return answer
    raise RuntimeError(f"showing a page yielded {effect!r}: a defect of Gatefall")


_WRITERS: Final[Mapping[str, Callable[[Any], WireRequest]]] = {
    "gateway": json_request,
    "subscriptions-api": partial(asked_request, secret=_SECRET),
    "billing-webhooks": webhook_request,
    "stripe": stripe_request,
    "test-support": json_request,
}
