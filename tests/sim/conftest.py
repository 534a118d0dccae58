"""A whole backend in a world without latencies, driven step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from scenarios.scenario import Fault
from sim.backend import BackendConfig
from sim.billing_webhooks import BillingWebhooks
from sim.effects import Call, Program, Wait
from sim.facts import Fact, Journal
from sim.faults import FaultPlan
from sim.gateway import Gateway
from sim.messages import Answer, Request
from sim.network import IMMEDIATE
from sim.principal import Principal
from sim.store import Account, MemoryStore
from sim.streams import Streams
from sim.stripe.service import Stripe
from sim.stripe.signature import sign
from sim.stripe.webhooks import Delivery, backoff_us
from sim.subscriptions_api import SubscriptionsApi
from sim.test_support import TestSupport
from sim.time import unix_s
from sim.world import World

BROWSER = {"authorization": "Bearer pk_test_gatefall"}
MERCHANT = {"authorization": "Bearer sk_test_gatefall"}
LONG_US = 10 * 60 * 1_000_000


class HeldDeliveries:
    """Delivers a second after the event, or not at all while `held`."""

    def __init__(self) -> None:
        self.held = False

    def copies(self, account_id: str, event_id: str, event_type: str) -> Sequence[Delivery]:
        return () if self.held else (Delivery(1_000_000),)

    def retry_delay_us(self, account_id: str, attempt: int) -> int:
        return backoff_us(attempt)


class Backend:
    """The deployment, and what a test does to it. Time passes only where a test lets it."""

    def __init__(self, phase: int = 2, regime: Any = "continuation", **settings: Any) -> None:
        self.config = BackendConfig(phase, regime, **settings)
        self.world = World(IMMEDIATE)
        clock = self.clock = self.world.clock
        self.journal = Journal(clock)
        self.store = MemoryStore()
        self.deliveries = HeldDeliveries()
        self.stripe = Stripe(clock, self.journal, self.deliveries, webhook_secret=self.config.webhook_secret)
        self.api = SubscriptionsApi(self.config, self.store, clock, self.journal)
        self.webhooks = BillingWebhooks(self.config, self.store, clock, self.journal)
        self.world.services = {
            "gateway": Gateway(self.config, self.store, clock),
            "subscriptions-api": self.api,
            "billing-webhooks": self.webhooks,
            "stripe": self.stripe,
            "test-support": TestSupport(self.config, self.store, clock, self.journal),
        }
        self._runs = 0

    def run(self, *programs: Program[Any]) -> list[Any]:
        """Run programs side by side until all have ended; nothing later happens yet."""
        results: dict[int, Any] = {}

        def recorded(number: int, program: Program[Any]) -> Program[None]:
            results[number] = yield from program

        self._runs += 1
        principal = Principal(self._runs, "", Streams(1, self._runs))
        for number, program in enumerate(programs):
            self.world.start(principal, recorded(number, program))
        while len(results) < len(programs):
            self.world.environment.step()
        return [results[number] for number in range(len(programs))]

    def call(self, service: str, request: Request) -> Answer:
        answer: Answer = self.run(_call(service, request))[0]
        return answer

    def wait(self, seconds: float) -> None:
        self.run(_wait(round(seconds * 1_000_000)))

    def fault(self, kind: Any, service: Any, operation: str | None = None, **settings: Any) -> None:
        """From now on this fault strikes, and no other."""
        fault = Fault(kind=kind, service=service, operation=operation, **settings)
        self.world.faults = FaultPlan([fault], self.journal)

    def no_fault(self) -> None:
        self.world.faults = None

    def shopper(self, payment_method: str = "none", **body: Any) -> Shopper:
        request = Request("POST", "/__test__/accounts", {"payment_method": payment_method, **body})
        answer = self.call("test-support", request)
        assert answer.status == 201, answer.body
        return Shopper(self, answer.body)

    def merchant(self, method: str, path: str, body: Any = None, **query: str) -> Answer:
        """Ask Stripe with the secret key."""
        return self.call("stripe", Request(method, path, body, MERCHANT, query))

    def deliver(self, event: dict[str, Any], age_s: int = 0, secret: str | None = None) -> Answer:
        """Deliver an event by hand."""
        import orjson

        payload = orjson.dumps(event)
        signature = sign(payload, secret or self.config.webhook_secret, unix_s(self.clock.now_us) - age_s)
        headers = {"stripe-signature": signature}
        return self.call("billing-webhooks", Request("POST", "/webhooks/stripe", payload, headers))


class Shopper:
    """A customer of that backend."""

    def __init__(self, backend: Backend, made: dict[str, Any]) -> None:
        self.backend = backend
        self.made = made
        self.account_id: str = made["account_id"]
        self.token: str = made["token"]
        self.customer: str = made["stripe_customer"]
        self.facts_before = len(self.all_facts())

    @property
    def account(self) -> Account:
        account = self.backend.store.account(self.account_id)
        assert account is not None
        return account

    def request(
        self, method: str, path: str, body: Any = None, key: str | None = None, query: dict[str, str] | None = None
    ) -> Request:
        headers = {"authorization": f"Bearer {self.token}", "x-client": "unified-checkout"}
        if key is not None:
            headers["idempotency-key"] = key
        return Request(method, f"/api/v4{path}", body, headers, query or {})

    def ask(
        self, method: str, path: str, body: Any = None, key: str | None = None, query: dict[str, str] | None = None
    ) -> Answer:
        return self.backend.call("gateway", self.request(method, path, body, key, query))

    def ask_at_once(self, *requests: Request) -> list[Answer]:
        return self.backend.run(*[_call("gateway", request) for request in requests])

    def get(self, path: str, **query: str) -> Any:
        answer = self.ask("GET", path, query=query)
        assert answer.status == 200, answer.body
        return answer.body["result"]

    def cart(self, *plans: str, on_session: bool = True, **more: Any) -> dict[str, Any]:
        lines = [{"rate_plan": {"id": plan}, "frequency": "monthly"} for plan in plans]
        return {"subscriptions": lines, "user_is_on_session": on_session, **more}

    def buy(self, *plans: str, on_session: bool = True, key: str | None = None, **more: Any) -> Answer:
        body = self.cart(*plans, on_session=on_session, **more)
        return self.ask("POST", "/bulk/subscriptions", body, key)

    def card(self, number: str = "4242424242424242") -> str:
        """A payment method as the browser makes it of a card that was typed in."""
        card = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
        body = {"type": "card", "card": card, "metadata": {"account_id": self.account_id}}
        answer = self.backend.call("stripe", Request("POST", "/v1/payment_methods", body, BROWSER))
        identifier: str = answer.body["id"]
        return identifier

    def confirm(self, secret: str, method: str = "pm_card_visa") -> Answer:
        kind = "payment_intents" if secret.startswith("pi_") else "setup_intents"
        body = {"client_secret": secret, "payment_method": method, "use_stripe_sdk": True}
        path = f"/v1/{kind}/{secret.partition('_secret_')[0]}/confirm"
        return self.backend.call("stripe", Request("POST", path, body, BROWSER))

    def states(self) -> dict[str, str]:
        return {item["id"]: item["state"] for item in self.get("/subscriptions")}

    def active(self) -> list[str]:
        """Features that are active."""
        return [row["feature"] for row in self.get("/entitlements") if row["status"] == "active"]

    def intents(self) -> list[dict[str, Any]]:
        return self.backend.stripe.intents_of(self.account_id)

    def statuses(self) -> list[str]:
        """Statuses of the account's intents at Stripe, oldest first."""
        return [intent["status"] for intent in self.intents()]

    def events(self, event_type: str) -> list[dict[str, Any]]:
        """Stripe's events of that type about this customer, oldest first."""
        listed = self.backend.merchant("GET", "/v1/events", type=event_type, limit="100").body["data"]
        return [
            event
            for event in reversed(listed)
            if self.customer
            in (event["data"]["object"].get("customer"), event["data"].get("previous_attributes", {}).get("customer"))
        ]

    def all_facts(self) -> list[Fact]:
        return self.backend.journal.open(self.account_id)

    def facts(self, kind: str, actor: str | None = None) -> list[Fact]:
        """Facts since the account was made."""
        return [
            fact
            for fact in self.all_facts()[self.facts_before :]
            if fact.kind == kind and (actor is None or fact.actor == actor)
        ]

    def captured_minor(self) -> int:
        """What Stripe holds of this customer's money: received less refunded."""
        return sum(intent["amount_received"] - intent["amount_refunded"] for intent in self.intents())


def _call(service: str, request: Request) -> Program[Answer]:
    answer: Answer = yield Call(service, request, LONG_US)
    return answer


def _wait(delay_us: int) -> Program[None]:
    yield Wait(delay_us)


def code(answer: Answer) -> tuple[int, int | None]:
    """HTTP status and first error code."""
    errors = answer.body["errors"]
    return answer.status, errors[0]["code"] if errors else None


@pytest.fixture
def make_backend() -> Callable[..., Backend]:
    return Backend


@pytest.fixture
def backend() -> Backend:
    """Phase 2, Continuation."""
    return Backend()


@pytest.fixture
def refusal_of() -> Callable[[Answer], tuple[int, int | None]]:
    return code
