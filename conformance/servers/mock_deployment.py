"""The mock deployment, live: gateway, subscriptions-api, billing-webhooks and Stripe as HTTP servers in real time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from conformance.over_http.callees import InProcess, OverHttp, OverWireUnlessInternal
from conformance.over_http.client import HttpxClient, Unanswered
from conformance.over_http.live_clock import LiveClock
from conformance.over_http.live_world import LiveWorld
from conformance.over_http.locks import Locks, LockUnavailable, MemoryLocks
from conformance.over_http.wire import WireRequest, asked_request, stripe_request, webhook_request
from conformance.servers import openapi, uvicorn_server
from conformance.servers.apps import GatewayApp, api_app, webhooks_app
from conformance.servers.live_faults import LiveFaults, live_deliveries, stripe_operation
from conformance.servers.metrics import CountingJournal, Metrics
from conformance.servers.remembered_stripe import Entries, StripeMemoryError
from conformance.servers.server_rate_limit import ServerRateLimit
from conformance.servers.service_app import Answering, Page
from conformance.servers.stripe_server import StripeServer, StripeSettings
from conformance.servers.uvicorn_server import LOOPBACK, CannotServe, HttpServer
from scenarios.scenario import Fault, Regime, Storm
from sim.backend import BackendConfig
from sim.billing_webhooks import BillingWebhooks
from sim.billing_webhooks.service import PATH as WEBHOOK_PATH
from sim.faults import is_of_webhooks
from sim.gateway import Gateway
from sim.messages import Answer, Request, Service
from sim.rate_limit import MemoryRateLimit, RateLimit
from sim.store import MemoryStore, Store
from sim.stripe.webhook_endpoint import DEFAULT_EVENTS
from sim.subscriptions_api import SubscriptionsApi
from sim.test_support import CLOCK, TestSupport

_STRIPE_TIMEOUT_S: Final = 3.0
"""How long another Stripe may take to show at the start that it is there. Assumption."""
SWEEP_EVERY_S: Final = 1.0
"""How often the deployment looks for purchases that have waited for too long."""
API: Final = "subscriptions-api"
GATEWAY: Final = "gateway"
WEBHOOKS: Final = "billing-webhooks"
STRIPE: Final = "stripe"
TEST_SUPPORT: Final = "test-support"
_CLOCK_OFFSET: Final = "clock_offset_us"
"""The name under which a database keeps how far the deployment's clock was moved."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MockSettings:
    """How a deployment is set. Ports of 0 take free ones.

    `stripe_url`: another Stripe in place of the double; its webhooks have to be pointed at billing-webhooks.
    """

    host: str = LOOPBACK
    port: int = 0
    webhooks_port: int = 0
    stripe_port: int = 0
    phase: int = 2
    regime: Regime = "continuation"
    gates: Mapping[str, bool] = field(default_factory=dict)
    rate_limit: int | None = None
    seed: int = 1
    faults: Sequence[Fault] = ()
    storm: Storm | None = None
    stripe_url: str | None = None
    stripe_secret_key: str = "sk_test_gatefall"
    webhook_secret: str = "whsec_gatefall"
    admin_jwt_secret: str = "gatefall-admin-secret-for-tests-only"
    database_url: str | None = None
    redis_url: str | None = None
    version: str = "0"


class MockDeployment:
    """A deployment that is started and stopped as one. Its addresses are known once it has started."""

    def __init__(self, settings: MockSettings) -> None:
        self.settings = settings
        self.config = BackendConfig(
            settings.phase,
            settings.regime,
            settings.gates,
            admin_jwt_secret=settings.admin_jwt_secret,
            webhook_secret=settings.webhook_secret,
            stripe_secret_key=settings.stripe_secret_key,
        )
        self.config.change(rate_limit=settings.rate_limit)
        self.clock = LiveClock()
        self.metrics = Metrics(settings.version)
        self.addresses: dict[str, str] = {}
        self.stripe_server: StripeServer | None = None
        self._entries: Entries | None = None
        self._journal = CountingJournal(self.clock, self.metrics)
        self._faults = LiveFaults(settings.faults, settings.seed, self.clock, self._journal, settings.storm)
        self._due_account_ids: Callable[[int], Sequence[str]] = lambda _now_us: ()
        """Whose purchases a database knows to have waited too long; in memory every reminder is with its world."""
        self._internal_secret = secrets.token_urlsafe()
        self._stack = contextlib.AsyncExitStack()

    @property
    def gateway_url(self) -> str:
        """Where customers, administrators and test support are served."""
        return self.addresses[GATEWAY]

    @property
    def stripe_url(self) -> str:
        """Where Stripe is."""
        return self.addresses[STRIPE]

    async def start(self) -> None:
        """Listen. Raises CannotServe where a port, the database or Redis cannot be used."""
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def stop(self) -> None:
        """Answer what was asked, and close."""
        await self._stack.aclose()

    async def _start(self) -> None:
        client = HttpxClient()
        store, locks = await self._storage()
        self._stack.push_async_callback(client.close)
        world = LiveWorld(locks, clock=self.clock)
        self._stack.push_async_callback(world.close)
        services = self._services(store, world)
        apps = self._apps(world, services)
        await self._listen(apps)
        await self._reach_stripe(client)
        self._connect(world, client, services)
        sweeping = asyncio.create_task(self._sweep_every(world, SWEEP_EVERY_S))
        self._stack.callback(sweeping.cancel)

    async def _storage(self) -> tuple[Store, Locks]:
        """Where accounts are kept, and who may change them."""
        url = self.settings.database_url
        if url is None:
            return MemoryStore(), MemoryLocks()
        try:
            from conformance.servers.database import Database, DatabaseError
        except ImportError as error:
            raise CannotServe(
                f"--database needs SQLAlchemy and psycopg, which are missing ({error}): pip install -e '.[postgresql]'"
            ) from None
        from conformance.servers.postgres_store import PostgresStore
        from conformance.servers.postgres_stripe_entries import PostgresStripeEntries

        try:
            database = Database(url)
        except DatabaseError as error:
            raise CannotServe(str(error)) from None
        self._stack.push_async_callback(database.close)
        self._entries = PostgresStripeEntries(database)
        store = PostgresStore(database, self.clock)
        self._due_account_ids = store.due_account_ids
        self.clock.advance_by_us(int(store.setting(_CLOCK_OFFSET) or 0))
        self.clock.on_advance(lambda _seconds: store.keep_setting(_CLOCK_OFFSET, str(self.clock.offset_us)))
        return store, store

    def _rate_limit(self) -> RateLimit:
        """Who counts requests: a database hands out copies of accounts, with which the counts would be lost."""
        if self.settings.redis_url is not None:
            try:
                from conformance.servers.redis_rate_limit import RedisError, RedisRateLimit
            except ImportError as error:
                raise CannotServe(
                    f"--redis needs redis-py, which is missing ({error}): pip install -e '.[redis]'"
                ) from None
            try:
                limit = RedisRateLimit(self.settings.redis_url)
            except RedisError as error:
                raise CannotServe(str(error)) from None
            self._stack.callback(limit.close)
            return limit
        return MemoryRateLimit() if self.settings.database_url is None else ServerRateLimit()

    def _services(self, store: Store, world: LiveWorld) -> Mapping[str, Service]:
        api = SubscriptionsApi(self.config, store, self.clock, self._journal)
        world.alarmed[API] = api
        return {
            GATEWAY: Gateway(self.config, store, self.clock, self._rate_limit(), time.time),
            API: api,
            WEBHOOKS: BillingWebhooks(self.config, store, self.clock, self._journal, time.time),
            TEST_SUPPORT: TestSupport(self.config, store, self.clock, self._journal, self._advance),
        }

    def _apps(self, world: LiveWorld, services: Mapping[str, Service]) -> Mapping[str, Any]:
        def answering(name: str) -> Answering:
            answer = world.answering(name, services[name])
            return self.metrics.counting(name, self._faults.striking(name, answer))

        pages: Mapping[str, Page] = {"/healthz": _health, "/metrics": self.metrics.page}
        test_support = self._swept_after_clock(world, world.answering(TEST_SUPPORT, services[TEST_SUPPORT]))
        return {
            GATEWAY: GatewayApp(answering(GATEWAY), test_support, {**pages, openapi.PATH: openapi.openapi_page}),
            API: api_app(answering(API), self._internal_secret, pages),
            WEBHOOKS: webhooks_app(answering(WEBHOOKS), pages),
        }

    async def _listen(self, apps: Mapping[str, Any]) -> None:
        ports = {GATEWAY: self.settings.port, WEBHOOKS: self.settings.webhooks_port}
        for name, app in apps.items():
            server: HttpServer = await uvicorn_server.start(app, ports.get(name, 0), self.settings.host)
            self._stack.push_async_callback(server.stop)
            self.addresses[name] = server.url

    async def _look_for_stripe(self, client: HttpxClient) -> None:
        """Say at once if the other Stripe is not there: purchases would be refused, and nobody would know why."""
        try:
            await client.send("GET", f"{self.addresses[STRIPE]}/v1/customers", {}, None, _STRIPE_TIMEOUT_S)
        except Unanswered as error:
            _log.warning("Stripe does not answer yet, and purchases are refused (503) until it does: %s", error)

    async def _reach_stripe(self, client: HttpxClient) -> None:
        """Start the double, or believe in the Stripe that was named."""
        settings = self.settings
        if settings.stripe_url is not None:
            if settings.storm or any(fault.service == STRIPE or is_of_webhooks(fault) for fault in settings.faults):
                raise CannotServe(
                    "faults of Stripe and of its deliveries can strike the double alone: leave out --stripe or them"
                )
            self.addresses[STRIPE] = settings.stripe_url.rstrip("/")
            await self._look_for_stripe(client)
            return
        double = StripeSettings(
            port=settings.stripe_port,
            host=settings.host,
            webhook_urls=(self.addresses[WEBHOOKS] + WEBHOOK_PATH,),
            webhook_events=tuple(DEFAULT_EVENTS),
            webhook_secret=settings.webhook_secret,
            secret_key=settings.stripe_secret_key,
            seed=str(settings.seed),
            deliveries=live_deliveries(settings.faults, settings.seed, self.clock, self._journal, settings.storm),
        )
        self.stripe_server = StripeServer(
            double, clock=self.clock, journal=self._journal, network=self._network_of_stripe, entries=self._entries
        )
        try:
            await self.stripe_server.start()
        except (StripeMemoryError, LockUnavailable) as error:
            raise CannotServe(str(error)) from None
        self._stack.push_async_callback(self.stripe_server.stop)
        self.addresses[STRIPE] = self.stripe_server.url

    def _connect(self, world: LiveWorld, client: HttpxClient, services: Mapping[str, Service]) -> None:
        """Tell the services where they find one another."""
        encoders: Mapping[str, Callable[[Any], WireRequest]] = {
            API: partial(asked_request, secret=self._internal_secret),
            WEBHOOKS: webhook_request,
        }
        for name, encode in encoders.items():
            over_http = OverHttp(client, self.addresses[name], encode)
            world.callees[name] = OverWireUnlessInternal(over_http, InProcess(world, name, services[name]))
        world.callees[STRIPE] = OverHttp(client, self.addresses[STRIPE], stripe_request)

    def _network_of_stripe(self, answering: Answering) -> Answering:
        return self._faults.striking(STRIPE, answering, stripe_operation)

    def _advance(self, seconds: int) -> None:
        self.clock.advance(seconds)

    def _swept_after_clock(self, world: LiveWorld, answering: Answering) -> Answering:
        """Test support; when it has moved the clock, what is due by then is done before it answers."""

        async def answer(request: Request, headers: Mapping[str, str]) -> Answer:
            answered = await answering(request, headers)
            if request.path == CLOCK and answered.status == 200:
                await self._sweep(world)
            return answered

        return answer

    async def _sweep_every(self, world: LiveWorld, seconds: float) -> None:
        """Look again and again for what has waited too long."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self._sweep(world)
            except LockUnavailable as error:
                _log.warning("what has waited too long could not be looked for: %s", error)

    async def _sweep(self, world: LiveWorld) -> None:
        """End what has waited too long by now: what this server was reminded of, and what a database knows besides."""
        await world.sweep_now()
        for account_id in self._due_account_ids(self.clock.now_us):
            await world.run(world.alarmed[API].on_alarm(account_id))


def _health() -> tuple[bytes, str]:
    return b'{"status":"ok"}', "application/json"
