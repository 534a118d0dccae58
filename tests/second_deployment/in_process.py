"""The deployment and its Stripe without a network, behind the HTTP client port: in a loop in which nobody waits.

Every request still goes through the ASGI applications, bytes in and bytes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from email.utils import formatdate
from typing import Any

import httpx

from conformance.over_http.callees import Receivers
from conformance.over_http.client import HttpAnswer
from conformance.over_http.live_clock import LiveClock
from conformance.over_http.live_world import LiveWorld
from conformance.over_http.own_errors import STRIPE
from conformance.servers.no_journal import NoJournal
from conformance.servers.stripe_app import stripe_app
from conformance.servers.stripe_deliveries import StripeDeliveries
from sim.stripe import Stripe
from sim.stripe.webhook_endpoint import WebhookEndpoint
from sim.time import unix_s
from tests.second_deployment.app import WEBHOOK_SECRET, Second
from tests.second_deployment.billing import Billing
from tests.second_deployment.stripe_client import StripeClient
from tests.second_deployment.time_of_day import Clock

GATEWAY = "https://gateway.second.test"
STRIPE_URL = "https://stripe.second.test"
SECRET_KEY = "sk_test_second"


class InProcess:
    """An `HttpClient` to both. `clocks` are those that a loop moves on."""

    def __init__(self, slips: Iterable[str] = (), provisioning_s: float = 3.0) -> None:
        self.stripe_clock = LiveClock()
        self.clock = Clock()
        self.clocks: list[Any] = [self.stripe_clock, self.clock]
        self.stripe = Stripe(
            self.stripe_clock,
            NoJournal(self.stripe_clock),
            StripeDeliveries("second", duplicate=0.5, reorder=0.2),
            webhook_secret=WEBHOOK_SECRET,
            secret_key=SECRET_KEY,
            publishable_key="pk_test_second",
            endpoints=[
                WebhookEndpoint(
                    "we_second",
                    unix_s(self.stripe_clock.now_us),
                    f"{GATEWAY}/webhooks/stripe",
                    ("*",),
                    WEBHOOK_SECRET,
                )
            ],
            id_seed="second",
            lists_in_order=True,
            renews_for_ever=True,
        )
        self.stripe.host_pages_at(STRIPE_URL)
        self._stripe_app: Any = None
        self.billing = Billing(
            StripeClient(STRIPE_URL, SECRET_KEY, httpx.ASGITransport(self._as_stripe)),
            self.clock,
            provisioning_s,
            slips,
        )
        self.second = Second(self.billing)
        self.asked: list[tuple[str, str]] = []
        self._http: httpx.AsyncClient | None = None
        self._world: LiveWorld | None = None

    def client(self) -> InProcess:
        """What a target makes its client with. Every run has a loop of its own, and so a world."""
        self._http = None
        return self

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, timeout_s: float
    ) -> HttpAnswer:
        if self._http is None:
            self._begin()
        assert self._http is not None
        self.asked.append((method, url))
        answer = await self._http.request(method, url, headers=dict(headers), content=content)
        named = {name.lower(): value for name, value in answer.headers.items()}
        named.setdefault("date", formatdate(self.clock.real_s, usegmt=True))
        return HttpAnswer(answer.status_code, named, answer.content)

    async def close(self) -> None:
        await self.billing.stop()
        if self._world is not None:
            await self._world.close(0.5)
        if self._http is not None:
            await self._http.aclose()

    def _begin(self) -> None:
        self._world = LiveWorld(clock=self.stripe_clock, elsewhere=Receivers(self).at_origin)
        self._stripe_app = stripe_app(self._world.answering(STRIPE, self.stripe))
        mounts = {
            GATEWAY: httpx.ASGITransport(self.second.app),
            STRIPE_URL: httpx.ASGITransport(self._stripe_app),
        }
        self._http = httpx.AsyncClient(mounts=mounts, trust_env=False)
        self.billing.start()

    async def _as_stripe(self, scope: Any, receive: Any, send: Any) -> None:
        await self._stripe_app(scope, receive, send)
