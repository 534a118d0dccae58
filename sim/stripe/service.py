"""The service: credentials, idempotency, routing, and the deliveries that a request sets off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sim.effects import Program, Spawn, Wait
from sim.facts import Journal
from sim.messages import Answer, Request
from sim.stripe import hosted_pages, test_clock
from sim.stripe.account import UNCLAIMED, Account, Ledger
from sim.stripe.context import Context, Merchant, Unprompted
from sim.stripe.credentials import READING_KEY, Credentials, Permission, key_of, masked
from sim.stripe.dunning import USUAL_DUNNING, Dunning
from sim.stripe.errors import (
    StripeError,
    invalid_request,
    rate_limited,
    read_only_key,
    request_log_url,
    secret_key_required,
    unauthorized,
)
from sim.stripe.event import API_VERSION
from sim.stripe.expansion import expanded
from sim.stripe.idempotency import Entry, IdempotencyKeys, replayed
from sim.stripe.intent import Intent, subscription_ids
from sim.stripe.operations_limit import OperationsLimit
from sim.stripe.parameters import Form
from sim.stripe.payment_intent import PaymentIntent
from sim.stripe.payment_method import TYPES, PaymentMethod
from sim.stripe.routes import PREFIX, Route, route
from sim.stripe.versions import check_version
from sim.stripe.webhook_endpoint import DEFAULT_EVENTS, DEFAULT_URL, WebhookEndpoint
from sim.stripe.webhooks import DeliveryPolicy, Webhooks
from sim.time import Clock, time_us, unix_s

DEFAULT_ENDPOINT_ID: Final = "we_default"
_READS_ONLY: Final[Mapping[str, Permission]] = {READING_KEY: "read"}


class Stripe:
    """A Stripe of one merchant in test mode. See the package's documentation for its requests.

    `enabled_events` are the types delivered to billing-webhooks; all others are recorded only. `automatic_types` are
    the payment methods switched on in the dashboard, `dunning` what is set there about payments that fail. `endpoints`
    replace billing-webhooks by other receivers, or by none. Another `id_seed` gives other ids. With `lists_in_order`,
    lists that span accounts hold objects in the order in which they were made, also those of one second, however many
    accounts there are. Settled subscriptions renew without end: with `renews_for_ever` they do, as a server's should;
    without, in a world that is to come to an end, they renew on test clocks only.
    `restricted_keys` may write or read only. With `operations_per_s` requests above that rate are refused (429), as
    Stripe refuses them. `merchant_name` is what customers see on hosted pages.
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
        endpoints: Iterable[WebhookEndpoint] | None = None,
        id_seed: str = "",
        lists_in_order: bool = False,
        dunning: Dunning = USUAL_DUNNING,
        renews_for_ever: bool = False,
        restricted_keys: Mapping[str, Permission] = _READS_ONLY,
        operations_per_s: int | None = None,
        merchant_name: str = "Gatefall test shop",
    ) -> None:
        self._clock = clock
        self._ledger = Ledger(id_seed, in_order=lists_in_order)
        self._keys = IdempotencyKeys()
        self._webhooks = Webhooks(clock, journal, deliveries)
        if endpoints is None:
            now_s = unix_s(clock.now_us)
            endpoints = [WebhookEndpoint(DEFAULT_ENDPOINT_ID, now_s, DEFAULT_URL, enabled_events, webhook_secret)]
        for endpoint in endpoints:
            self._webhooks.add(endpoint)
        self._merchant = Merchant(
            self._ledger,
            journal,
            self._webhooks,
            automatic_types,
            Credentials(secret_key, publishable_key, restricted_keys),
            merchant_name,
            dunning,
            renews_for_ever,
        )
        self._limit = None if operations_per_s is None else OperationsLimit(operations_per_s)

    def handle(self, request: Request) -> Program[Answer]:
        """Answer one request; the deliveries of its events go on by themselves."""
        context = Context(self._merchant, request, self._clock.now_us)
        if self._limit is not None and context.authorized and not self._limit.passes(context.now_us):
            return _refused(context, rate_limited())
        entry: Entry | None = None
        if context.idempotency_key is not None and (context.authorized or _is_hosted(request)):
            try:
                entry = self._keys.begin(context.publishable, context.idempotency_key, request, context.now_us)
            except StripeError as error:
                return _refused(context, error)
            if entry.answer is not None:
                return replayed(entry.answer)
        answer, kept = None, False
        try:
            answer, kept = _answered(context, request)
            for event in context.events:
                yield from self._webhooks.deliveries(event)
            account = context.account
            if account is not None and account.billing is not None:
                yield from self._reminder(account)
        finally:
            if entry is not None:
                self._keep(context, entry, answer if kept else None)
        return answer

    def host_pages_at(self, origin: str) -> None:
        """Say where the hosted pages are: a server knows its own address only when it listens."""
        self._merchant.hosted_origin = origin.rstrip("/")

    def forget(self, account_id: str) -> None:
        """Free everything of an account. Deliveries under way still end."""
        account = self._ledger.forget(account_id)
        if account is not None:
            self._keys.release(account.idempotency_keys)

    def intents_of(self, account_id: str) -> list[dict[str, Any]]:
        """The intents of an account as they stand, oldest first; amounts in minor units (0 for set-ups)."""
        account = self._ledger.known(account_id)
        return [] if account is None else [_summary(intent) for intent in account.intents]

    def payment_methods_of(self, account_id: str) -> list[dict[str, Any]]:
        """The payment methods of an account as they stand, oldest first, attached or not."""
        account = self._ledger.known(account_id)
        if account is None:
            return []
        return [
            {**method.render(), "attached": method.customer is not None, "detached": method.detached}
            for method in account.of(PaymentMethod)
        ]

    def type_of_payment_method(self, payment_method_id: str) -> str | None:
        """What kind of payment method that is, such as "card"; None where there is none of that id."""
        found = self._ledger.find(payment_method_id)
        return found.type if isinstance(found, PaymentMethod) else None

    def _reminder(self, account: Account) -> Iterator[Spawn]:
        """What waits until the next thing falls due, unless something does already or a test clock tells the time."""
        at_s = None if account.billing is None else account.billing.to_remind_of()
        if at_s is not None and account.test_clock is None:
            yield Spawn(self._wake(account, at_s))

    def _wake(self, account: Account, at_s: int) -> Program[None]:
        """Do what falls due then for an account that has bills, and wait on."""
        delay_us = time_us(at_s) - self._clock.now_us
        if delay_us > 0:
            yield Wait(delay_us, needed=True)
        billing = account.billing
        if billing is None or not billing.reminded(at_s):
            return
        context = Unprompted(self._merchant, account, self._clock.now_us)
        billing.catch_up(context, context.now_s)
        for event in context.events:
            yield from self._webhooks.deliveries(event)
        yield from self._reminder(account)

    def _keep(self, context: Context, entry: Entry, answer: Answer | None) -> None:
        """The request that began with a key is over: keep its answer, or free the key where there is none to keep."""
        if answer is None:
            self._keys.release([entry.key])
        else:
            entry.answer = answer
            (context.account or self._ledger.account(UNCLAIMED)).idempotency_keys.append(entry.key)


def _is_hosted(request: Request) -> bool:
    """Whether it is about a page that asks for no credential."""
    return request.path.startswith(hosted_pages.PREFIX)


def _answered(context: Context, request: Request) -> tuple[Answer, bool]:
    """The answer, and whether its idempotency key keeps it."""
    try:
        found = route(request.method, request.path)
        if found is None and _is_hosted(request):
            if context.ledger.clocked:
                test_clock.tell_time(context, request.path.rpartition("/")[2], request)
            return hosted_pages.answer(context, request, _params(request)), True
        if not context.authorized:
            raise _stranger(request)
        if context.version != API_VERSION:
            check_version(context.version)
        if found is None:
            raise _unknown_url(request)
        operation, object_id = found
        if context.ledger.clocked:
            test_clock.tell_time(context, object_id, request)
        form = operation.form
        if context.access != "secret":
            form = _limited(context, request, operation)
        body = request.body
        values = form.read(body if body.__class__ is dict and not request.query else _params(request))
        body = operation.endpoint(context, values, object_id)
        if "expand" in values:
            body = expanded(context, body, values["expand"])
    except StripeError as error:
        return _refused(context, error), error.kept
    return Answer(200, body, _headers(context)), True


def _stranger(request: Request) -> StripeError:
    if "authorization" not in request.headers:
        return unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    given = key_of(request.headers["authorization"])
    if "_live_" in given:
        return unauthorized(
            f"A live key was sent to a double of Stripe, which takes test keys only: {masked(given)}. Whoever reads "
            "along has seen it: roll it in the dashboard."
        )
    return unauthorized(f"Invalid API Key provided: {masked(given)}")


def _limited(context: Context, request: Request, operation: Route) -> Form:
    """What a key that may not do everything may pass. Raises StripeError (403) where it may not call at all."""
    if context.access == "reading":
        if request.method != "GET":
            key = masked(key_of(request.headers["authorization"]))
            raise read_only_key(key, request.path.removeprefix(PREFIX).partition("/")[0].removesuffix("s"))
        return operation.form
    if operation.browser is None:
        raise secret_key_required()
    return operation.browser


def _unknown_url(request: Request) -> StripeError:
    return invalid_request(
        f"Unrecognized request URL ({request.method}: {request.path}). "
        "Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
        status=404,
    )


def _refused(context: Context, error: StripeError) -> Answer:
    headers = _headers(context)
    if context.authorized:
        error.error.setdefault("request_log_url", request_log_url(headers["request-id"], context.now_s))
    return Answer(error.status, {"error": error.error}, {**headers, **error.headers} if error.headers else headers)


def _headers(context: Context) -> Mapping[str, str]:
    request_id = context.known_request_id or context.request_id
    headers = {"request-id": request_id, "stripe-version": context.version}
    if context.idempotency_key is not None:
        headers["idempotency-key"] = context.idempotency_key
        headers["original-request"] = request_id
    return headers


def _params(request: Request) -> Mapping[str, Any]:
    body = request.body
    if body is None:
        return request.query
    if not isinstance(body, Mapping):
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
