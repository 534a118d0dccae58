"""A deployment to test against without a network: the model's own services behind the HTTP client port.

`seen` is every request that reached it. `answer_instead` may answer one itself, or raise what a broken network raises.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import orjson

from conformance.over_http.callees import InProcess
from conformance.over_http.client import HttpAnswer
from conformance.over_http.live_clock import LiveClock
from conformance.over_http.live_world import LiveWorld
from conformance.over_http.wire import answer_content, read_json_request, read_stripe_request, read_webhook_request
from conformance.servers.service_app import query_of
from sim.backend import BackendConfig
from sim.billing_webhooks import BillingWebhooks
from sim.facts import Journal
from sim.gateway import Gateway
from sim.messages import Request, Service
from sim.store import MemoryStore
from sim.stripe import Stripe
from sim.stripe.webhooks import PunctualDelivery
from sim.subscriptions_api import SubscriptionsApi
from sim.test_support import TestSupport

GATEWAY = "https://gateway.staging.test"
STRIPE = "https://stripe.staging.test"
WEBHOOKS = "https://events.staging.test"
PAGES = "https://hooks.stripe.test"
MARKER = f"{GATEWAY}/environment"


class Seen(NamedTuple):
    """One request as it left Gatefall."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None

    @property
    def path(self) -> str:
        return urlsplit(self.url).path


class StandIn:
    """An `HttpClient`; also the whole deployment behind it, which lives on when the client is closed."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answer_instead: Callable[[Seen], HttpAnswer | None] = lambda _: None
        self.environment = "staging"
        self.clock = LiveClock()
        self.clocks = [self.clock]
        config = BackendConfig()
        self.store = MemoryStore()
        journal = Journal(self.clock)
        self.stripe = Stripe(self.clock, journal, PunctualDelivery(0), webhook_secret=config.webhook_secret)
        self.services: dict[str, Service] = {
            "gateway": Gateway(config, self.store, self.clock),
            "subscriptions-api": SubscriptionsApi(config, self.store, self.clock, journal),
            "billing-webhooks": BillingWebhooks(config, self.store, self.clock, journal),
            "stripe": self.stripe,
            "test-support": TestSupport(config, self.store, self.clock, journal, self._advance),
        }
        self._world: LiveWorld | None = None

    def client(self) -> StandIn:
        """What a target makes its client with. Every run has a loop, and so a world, of its own."""
        self._world = None
        return self

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, timeout_s: float
    ) -> HttpAnswer:
        seen = Seen(method, url, dict(headers), content)
        self.seen.append(seen)
        instead = self.answer_instead(seen)
        if instead is not None:
            return instead
        if url == MARKER:
            return answered(200, {"environment": self.environment})
        parts = urlsplit(url)
        names = {name.lower(): value for name, value in headers.items()}
        if url.startswith((STRIPE, PAGES)):
            name = "stripe"
            request = read_stripe_request(method, parts.path, parts.query.encode(), names, content or b"")
        elif url.startswith(WEBHOOKS):
            name = "billing-webhooks"
            request = read_webhook_request(method, parts.path, b"", names, content or b"")
        else:
            name = "test-support" if parts.path.startswith("/__test__/") else "gateway"
            query = query_of({"query_string": parts.query.encode()})
            request = read_json_request(method, unquote(parts.path), query, names, content or b"")
        answer = await self._running().answer(name, self.services[name], request)
        body, media_type = answer_content(answer)
        return HttpAnswer(answer.status, {"content-type": media_type, "date": formatdate(usegmt=True)}, body)

    async def close(self) -> None:
        if self._world is not None:
            await self._world.close(0.5)

    def bought(self) -> list[Seen]:
        """The requests that buy."""
        return [one for one in self.seen if one.path.endswith(("/bulk/subscriptions", "/billing/checkout"))]

    def accounts(self) -> list[str]:
        """The accounts that exist."""
        return list(self.store.account_ids())

    def provision(self, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Make an account behind everybody's back, as a deployment's own tools would."""

        async def ask() -> Any:
            world = LiveWorld(clock=self.clock, pace=0)
            world.callees = {name: InProcess(world, name, service) for name, service in self.services.items()}
            request = Request("POST", "/__test__/accounts", dict(body or {}))
            answer = await world.answer("test-support", self.services["test-support"], request)
            await world.close(0.5)
            return answer

        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(ask()).body
        raised: list[Any] = []
        thread = threading.Thread(target=lambda: raised.append(asyncio.run(ask())))
        thread.start()
        thread.join()
        return raised[0].body

    def _running(self) -> LiveWorld:
        if self._world is None:
            world = self._world = LiveWorld(clock=self.clock, pace=0)
            world.callees = {name: InProcess(world, name, service) for name, service in self.services.items()}
        return self._world

    def _advance(self, seconds: int) -> None:
        self.clock.advance(seconds)
        world = self._running()
        world.alarmed = {"subscriptions-api": self.services["subscriptions-api"]}  # type: ignore[dict-item]
        world.sweep()


def answered(status: int, body: Any, **headers: str) -> HttpAnswer:
    """An answer of JSON."""
    whole = {"content-type": "application/json", "date": formatdate(time.time(), usegmt=True), **headers}
    return HttpAnswer(status, whole, orjson.dumps(body))
