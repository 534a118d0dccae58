"""The Stripe double alone, for other people's backends: an HTTP server, and the deliveries of its events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from conformance.over_http.callees import Receivers
from conformance.over_http.client import HttpxClient
from conformance.over_http.live_clock import LiveClock
from conformance.over_http.live_world import LiveWorld
from conformance.over_http.locks import LockUnavailable
from conformance.over_http.own_errors import STRIPE, unavailable
from conformance.servers import uvicorn_server
from conformance.servers.no_journal import NoJournal
from conformance.servers.remembered_stripe import Entries, RememberedStripe
from conformance.servers.service_app import Answering
from conformance.servers.stripe_app import stripe_app
from conformance.servers.stripe_deliveries import StripeDeliveries
from conformance.servers.uvicorn_server import LOOPBACK, HttpServer
from sim.facts import Journal
from sim.messages import Answer, Request
from sim.stripe import DeliveryPolicy, Stripe
from sim.stripe.credentials import READING_KEY
from sim.stripe.payment_method import TYPES
from sim.stripe.webhook_endpoint import WebhookEndpoint
from sim.time import Clock, unix_s


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

    As part of a deployment it shares the deployment's clock and journal, and is reached through its `network`. With
    `entries` it survives a restart: see remembered_stripe.py.
    """

    def __init__(
        self,
        settings: StripeSettings,
        *,
        clock: LiveClock | None = None,
        journal: Journal | None = None,
        network: Callable[[Answering], Answering] | None = None,
        entries: Entries | None = None,
    ) -> None:
        self._network = network
        self._settings = settings
        self._client = HttpxClient()
        self.clock = clock or LiveClock()
        self.world = LiveWorld(clock=self.clock, elsewhere=Receivers(self._client).at_origin)
        journal = journal or NoJournal(self.clock)
        self._remembered: RememberedStripe | None = None
        if entries is None:
            self.stripe = self._double(self.clock, journal, settings.deliveries)
        else:
            self._remembered = RememberedStripe(
                self._double,
                self.clock,
                journal,
                settings.deliveries,
                entries,
                {"seed": settings.seed, "payment method types": " ".join(settings.payment_method_types)},
                (settings.secret_key, settings.publishable_key, READING_KEY),
            )
            self.stripe = self._remembered.stripe
        self._flushing: asyncio.Task[None] | None = None
        self._server: HttpServer | None = None

    @property
    def url(self) -> str:
        """Its origin, without a slash at the end. Raises RuntimeError before it listens."""
        if self._server is None:
            raise RuntimeError("the server does not listen")
        return self._server.url

    async def start(self) -> None:
        """Listen. Raises PortTaken; with `entries`, StripeMemoryError and LockUnavailable too."""
        settings, remembered = self._settings, self._remembered
        answering: Answering = self.world.answering(STRIPE, self.stripe if remembered is None else remembered)
        restored = asyncio.Event()
        if remembered is not None:
            answering = _kept(remembered, restored, answering)
        if self._network is not None:
            answering = self._network(answering)
        self._server = await uvicorn_server.start(stripe_app(answering), settings.port, settings.host, service=STRIPE)
        self.stripe.host_pages_at(settings.public_url or self.url)
        if remembered is not None:
            try:
                await self._restore(remembered)
            except BaseException:
                await self.stop()
                raise
            restored.set()

    async def stop(self) -> None:
        """Answer what was asked, drop the deliveries that wait, and close."""
        if self._server is not None:
            await self._server.stop()
        await self.world.close()
        await self._client.close()
        if self._flushing is not None:
            self._flushing.cancel()
        if self._remembered is not None:
            await self._remembered.close()

    async def _restore(self, remembered: RememberedStripe) -> None:
        """Live through what is kept, and go on with what was under way. It needs the address of the hosted pages."""
        for spawn in await remembered.restore():
            self.world.start(spawn.program, spawn.delay_us)
        self._flushing = asyncio.create_task(remembered.flush_every())

    def _double(self, clock: Clock, journal: Journal, deliveries: DeliveryPolicy) -> Stripe:
        settings = self._settings
        return Stripe(
            clock,
            journal,
            deliveries,
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

    def _endpoints(self) -> list[WebhookEndpoint]:
        settings = self._settings
        now_s = unix_s(self.clock.now_us)
        return [
            WebhookEndpoint(f"we_given{number}", now_s, url, settings.webhook_events, settings.webhook_secret)
            for number, url in enumerate(settings.webhook_urls, start=1)
        ]


def _kept(remembered: RememberedStripe, restored: asyncio.Event, answering: Answering) -> Answering:
    """`answering` once everything is restored; an answer is given when what it says is kept."""

    async def answer(request: Request, headers: Mapping[str, str]) -> Answer:
        await restored.wait()
        answered = await answering(request, headers)
        try:
            await remembered.flush()
        except LockUnavailable as error:
            return unavailable(STRIPE, str(error))
        return answered

    return answer


@contextlib.asynccontextmanager
async def stripe_server(settings: StripeSettings) -> AsyncIterator[StripeServer]:
    """A double for the length of a block. Raises PortTaken."""
    server = StripeServer(settings)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()
