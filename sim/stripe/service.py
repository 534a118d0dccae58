"""The service: credentials, idempotency, routing, and the deliveries that a request sets off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sim.effects import Program, Spawn
from sim.facts import Journal
from sim.messages import Answer, Request
from sim.stripe import hosted_pages
from sim.stripe.account import UNCLAIMED, Ledger
from sim.stripe.context import Context
from sim.stripe.errors import StripeError, invalid_request, secret_key_required, unauthorized
from sim.stripe.event import API_VERSION
from sim.stripe.expansion import expanded
from sim.stripe.idempotency import IdempotencyKeys
from sim.stripe.intent import Intent, subscription_ids
from sim.stripe.parameters import read
from sim.stripe.payment_intent import PaymentIntent
from sim.stripe.payment_method import TYPES, PaymentMethod
from sim.stripe.routes import route
from sim.stripe.webhook_endpoint import DEFAULT_EVENTS, DEFAULT_URL, WebhookEndpoint
from sim.stripe.webhooks import DeliveryPolicy, Webhooks
from sim.time import Clock, unix_s

DEFAULT_ENDPOINT_ID: Final = "we_default"


class Stripe:
    """A Stripe of one merchant in test mode. See the package's documentation for its requests.

    `enabled_events` are the types delivered to billing-webhooks; all others are recorded only. `automatic_types` are
    the payment methods switched on in the dashboard.
    """

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        deliveries: DeliveryPolicy,
        *,
        webhook_secret: str,
        secret_key: str = "sk_test_gatefall",
        publishable_key: str = "pk_test_gatefall",
        enabled_events: Iterable[str] = DEFAULT_EVENTS,
        automatic_types: tuple[str, ...] = TYPES,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._ledger = Ledger()
        self._keys = IdempotencyKeys()
        self._webhooks = Webhooks(clock, journal, deliveries)
        self._secret_credential = f"Bearer {secret_key}"
        self._publishable_credential = f"Bearer {publishable_key}"
        self._automatic_types = automatic_types
        self._secret_seed = secret_key.encode()[:64]
        self._webhooks.endpoints[DEFAULT_ENDPOINT_ID] = WebhookEndpoint(
            DEFAULT_ENDPOINT_ID, unix_s(clock.now_us), DEFAULT_URL, enabled_events, webhook_secret
        )

    def handle(self, request: Request) -> Program[Answer]:
        """Answer one request; the deliveries of its events go on by themselves."""
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        context = self._context(request, key)
        if key is None:
            answer, _ = self._answer(context, request)
            yield from self._deliveries(context)
            return answer
        return (yield from self._handle_once(context, request, key))

    def forget(self, account_id: str) -> None:
        """Free everything of an account. Deliveries under way still end."""
        account = self._ledger.forget(account_id)
        if account is not None:
            for key in account.idempotency_keys:
                self._keys.release(key)

    def intents_of(self, account_id: str) -> list[dict[str, Any]]:
        """The intents of an account as they stand, oldest first; amounts in minor units (0 for set-ups)."""
        account = self._ledger.known(account_id)
        return [] if account is None else [_summary(intent) for intent in account.of(Intent)]

    def payment_methods_of(self, account_id: str) -> list[dict[str, Any]]:
        """The payment methods of an account as they stand, oldest first, attached or not."""
        account = self._ledger.known(account_id)
        if account is None:
            return []
        return [
            {**method.render(), "attached": method.customer is not None, "detached": method.detached}
            for method in account.of(PaymentMethod)
        ]

    def _handle_once(self, context: Context, request: Request, key: str) -> Program[Answer]:
        scoped = (context.publishable, key)
        if not self._authorized(request) and not request.path.startswith(hosted_pages.PREFIX):
            return self._answer(context, request)[0]
        try:
            replay = self._keys.begin(scoped, request, self._clock.now_us)
        except StripeError as error:
            return self._refused(context, error)
        if replay is not None:
            return replay
        answer, kept = None, False
        try:
            answer, kept = self._answer(context, request)
            yield from self._deliveries(context)
            return answer
        finally:
            if answer is not None and kept:
                self._keys.finish(scoped, answer)
                (context.account or self._ledger.account(UNCLAIMED)).idempotency_keys.append(scoped)
            else:
                self._keys.release(scoped)

    def _answer(self, context: Context, request: Request) -> tuple[Answer, bool]:
        """The answer, and whether its idempotency key keeps it."""
        try:
            if request.path.startswith(hosted_pages.PREFIX):
                return hosted_pages.visit(context, request.path, _params(request)), True
            body = self._dispatch(context, request)
        except StripeError as error:
            return self._refused(context, error), error.kept
        return Answer(200, body, self._headers(context)), True

    def _dispatch(self, context: Context, request: Request) -> dict[str, Any]:
        self._check_credential(request)
        found = route(request.method, request.path)
        if found is None:
            raise invalid_request(
                f"Unrecognized request URL ({request.method}: {request.path}). "
                "Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
                status=404,
            )
        operation, object_id = found
        specification = operation.specification
        if context.publishable:
            if operation.browser is None:
                raise secret_key_required()
            specification = operation.browser
        values = read(_params(request), specification)
        body = operation.endpoint(context, values, object_id)
        paths = values.get("expand")
        return expanded(self._ledger, body, paths) if paths else body

    def _check_credential(self, request: Request) -> None:
        if self._authorized(request):
            return
        if "authorization" not in request.headers:
            raise unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, "
                "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
        given = request.headers["authorization"].removeprefix("Bearer ")
        raise unauthorized(f"Invalid API Key provided: {given[:8]}{'*' * max(0, len(given) - 8)}")

    def _authorized(self, request: Request) -> bool:
        return request.headers.get("authorization") in (self._secret_credential, self._publishable_credential)

    def _context(self, request: Request, key: str | None) -> Context:
        headers = request.headers
        now_us = self._clock.now_us
        return Context(
            self._ledger,
            self._journal,
            now_us,
            unix_s(now_us),
            headers.get("authorization") == self._publishable_credential,
            headers.get("stripe-version", API_VERSION),
            key,
            self._automatic_types,
            self._secret_seed,
            self._webhooks.endpoints,
        )

    def _deliveries(self, context: Context) -> Iterator[Spawn]:
        for event in context.events:
            yield from self._webhooks.deliveries(event)

    def _refused(self, context: Context, error: StripeError) -> Answer:
        body = {"error": error.error}
        return Answer(error.status, body, self._headers(context))

    def _headers(self, context: Context) -> Mapping[str, str]:
        headers = {"request-id": context.request_id, "stripe-version": context.version}
        if context.idempotency_key is not None:
            headers["idempotency-key"] = context.idempotency_key
            headers["original-request"] = context.request_id
        return headers


def _params(request: Request) -> Mapping[str, Any]:
    body = request.body
    if body is None:
        return request.query
    if type(body) is not dict and not isinstance(body, Mapping):
        raise invalid_request(f"Invalid request body: expected form parameters, got {type(body).__name__}")
    return {**body, **request.query} if request.query else body


def _summary(intent: Intent) -> dict[str, Any]:
    customer, method = intent.customer, intent.payment_method
    summary = {
        "id": intent.id,
        "object": intent.object_name,
        "status": intent.status,
        "created": intent.created,
        "customer": customer.id if customer else None,
        "payment_method": method.id if method else None,
        "metadata": intent.metadata,
        "subscription_ids": subscription_ids(intent.metadata),
        "amount": 0,
        "amount_received": 0,
        "amount_refunded": 0,
        "currency": None,
        "latest_charge": None,
    }
    if isinstance(intent, PaymentIntent):
        charge = intent.latest_charge
        summary["amount"] = intent.amount
        summary["amount_received"] = intent.amount_received
        summary["amount_refunded"] = charge.amount_refunded if charge else 0
        summary["currency"] = intent.currency
        summary["latest_charge"] = charge.id if charge else None
    return summary
