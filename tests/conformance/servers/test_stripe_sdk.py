"""The official SDK, blocking and asynchronous, runs every flow against the Stripe double."""

from __future__ import annotations

import asyncio
import operator
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import stripe

from conformance.servers.stripe_server import StripeServer, StripeSettings
from sim.messages import Answer, Request
from tests.conformance.servers.stripe_double import client_of, double_at

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload:DeprecationWarning")
"""The SDK hands its form to httpx in a way that httpx would like to be rid of."""

PAYMENT = {"amount": 500, "currency": "usd", "payment_method_types": ["card"]}
RETURN_URL = "https://shop.test/back?cart=7"


class Sdk:
    """One client, whose calls block or are awaited: `sdk("customers.create", {…})`."""

    def __init__(self, client: stripe.StripeClient, runner: asyncio.Runner | None) -> None:
        self.client = client
        self._runner = runner

    def __call__(self, operation: str, *arguments: Any, **options: Any) -> Any:
        call = operator.attrgetter(operation if self._runner is None else f"{operation}_async")(self.client.v1)
        result = call(*arguments, **({"options": options} if options else {}))
        return result if self._runner is None else self._runner.run(result)

    def all(self, operation: str, params: dict[str, Any]) -> list[Any]:
        """All pages of a list."""
        first = self(operation, params)
        if self._runner is None:
            return list(first.auto_paging_iter())

        async def collected() -> list[Any]:
            return [item async for item in first.auto_paging_iter()]

        return self._runner.run(collected())

    def customer(self) -> str:
        made: str = self("customers.create", {"email": "jenny@example.test"}).id
        return made


@pytest.fixture(scope="module")
def double() -> Iterator[StripeServer]:
    with double_at() as server:
        yield server


@pytest.fixture(params=["blocking", "asynchronous"])
def manner(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sdk_of(manner: str) -> Iterator[Callable[..., Sdk]]:
    """Makes a client for a double."""
    http_client = stripe.HTTPXClient(allow_sync_methods=manner == "blocking")
    if manner == "blocking":
        yield lambda server, **options: Sdk(client_of(server, http_client, **options), None)
        http_client.close()
        return
    with asyncio.Runner() as runner:
        yield lambda server, **options: Sdk(client_of(server, http_client, **options), runner)
        runner.run(http_client.close_async())


@pytest.fixture
def sdk(double: StripeServer, sdk_of: Callable[..., Sdk]) -> Sdk:
    return sdk_of(double)


def visit(url: str, outcome: str) -> str | None:
    """Do that on a hosted page, as a browser's form does; return where it leads back to."""
    answer = httpx.post(url, data={"outcome": outcome}, headers={"accept": "text/html"}, timeout=20)
    assert answer.status_code in (200, 303)
    location: str | None = answer.headers.get("location")
    return location


def returned_with(location: str | None) -> dict[str, str]:
    assert location is not None
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))


def test_a_card_pays(sdk: Sdk) -> None:
    customer = sdk.customer()
    intent = sdk("payment_intents.create", {**PAYMENT, "customer": customer, "metadata": {"order": "6735"}})
    assert intent.status == "requires_payment_method"
    paid = sdk("payment_intents.confirm", intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.amount_received, paid.metadata["order"]) == ("succeeded", 500, "6735")
    assert sdk("payment_intents.retrieve", intent.id).latest_charge == paid.latest_charge
    assert sdk("charges.retrieve", paid.latest_charge).paid is True


def test_a_declined_card_is_a_card_error_and_the_intent_can_be_tried_again(sdk: Sdk) -> None:
    intent = sdk("payment_intents.create", PAYMENT)
    with pytest.raises(stripe.CardError) as refused:
        sdk("payment_intents.confirm", intent.id, {"payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"})
    error = refused.value
    assert (error.http_status, error.code) == (402, "card_declined")
    assert error.error is not None
    assert error.error.decline_code == "insufficient_funds"
    assert error.error.payment_intent is not None
    assert error.error.payment_intent.status == "requires_payment_method"
    again = sdk("payment_intents.confirm", intent.id, {"payment_method": "pm_card_visa"})
    assert again.status == "succeeded"


@pytest.mark.parametrize(
    ("outcome", "status", "redirect_status"),
    [("complete", "succeeded", "succeeded"), ("fail", "requires_payment_method", "failed")],
)
def test_a_challenge_ends_as_the_customer_ends_it(sdk: Sdk, outcome: str, status: str, redirect_status: str) -> None:
    intent = sdk(
        "payment_intents.create",
        {**PAYMENT, "payment_method": "pm_card_authenticationRequired", "confirm": True, "return_url": RETURN_URL},
    )
    assert (intent.status, intent.next_action.type) == ("requires_action", "redirect_to_url")
    back = returned_with(visit(intent.next_action.redirect_to_url.url, outcome))
    assert back == {
        "cart": "7",
        "payment_intent": intent.id,
        "payment_intent_client_secret": intent.client_secret,
        "redirect_status": redirect_status,
    }
    after = sdk("payment_intents.retrieve", intent.id)
    assert after.status == status
    if outcome == "fail":
        assert after.last_payment_error.code == "payment_intent_authentication_failure"


@pytest.mark.parametrize(("outcome", "status"), [("complete", "succeeded"), ("cancel", "requires_payment_method")])
def test_paypal_redirects(sdk: Sdk, outcome: str, status: str) -> None:
    intent = sdk(
        "payment_intents.create",
        {
            "amount": 500,
            "currency": "eur",
            "payment_method_types": ["paypal"],
            "payment_method_data": {"type": "paypal"},
            "confirm": True,
            "return_url": RETURN_URL,
        },
    )
    assert intent.status == "requires_action"
    assert returned_with(visit(intent.next_action.redirect_to_url.url, outcome))["payment_intent"] == intent.id
    assert sdk("payment_intents.retrieve", intent.id).status == status


def test_a_saved_card_pays_without_its_customer(sdk: Sdk) -> None:
    customer = sdk.customer()
    setup = sdk(
        "setup_intents.create",
        {"customer": customer, "payment_method": "pm_card_visa", "confirm": True, "payment_method_types": ["card"]},
    )
    assert setup.status == "succeeded"
    saved = sdk("customers.payment_methods.list", customer).data
    assert [method.id for method in saved] == [setup.payment_method]
    paid = sdk(
        "payment_intents.create",
        {**PAYMENT, "customer": customer, "payment_method": saved[0].id, "confirm": True, "off_session": True},
    )
    assert paid.status == "succeeded"


def test_paying_saves_the_card_where_that_was_asked_for(sdk: Sdk) -> None:
    customer = sdk.customer()
    sdk(
        "payment_intents.create",
        {
            **PAYMENT,
            "customer": customer,
            "payment_method": "pm_card_mastercard",
            "confirm": True,
            "setup_future_usage": "off_session",
        },
    )
    [saved] = sdk("payment_methods.list", {"customer": customer, "type": "card"}).data
    assert saved.card.brand == "mastercard"
    assert sdk("payment_methods.detach", saved.id).customer is None
    assert sdk("payment_methods.list", {"customer": customer, "type": "card"}).data == []


def test_who_must_authenticate_cannot_be_charged_off_session(sdk: Sdk) -> None:
    customer = sdk.customer()
    method = sdk("payment_methods.attach", "pm_card_authenticationRequired", {"customer": customer})
    with pytest.raises(stripe.CardError) as refused:
        sdk(
            "payment_intents.create",
            {**PAYMENT, "customer": customer, "payment_method": method.id, "confirm": True, "off_session": True},
        )
    assert (refused.value.http_status, refused.value.code) == (402, "authentication_required")


def test_a_failed_set_up_tells_why(sdk: Sdk) -> None:
    setup = sdk("setup_intents.create", {"payment_method_types": ["card"], "customer": sdk.customer()})
    with pytest.raises(stripe.CardError) as refused:
        sdk("setup_intents.confirm", setup.id, {"payment_method": "pm_card_chargeDeclined"})
    assert refused.value.error is not None
    assert refused.value.error.setup_intent is not None
    assert refused.value.error.setup_intent.id == setup.id
    assert sdk("setup_intents.retrieve", setup.id).last_setup_error.code == "card_declined"


def test_money_goes_back_in_parts(sdk: Sdk) -> None:
    paid = sdk("payment_intents.create", {**PAYMENT, "payment_method": "pm_card_visa", "confirm": True})
    assert sdk("refunds.create", {"payment_intent": paid.id, "amount": 200}).amount == 200
    assert sdk("refunds.create", {"payment_intent": paid.id}).amount == 300
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk("refunds.create", {"payment_intent": paid.id})
    assert refused.value.code == "charge_already_refunded"
    charge = sdk("charges.retrieve", paid.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (500, True)


def test_an_authorized_payment_is_captured_or_cancelled(sdk: Sdk) -> None:
    manual = {**PAYMENT, "payment_method": "pm_card_visa", "confirm": True, "capture_method": "manual"}
    held = sdk("payment_intents.create", manual)
    assert (held.status, held.amount_capturable) == ("requires_capture", 500)
    assert sdk("payment_intents.capture", held.id, {"amount_to_capture": 300}).amount_received == 300
    other = sdk("payment_intents.create", manual)
    assert sdk("payment_intents.cancel", other.id, {"cancellation_reason": "abandoned"}).status == "canceled"


def test_all_pages_of_a_list_hold_everything_once(sdk_of: Callable[..., Sdk]) -> None:
    with double_at() as server:
        sdk = sdk_of(server)
        made = [
            sdk("payment_intents.create", {**PAYMENT, "metadata": {"account_id": f"acct{number % 5}"}}).id
            for number in range(60)
        ]
        assert [intent.id for intent in sdk.all("payment_intents.list", {"limit": 7})] == made[::-1]
        assert len(sdk.all("events.list", {"limit": 50, "type": "payment_intent.created"})) == 60


def test_what_is_expanded_is_there_in_full(sdk: Sdk) -> None:
    customer = sdk.customer()
    paid = sdk(
        "payment_intents.create",
        {
            **PAYMENT,
            "customer": customer,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "expand": ["latest_charge.payment_intent.customer", "payment_method"],
        },
    )
    assert paid.payment_method.card.last4 == "4242"
    assert paid.latest_charge.payment_intent.customer.id == customer
    [listed] = sdk("payment_intents.list", {"customer": customer, "expand": ["data.customer"]}).data
    assert listed.customer.email == "jenny@example.test"
    with pytest.raises(stripe.InvalidRequestError):
        sdk("payment_intents.retrieve", paid.id, {"expand": ["no_such_thing"]})


def test_a_key_used_again_gets_the_first_answer(sdk: Sdk, manner: str) -> None:
    key = f"key-{manner}"
    first = sdk("payment_intents.create", PAYMENT, idempotency_key=key)
    again = sdk("payment_intents.create", PAYMENT, idempotency_key=key)
    assert again.id == first.id
    headers = {name.lower(): value for name, value in again.last_response.headers.items()}
    assert headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError) as refused:
        sdk("payment_intents.create", {**PAYMENT, "amount": 600}, idempotency_key=key)
    assert refused.value.http_status == 400


def test_a_request_that_comes_while_its_key_is_in_use_is_a_conflict(
    sdk: Sdk, double: StripeServer, manner: str
) -> None:
    key = f"busy-{manner}"
    body = {"amount": "500", "currency": "usd", "payment_method_types": {"0": "card"}}
    double.stripe._keys.begin(False, key, Request("POST", "/v1/payment_intents", body), double.clock.now_us)
    with pytest.raises(stripe.APIError) as refused:
        sdk("payment_intents.create", PAYMENT, idempotency_key=key, max_network_retries=0)
    assert refused.value.error is not None
    assert (refused.value.http_status, refused.value.error.code) == (409, "idempotency_key_in_use")


@pytest.mark.parametrize(
    ("operation", "arguments", "kind", "status", "code", "param"),
    [
        ("payment_intents.create", [{"amount": 500}], stripe.InvalidRequestError, 400, "parameter_missing", "currency"),
        (
            "payment_intents.create",
            [{**PAYMENT, "amout": 1}],
            stripe.InvalidRequestError,
            400,
            "parameter_unknown",
            "amout",
        ),
        ("payment_intents.retrieve", ["pi_none"], stripe.InvalidRequestError, 404, "resource_missing", "intent"),
        ("customers.retrieve", ["cus_none"], stripe.InvalidRequestError, 404, "resource_missing", "id"),
        ("customers.list", [{"limit": 101}], stripe.InvalidRequestError, 400, None, "limit"),
    ],
)
def test_a_wrong_request_is_an_invalid_request_error(
    sdk: Sdk,
    operation: str,
    arguments: list[Any],
    kind: type[stripe.StripeError],
    status: int,
    code: str | None,
    param: str,
) -> None:
    with pytest.raises(kind) as refused:
        sdk(operation, *arguments)
    error = refused.value
    assert isinstance(error, stripe.InvalidRequestError)
    assert (error.http_status, error.param) == (status, param)
    if code is not None:
        assert error.code == code
    assert error.request_id is not None
    assert error.request_id.startswith("req_")


def test_a_wrong_key_is_an_authentication_error(double: StripeServer, sdk_of: Callable[..., Sdk]) -> None:
    with pytest.raises(stripe.AuthenticationError) as refused:
        sdk_of(double, key="sk_test_of_somebody_else")("customers.list")
    assert refused.value.http_status == 401
    assert "somebody_else" not in str(refused.value)


def test_a_browsers_key_may_not_do_what_a_backend_may(double: StripeServer, sdk_of: Callable[..., Sdk]) -> None:
    with pytest.raises(stripe.PermissionError) as refused:
        sdk_of(double, key="pk_test_gatefall")("customers.list")
    assert refused.value.http_status == 403


def test_too_many_operations_are_a_rate_limit_error(sdk_of: Callable[..., Sdk]) -> None:
    with double_at(StripeSettings(operations_per_s=1)) as server:
        sdk = sdk_of(server)

        def ask_on() -> None:
            for _ in range(50):  # two of them fall into the same second
                sdk("customers.list", {}, max_network_retries=0)

        with pytest.raises(stripe.RateLimitError) as refused:
            ask_on()
        assert refused.value.http_status == 429


def failing_once(server: StripeServer, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> list[str]:
    """Have the next POST break, before or after it did its work. Returns the idempotency keys that came."""
    handle, keys = server.stripe.handle, []

    def handling(request: Request) -> Any:
        if request.method == "POST":
            keys.append(request.headers["idempotency-key"])
            if len(keys) == 1:
                if after:
                    yield from handle(request)
                raise RuntimeError("as the test wants it")
        answer: Answer = yield from handle(request)
        return answer

    monkeypatch.setattr(server.stripe, "handle", handling)
    return keys


@pytest.mark.parametrize("after", [False, True])
def test_the_sdk_repeats_what_broke_and_nothing_is_done_twice(
    sdk_of: Callable[..., Sdk], monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    with double_at() as server:
        keys = failing_once(server, monkeypatch, after=after)
        sdk = sdk_of(server, max_network_retries=2)
        intent = sdk("payment_intents.create", PAYMENT)
        assert len(keys) == 2
        assert len(set(keys)) == 1
        assert [one.id for one in sdk("payment_intents.list").data] == [intent.id]


def test_what_breaks_is_an_api_error(sdk_of: Callable[..., Sdk], monkeypatch: pytest.MonkeyPatch) -> None:
    with double_at() as server:
        failing_once(server, monkeypatch, after=False)
        with pytest.raises(stripe.APIError) as refused:
            sdk_of(server)("payment_intents.create", PAYMENT)
        assert refused.value.http_status == 500
        assert "as the test wants it" not in str(refused.value)


def test_another_version_of_the_interface_is_honoured_or_refused(
    double: StripeServer, sdk_of: Callable[..., Sdk]
) -> None:
    older = sdk_of(double, stripe_version="2025-03-31.basil")("payment_intents.create", PAYMENT)
    assert "payment_method_types" in older
    assert "allowed_payment_method_types" not in older
    with pytest.raises(stripe.InvalidRequestError, match="Invalid Stripe API version"):
        sdk_of(double, stripe_version="2015-01-01")("customers.list")


def priced(sdk: Sdk, amount: int = 1500) -> str:
    product = sdk("products.create", {"name": "Workers Paid"})
    price = sdk(
        "prices.create",
        {"product": product.id, "unit_amount": amount, "currency": "usd", "recurring": {"interval": "month"}},
    )
    return str(price.id)


def payer(sdk: Sdk, card: str = "pm_card_visa", **more: Any) -> str:
    customer = sdk("customers.create", {"email": "jenny@example.test", **more})
    method = sdk("payment_methods.attach", card, {"customer": customer.id})
    sdk("customers.update", customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    return str(customer.id)


def test_a_subscription_is_paid_and_active(sdk: Sdk) -> None:
    subscription = sdk(
        "subscriptions.create",
        {"customer": payer(sdk), "items": [{"price": priced(sdk)}], "expand": ["latest_invoice.payments"]},
    )
    assert subscription.status == "active"
    invoice = subscription.latest_invoice
    assert (invoice.status, invoice.amount_paid) == ("paid", 1500)
    [payment] = invoice.payments.data
    assert sdk("payment_intents.retrieve", payment.payment.payment_intent).status == "succeeded"
    assert sdk("subscriptions.cancel", subscription.id).status == "canceled"


def test_a_subscription_waits_for_its_first_payment(sdk: Sdk) -> None:
    subscription = sdk(
        "subscriptions.create",
        {
            "customer": sdk.customer(),
            "items": [{"price": priced(sdk)}],
            "payment_behavior": "default_incomplete",
            "expand": ["latest_invoice.confirmation_secret"],
        },
    )
    assert subscription.status == "incomplete"
    secret = subscription.latest_invoice.confirmation_secret.client_secret
    intent_id = secret.partition("_secret_")[0]
    paid = sdk(
        "payment_intents.confirm", intent_id, {"payment_method": "pm_card_visa", "return_url": "https://shop.test/"}
    )
    assert paid.status == "succeeded"
    assert sdk("subscriptions.retrieve", subscription.id).status == "active"


def test_a_subscription_that_must_be_paid_at_once_is_not_made_by_a_declined_card(sdk: Sdk) -> None:
    customer = payer(sdk, "pm_card_chargeCustomerFail")
    with pytest.raises(stripe.CardError) as refused:
        sdk(
            "subscriptions.create",
            {"customer": customer, "items": [{"price": priced(sdk)}], "payment_behavior": "error_if_incomplete"},
        )
    assert refused.value.http_status == 402
    assert sdk("subscriptions.list", {"customer": customer, "status": "all"}).data == []


def test_a_test_clock_renews_a_subscription(sdk: Sdk) -> None:
    now_s = int(time.time())
    clock = sdk("test_helpers.test_clocks.create", {"frozen_time": now_s})
    customer = payer(sdk, test_clock=clock.id)
    subscription = sdk("subscriptions.create", {"customer": customer, "items": [{"price": priced(sdk)}]})
    sdk("test_helpers.test_clocks.advance", clock.id, {"frozen_time": now_s + 40 * 86_400})
    assert sdk("test_helpers.test_clocks.retrieve", clock.id).status == "ready"
    invoices = sdk("invoices.list", {"subscription": subscription.id}).data
    assert [invoice.billing_reason for invoice in invoices] == ["subscription_cycle", "subscription_create"]
    assert sdk("test_helpers.test_clocks.delete", clock.id).deleted is True


def test_a_first_invoice_unpaid_for_23_hours_ends_its_subscription(sdk: Sdk) -> None:
    now_s = int(time.time())
    clock = sdk("test_helpers.test_clocks.create", {"frozen_time": now_s})
    customer = sdk("customers.create", {"test_clock": clock.id}).id
    subscription = sdk(
        "subscriptions.create",
        {"customer": customer, "items": [{"price": priced(sdk)}], "payment_behavior": "default_incomplete"},
    )
    sdk("test_helpers.test_clocks.advance", clock.id, {"frozen_time": now_s + 24 * 3_600})
    assert sdk("subscriptions.retrieve", subscription.id).status == "incomplete_expired"
    assert sdk("invoices.retrieve", subscription.latest_invoice).status == "void"


def test_an_invoice_by_hand_is_finalized_and_paid_or_voided(sdk: Sdk) -> None:
    customer = payer(sdk)
    sdk("invoice_items.create", {"customer": customer, "amount": 2000, "currency": "usd"})
    draft = sdk("invoices.create", {"customer": customer, "pending_invoice_items_behavior": "include"})
    assert (draft.status, draft.amount_due) == ("draft", 2000)
    assert sdk("invoices.finalize_invoice", draft.id).status == "open"
    assert sdk("invoices.pay", draft.id).status == "paid"
    sdk("invoice_items.create", {"customer": customer, "amount": 100, "currency": "usd"})
    other = sdk("invoices.create", {"customer": customer, "pending_invoice_items_behavior": "include"})
    sdk("invoices.finalize_invoice", other.id)
    assert sdk("invoices.void_invoice", other.id).status == "void"
