"""Whatever the backend asks of Stripe, Stripe's own stand-in accepts it too.

stripe-mock keeps no state and answers with examples, but it validates every request against Stripe's OpenAPI
description: paths, parameters, their types and values. Its newest version describes API version 2026-08-26.dahlia,
which is older than the double's. Nothing that the backend sends is refused for that: there are no exceptions here.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import parse_qsl

import httpx
import pytest

from conformance.over_http.form import form_encoded
from conformance.over_http.wire import stripe_request
from scenarios.reading import LoadedScenario, read_scenarios
from scenarios.variants import variants
from sim.backend import BackendConfig
from sim.deployment import SimulatedDeployment
from sim.effects import Program
from sim.messages import Answer, Request, Service
from sim.subscriptions_api.stripe_calls import StripeCalls
from tests.sim.conftest import Backend

CUSTOMERS = 10
"""Enough for every path that is not rare. What only one customer in hundreds does is driven by hand, below."""
SECRET_KEY = "Bearer " + BackendConfig().stripe_secret_key
PRO = {"rate_plan": {"id": "zone_pro"}, "frequency": "monthly"}

Check = Callable[[Request], httpx.Response]


class Shape(NamedTuple):
    """What makes two requests the same to a validator: everything but names, numbers and times."""

    method: str
    path: str
    parameters: tuple[str, ...]


def shape_of(request: Request) -> Shape:
    """Values with digits in them are identifiers, amounts and dates; all other values are told apart."""
    path = re.sub(r"(?<=/)(?!v1/)[^/]*\d[^/]*|(?<=/)pm_card_\w+", "{id}", request.path)
    sent = parse_qsl((form_encoded(request.body or {}) + b"&" + form_encoded(request.query)).decode())
    parameters = [f"{name}={'*' if re.search(r'[0-9]', value) else value}" for name, value in sent]
    return Shape(request.method, path, tuple(sorted(parameters)))


class Tap:
    """Stripe, with an ear for what the backend says. Browsers, with their publishable key, are none of its business."""

    def __init__(self, stripe: Service, heard: dict[Shape, Request]) -> None:
        self._stripe = stripe
        self._heard = heard

    def handle(self, request: Request) -> Program[Answer]:
        if request.headers.get("authorization") == SECRET_KEY:
            self._heard.setdefault(shape_of(request), request)
        return self._stripe.handle(request)


@pytest.fixture(scope="module")
def check(request: pytest.FixtureRequest) -> Iterator[Check]:
    """Sends a request to the stripe-mock that TEST_STRIPE_MOCK_URL names, else to one of this module's own."""
    given = os.environ.get("TEST_STRIPE_MOCK_URL")
    with ExitStack() as stack:
        address = given or stack.enter_context(_started(request.getfixturevalue("stripe_mock")))
        client = stack.enter_context(httpx.Client(base_url=address, trust_env=False, timeout=30))

        def send(one: Request) -> httpx.Response:
            wire = stripe_request(one)
            return client.request(wire.method, wire.target, headers=wire.headers, content=wire.content)

        yield send


@contextmanager
def _started(program: Path) -> Iterator[str]:
    """A stripe-mock on ports of its own choice, and its address."""
    command = [str(program), "-http-addr", "127.0.0.1:", "-https-addr", "127.0.0.1:"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            address = _address(process.stdout)
            # It tells of every request, and stops when nobody listens.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield address
        finally:
            process.kill()


def _address(said: IO[str]) -> str:
    """Where it listens, once it does."""
    lines: list[str] = []
    for line in said:
        lines.append(line)
        if "Listening for HTTPS" in line:
            break
    listening = re.search(r"HTTP at address: (127\.0\.0\.1:\d+)", "".join(lines))
    assert listening, "".join(lines)
    return f"http://{listening[1]}"


def refusals(heard: Mapping[Shape, Request], check: Check) -> list[str]:
    """What stripe-mock does not accept, and why."""
    answers = [(request, check(request)) for request in heard.values()]
    return [
        f"{one.method} {one.path} {one.body}: {answer.text}" for one, answer in answers if answer.status_code != 200
    ]


@pytest.mark.parametrize("loaded", read_scenarios([]), ids=lambda one: one.scenario.name)
def test_what_the_backend_sends_in_a_scenario_is_accepted(loaded: LoadedScenario, check: Check) -> None:
    for variant in variants([loaded], None, CUSTOMERS):
        heard: dict[Shape, Request] = {}
        deployment = SimulatedDeployment(variant, seed=1)
        services = deployment.world.services
        services["stripe"] = Tap(services["stripe"], heard)
        deployment.run(range(CUSTOMERS), lambda number, account, facts: None)
        assert heard, "the backend asked nothing of Stripe"
        assert refusals(heard, check) == []


def test_everything_that_the_backend_can_send_is_accepted(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    called: set[str] = set()
    operations = {
        name: method for name, method in inspect.getmembers(StripeCalls, inspect.isfunction) if name[0] != "_"
    }
    for name, method in operations.items():
        monkeypatch.setattr(StripeCalls, name, _noting(called, name, method))
    heard: dict[Shape, Request] = {}
    drive(heard)
    assert called == set(operations)
    assert refusals(heard, check) == []
    asked = {(shape.method, shape.path) for shape in heard}
    for kind in ("payment_intents", "setup_intents"):  # every operation on intents, on both kinds
        for method, rest in (("POST", ""), ("POST", "/{id}/confirm"), ("POST", "/{id}/cancel"), ("GET", "/{id}")):
            assert (method, f"/v1/{kind}{rest}") in asked


def _noting(called: set[str], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def noting(*arguments: Any, **named: Any) -> Any:
        called.add(name)
        return method(*arguments, **named)

    return noting


def drive(heard: dict[Shape, Request]) -> None:
    """Take a backend through every call that it has for Stripe."""
    backend = Backend()
    backend.world.services["stripe"] = Tap(backend.stripe, heard)
    buy_and_change_ones_mind(backend)
    manage_payment_methods(backend)
    lose_answers(backend)
    pay_late(backend)
    for state in ("expired", "requires_authentication", "declining", "paypal"):
        shopper = backend.shopper(state)
        shopper.buy("workers_paid", on_session=False)
        shopper.buy("workers_paid", "r2")
    gone = backend.shopper("valid")
    assert backend.call("test-support", Request("DELETE", f"/__test__/accounts/{gone.account_id}")).status == 200


def buy_and_change_ones_mind(backend: Backend) -> None:
    """With and without something due, with and without a payment method, again with another; then cancel."""
    for plan in ("workers_paid", "r2"):
        without = backend.shopper()
        assert without.buy(plan).status == 200
        assert without.buy(plan, payment_method_id=without.card("4000002760003184")).status == 200
        assert without.buy(plan, "images").status == 200
        for subscription in without.states():
            without.ask("DELETE", f"/subscriptions/{subscription}")
        new = backend.shopper()
        assert new.buy(plan, payment_method_id=new.card()).status == 200
        away = backend.shopper()
        assert away.buy(plan, on_session=False).status == 200
        assert away.buy(plan, on_session=False, payment_method_id=away.card()).status == 200
    many = backend.shopper(account_id="acct98765433", zones=[f"{number}.example.com" for number in range(50)])
    lines = [{**PRO, "zone_id": zone["id"]} for zone in many.made["zones"]]
    assert many.ask("POST", "/bulk/subscriptions", {"subscriptions": lines, "user_is_on_session": True}).status == 200


def manage_payment_methods(backend: Backend) -> None:
    """Set one up, add one, remove one; pay a debt with one."""
    shopper = backend.shopper()
    shopper.confirm(shopper.ask("POST", "/billing/profile/payment-method", {}).body["result"]["client_secret"])
    added = shopper.ask("POST", "/payment-methods", {"payment_method_id": shopper.card()})
    assert shopper.ask("DELETE", f"/payment-methods/{added.body['result']['id']}").status == 200
    assert shopper.get("/payment-methods")
    debtor = backend.shopper("valid", bad_debt=900)
    (debt,) = debtor.get("/billing/history")
    assert debtor.ask("POST", "/billing/pay-bad-debt", {"invoice_id": debt["id"]}).status == 200


def lose_answers(backend: Backend) -> None:
    """What was never answered is looked for among the intents."""
    for plan, operation in (("workers_paid", "create_payment_intent"), ("r2", "create_setup_intent")):
        shopper = backend.shopper()
        backend.fault("drop_answer", "stripe", operation, first=1)
        assert shopper.buy(plan).status == 503
        backend.no_fault()
        assert shopper.buy(plan, "images").status == 200


def pay_late(backend: Backend) -> None:
    """A payment that succeeds after the purchase was given up is given back."""
    shopper = backend.shopper("valid")
    backend.deliveries.held = True
    assert shopper.buy("workers_paid").status == 200
    backend.deliveries.held = False
    for subscription in shopper.states():
        assert shopper.ask("DELETE", f"/subscriptions/{subscription}").status == 200


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (Request("POST", "/v1/payment_intents", {"amount": 500, "currency": "usd", "amuont": 1}), "additional"),
        (Request("POST", "/v1/payment_intents", {"currency": "usd"}), "amount"),
        (Request("POST", "/v1/payment_intents", {"amount": "much", "currency": "usd"}), "numeric"),
        (Request("POST", "/v1/payment_intents/pi_1/cancel", {"cancellation_reason": "mood"}), "enum"),
        (Request("POST", "/v1/payment_intents/pi_1/confrim", {}), "Unrecognized"),
        (Request("GET", "/v1/payment_intents", None, query={"custumer": "cus_1"}), "additional"),
    ],
    ids=lambda one: one if isinstance(one, str) else f"{one.method} {one.path}",
)
def test_what_is_wrong_is_refused(check: Check, wrong: Request, why: str) -> None:
    wrong.headers = {"authorization": SECRET_KEY}
    (refusal,) = refusals({shape_of(wrong): wrong}, check)
    assert why in refusal


def test_shapes_keep_values_apart_but_not_identifiers() -> None:
    def shape(path: str, **body: Any) -> Shape:
        return shape_of(Request("POST", path, body))

    assert shape("/v1/refunds", amount=5) == shape("/v1/refunds", amount=7)
    assert shape("/v1/refunds", reason="duplicate") != shape("/v1/refunds", reason="fraudulent")
    assert shape("/v1/payment_methods/pm_1a/attach") == shape("/v1/payment_methods/pm_card_visa/attach")
    assert shape("/v1/refunds", amount=5) != shape("/v1/refunds", amount=5, metadata={"a": "b"})
