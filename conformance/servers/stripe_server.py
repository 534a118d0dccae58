"""The Stripe double alone, for other people's backends: an HTTP server, and the deliveries of its events."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from conformance.over_http.callees import Receivers
from conformance.over_http.client import HttpxClient
from conformance.over_http.live_clock import LiveClock
from conformance.over_http.live_world import LiveWorld
from conformance.over_http.own_errors import STRIPE
from conformance.servers import uvicorn_server
from conformance.servers.no_journal import NoJournal
from conformance.servers.service_app import Answering
from conformance.servers.stripe_app import stripe_app
from conformance.servers.stripe_deliveries import StripeDeliveries
from conformance.servers.uvicorn_server import LOOPBACK, HttpServer
from sim.facts import Journal
from sim.stripe import DeliveryPolicy, Stripe
from sim.stripe.payment_method import TYPES
from sim.stripe.webhook_endpoint import WebhookEndpoint
from sim.time import unix_s


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeSettings:
    """How a double is set. Port 0 takes a free one.

    `operations_per_s`: more than that in a second are answered 429; None for no limit.
    """

    port: int = 0
    host: str = LOOPBACK
    public_url: str | None = None
    webhook_urls: Sequence[str] = ()
    webhook_events: Sequence[str] = ("*",)
    webhook_secret: str = "whsec_gatefall"
    secret_key: str = "sk_test_gatefall"
    publishable_key: str = "pk_test_gatefall"
    payment_method_types: tuple[str, ...] = TYPES
    seed: str = ""
    operations_per_s: int | None = None
    deliveries: DeliveryPolicy = field(default_factory=StripeDeliveries)


class StripeServer:
    """A double that listens at `url`.

    As part of a deployment it shares the deployment's clock and journal, and is reached through its `network`.
    """

    def __init__(
        self,
        settings: StripeSettings,
        *,
        clock: LiveClock | None = None,
        journal: Journal | None = None,
        network: Callable[[Answering], Answering] | None = None,
    ) -> None:
        self._network = network
        self._settings = settings
        self._client = HttpxClient()
        self.clock = clock or LiveClock()
        self.world = LiveWorld(clock=self.clock, elsewhere=Receivers(self._client).at_origin)
        self.stripe = Stripe(
            self.clock,
            journal or NoJournal(self.clock),
            settings.deliveries,
            webhook_secret=settings.webhook_secret,
            secret_key=settings.secret_key,
            publishable_key=settings.publishable_key,
            automatic_types=settings.payment_method_types,
            endpoints=self._endpoints(),
            id_seed=settings.seed,
            lists_in_order=True,
            renews_for_ever=True,
            operations_per_s=settings.operations_per_s,
        )
        self._server: HttpServer | None = None

    @property
    def url(self) -> str:
        """Its origin, without a slash at the end. Raises RuntimeError before it listens."""
        if self._server is None:
            raise RuntimeError("the server does not listen")
        return self._server.url

    async def start(self) -> None:
        """Listen. Raises PortTaken."""
        settings = self._settings
        answering: Answering = self.world.answering(STRIPE, self.stripe)
        if self._network is not None:
            answering = self._network(answering)
        self._server = await uvicorn_server.start(stripe_app(answering), settings.port, settings.host)
        self.stripe.host_pages_at(settings.public_url or self.url)

    async def stop(self) -> None:
        """Answer what was asked, drop the deliveries that wait, and close."""
        if self._server is not None:
            await self._server.stop()
        await self.world.close()
        await self._client.close()

    def _endpoints(self) -> list[WebhookEndpoint]:
        settings = self._settings
        now_s = unix_s(self.clock.now_us)
        return [
            WebhookEndpoint(f"we_given{number}", now_s, url, settings.webhook_events, settings.webhook_secret)
            for number, url in enumerate(settings.webhook_urls, start=1)
        ]


@contextlib.asynccontextmanager
async def stripe_server(settings: StripeSettings) -> AsyncIterator[StripeServer]:
    """A double for the length of a block. Raises PortTaken."""
    server = StripeServer(settings)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
