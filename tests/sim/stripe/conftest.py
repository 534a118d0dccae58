"""A shop to test Stripe's double with: a clock that tests move, and a runner that plays the world's part.

Whatever a double answers in any test of this folder, and every event that it records, must fit the types of the
official SDK.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from sim.effects import Call, Program, Spawn, Wait
from sim.facts import Fact, Journal
from sim.messages import Answer, Request
from sim.stripe import PunctualDelivery, Stripe, hosted_page
from sim.time import unix_s
from tests.sim.stripe.sdk_schemas import error_problems, problems

SECRET = "whsec_test"
ACCOUNT = "acct1"


PUBLISHABLE = "Bearer pk_test_"


@pytest.fixture(autouse=True)
def _answers_fit_the_sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    doubles: list[Stripe] = []
    make, handle = Stripe.__init__, Stripe.handle

    def making(self: Stripe, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        doubles.append(self)

    def handling(self: Stripe, request: Request) -> Program[Answer]:
        answer = yield from handle(self, request)
        found = misfits(request, answer)
        assert not found, (request.method, request.path, found)
        return answer

    monkeypatch.setattr(Stripe, "__init__", making)
    monkeypatch.setattr(Stripe, "handle", handling)
    yield
    for double in doubles:
        for account in double._ledger.accounts():
            for event in account.events():
                assert not problems(event.render())


def misfits(request: Request, answer: Answer) -> list[str]:
    """What the SDK's types say against an answer of Stripe's interface; hosted pages are for people."""
    if not request.path.startswith("/v1/"):
        return []
    published = request.headers.get("authorization", "").startswith(PUBLISHABLE)
    if answer.status == 200:
        return problems(answer.body, published=published)
    return error_problems(answer.body["error"], published=published)


class MovableClock:
    def __init__(self) -> None:
        self.now_us = 1_000_000


class Shop:
    """Stripe, and what happens around it. `receive` answers each delivered webhook with an HTTP status."""

    def __init__(self, policy: Any = None, **options: Any) -> None:
        self.clock = MovableClock()
        self.journal = Journal(self.clock)
        self.stripe = Stripe(self.clock, self.journal, policy or PunctualDelivery(), webhook_secret=SECRET, **options)
        self.received: list[tuple[int, Request]] = []
        self.receive: Callable[[Request], int] = lambda request: 200
        self._waiting: list[tuple[int, int, Program[Any], Any]] = []
        self._number = 0

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = "sk_test_gatefall", **headers: str
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        return self.run(self.stripe.handle(Request(method, path, body, sent)))

    def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return self.ask("POST", path, body or {}, **options)

    def made(self, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        """Post, and insist on success."""
        answer = self.post(path, body, **options)
        assert answer.status == 200, answer.body
        return answer.body

    def get(self, path: str, **options: Any) -> dict[str, Any]:
        answer = self.ask("GET", path, **options)
        assert answer.status == 200, answer.body
        return answer.body

    def browse(self, path: str, body: Any = None) -> Answer:
        """Post with the publishable key."""
        return self.post(path, body, key="pk_test_gatefall")

    def customer(self, account: str = ACCOUNT) -> str:
        return self.made("/v1/customers", {"email": "a@example.test", "metadata": {"account_id": account}})["id"]

    def intent(self, **values: Any) -> dict[str, Any]:
        return self.made("/v1/payment_intents", {"amount": 500, "currency": "usd", **values})

    def visit(self, intent: dict[str, Any], outcome: str = "complete") -> Answer:
        url = hosted_page(intent)
        assert url is not None, intent["status"]
        return self.ask("POST", url.removeprefix("https://hooks.stripe.test"), {"outcome": outcome}, key=None)

    def facts(self, kind: str, account: str = ACCOUNT) -> list[Fact]:
        return [fact for fact in self.journal.open(account) if fact.kind == kind]

    def events(self, event_type: str | None = None) -> list[dict[str, Any]]:
        """All events on record, oldest first."""
        listed = (
            self.get("/v1/events") if event_type is None else self.ask("GET", "/v1/events", {"type": event_type}).body
        )
        return listed["data"][::-1]

    def deliveries(self) -> list[tuple[int, str]]:
        return [(at_us, orjson.loads(request.body)["type"]) for at_us, request in self.received]

    def run(self, program: Program[Any]) -> Any:
        """Run a request to its end; what it spawns waits for `settle`."""
        result = None
        while True:
            try:
                effect = program.send(result)
            except StopIteration as stop:
                return stop.value
            assert isinstance(effect, Spawn), effect
            self._later(effect.delay_us, effect.program, None)
            result = None

    def settle_until(self, at_us: int) -> None:
        """Let time pass until then."""
        while self._waiting and self._waiting[0][0] <= at_us:
            self._next()
        self.clock.now_us = at_us

    def settle(self) -> None:
        """Let time pass until nothing is left to happen."""
        while self._waiting:
            self._next()

    def _next(self) -> None:
        at_us, _, program, result = heapq.heappop(self._waiting)
        self.clock.now_us = max(self.clock.now_us, at_us)
        self._resume(program, result)

    def _resume(self, program: Program[Any], result: Any) -> None:
        while True:
            try:
                effect = program.send(result)
            except StopIteration:
                return
            if isinstance(effect, Wait):
                self._later(effect.delay_us, program, None)
                return
            if isinstance(effect, Spawn):
                self._later(effect.delay_us, effect.program, None)
                result = None
                continue
            assert isinstance(effect, Call), effect
            assert effect.service == "billing-webhooks"
            self.received.append((self.clock.now_us, effect.request))
            result = Answer(self.receive(effect.request))

    def _later(self, delay_us: int, program: Program[Any], result: Any) -> None:
        self._number += 1
        heapq.heappush(self._waiting, (self.clock.now_us + delay_us, self._number, program, result))

    @property
    def now_s(self) -> int:
        return unix_s(self.clock.now_us)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def new_shop() -> type[Shop]:
    return Shop
