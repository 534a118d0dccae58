"""The deployment's addresses, as an ASGI application: the contract's operations, administration, events, test support.

An account is named in the path, or known by its credential. Test support lives under `/ops`, wants a credential of its
own, and answers in the envelope.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

import jwt
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from tests.second_deployment import bodies
from tests.second_deployment.billing import Billing, Bought, price_of
from tests.second_deployment.records import Account, Line, Subscription
from tests.second_deployment.refusals import Refusal, card_refused, not_fitting, nothing_there, wrong_state
from tests.second_deployment.stripe_client import Object, StripeAway, StripeRefused
from tests.second_deployment.time_of_day import moment

OPS_CREDENTIAL = "Token ops-of-the-second"
ADMIN_SECRET = "the-second-deployment-signs-with-this"
WEBHOOK_SECRET = "whsec_second"
_MOST_BYTES = 262_144
_WINDOW_S = 300.0


class Asked(NamedTuple):
    """A request for one account."""

    account: Account
    name: str
    content: bytes
    query: dict[str, str]

    @property
    def body(self) -> Object:
        return bodies.read_object(self.content)


class Answered(NamedTuple):
    result: Any
    messages: tuple[tuple[int, str], ...] = ()
    info: Object | None = None
    status: int = 200


Handler = Callable[[Asked], Awaitable[Answered]]


class Second:
    """The application; `app` is what a server serves."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.rate_limit = 1_200
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
        self.app = Starlette(routes=[Route("/{path:path}", self._serve, methods=methods)])
        self._table: list[tuple[re.Pattern[str], dict[str, tuple[Handler, bool]]]] = [
            (re.compile(pattern), {verb: (handler, verb != "GET") for verb, handler in handlers.items()})
            for pattern, handlers in self._operations().items()
        ]

    def _operations(self) -> dict[str, dict[str, Handler]]:
        return {
            r"/bulk/subscriptions": {"POST": self.bulk_create},
            r"/subscriptions": {"GET": self.subscriptions, "POST": self.create},
            r"/subscriptions/([^/]+)": {"PUT": self.update, "DELETE": self.cancel},
            r"/subscriptions/([^/]+)/action/append": {"POST": self.append},
            r"/billing/checkout": {"POST": self.registrar},
            r"/billing/profile": {"GET": self.profile, "POST": self.new_profile, "PUT": self.update_profile},
            r"/billing/profile/payment-method": {"POST": self.set_up},
            r"/billing/pre_auth/stripe_payment_intent": {"POST": self.pre_auth},
            r"/billing/history": {"GET": self.history},
            r"/billing/invoices/([^/]+)": {"GET": self.invoice},
            r"/billing/invoices/([^/]+)/pdf": {"GET": self.pdf},
            r"/billing/pay-bad-debt": {"POST": self.pay_bad_debt},
            r"/payment-methods": {"GET": self.methods, "POST": self.add_method},
            r"/payment-methods/([^/]+)": {"DELETE": self.remove_method},
            r"/entitlements": {"GET": self.entitlements},
            r"/zones": {"POST": self.create_zone},
            r"/zones/([^/]+)": {"GET": self.zone, "PATCH": self.patch_zone},
        }

    # --- from the outside to a handler -------------------------------------------------------------------------------

    async def _serve(self, request: Request) -> Response:
        try:
            answered = await self._route(request)
        except Refusal as refused:
            return _refused(refused)
        except StripeAway:
            return _refused(Refusal(503, 1232, "Payments are out of order, try again."))
        except StripeRefused as error:
            return _refused(card_refused(error.decline_code))
        except ClientDisconnect:
            return Response(status_code=400)
        if isinstance(answered, Response):
            return answered
        body = {
            "result": answered.result,
            "messages": [{"code": code, "message": text} for code, text in answered.messages],
            "errors": [],
            "success": True,
            "served_by": "second",
        }
        if answered.info is not None:
            body["result_info"] = answered.info
        return _json(answered.status, body)

    async def _route(self, request: Request) -> Answered | Response:
        path = request.scope["path"]
        if path == "/webhooks/stripe":
            _expect(request, "POST")
            return await self._event(request)
        if path.startswith("/ops/"):
            return await self._ops(request, path[4:])
        if path == "/about":
            return _json(200, {"environment": {"kind": "sandbox"}})
        found = re.fullmatch(r"/api/v3/accounts/([^/]+)/(unban|lock|unlock|sync-entitlements|recompute|state)", path)
        if found:
            return await self._administer(request, found[1], found[2])
        found = re.fullmatch(r"/api/v4(?:/accounts/([^/]+))?(/.*)", path)
        for pattern, verbs in self._table if found else ():
            matched = pattern.fullmatch(found[2])  # type: ignore[index]
            if matched:
                _expect(request, *verbs)
                handler, locks = verbs[request.method]
                name = unquote(matched[1]) if pattern.groups else ""
                return await self._for_customer(request, found[1], name, handler, locks)  # type: ignore[index]
        raise nothing_there("that address")

    async def _for_customer(
        self, request: Request, wanted: str | None, name: str, handler: Handler, locks: bool
    ) -> Answered:
        account = self._account_by(request.headers.get("authorization", ""))
        if wanted is not None and wanted != account.id and "anybody's account" not in self.billing.slips:
            raise Refusal(403, 10000, "That account is somebody else's.")
        if wanted in self.billing.accounts:
            account = self.billing.accounts[wanted]
        self._count(account)
        asked = Asked(account, name, await _content(request), dict(request.query_params))
        if not locks:
            return await handler(asked)
        async with account.lock:
            return await self._once(request, asked, handler)

    async def _once(self, request: Request, asked: Asked, handler: Handler) -> Answered:
        """The first answer again, for whoever comes again with the same key."""
        key = request.headers.get("idempotency-key")
        if not key or request.method not in ("POST", "PUT"):
            return await handler(asked)
        what = (request.method, handler.__name__, asked.name, _canonical(asked.content))
        known = asked.account.answers.get(key)
        if known is not None:
            if known[0] != what:
                raise Refusal(409, 1230, "That Idempotency-Key was for something else.")
            if isinstance(known[1], Refusal):
                raise known[1]
            return known[1]  # type: ignore[no-any-return]
        try:
            answered: Any = await handler(asked)
        except StripeRefused as error:
            answered = card_refused(error.decline_code)
        except Refusal as refused:
            answered = refused
        asked.account.answers[key] = (what, answered)
        if isinstance(answered, Refusal):
            raise answered
        return answered  # type: ignore[no-any-return]

    def _account_by(self, authorization: str) -> Account:
        scheme, _, token = authorization.partition(" ")
        for account in self.billing.accounts.values():
            if scheme.lower() == "bearer" and hmac.compare_digest(account.token.encode(), token.encode()):
                return account
        raise Refusal(401, 10000, "Who are you?", {"www-authenticate": "Bearer"})

    def _count(self, account: Account) -> None:
        now_s, asked_s = self.billing.clock.now_s, account.asked_s
        while asked_s and asked_s[0] <= now_s - _WINDOW_S:
            asked_s.popleft()
        if len(asked_s) >= self.rate_limit:
            wait_s = int(asked_s[0] + _WINDOW_S - now_s) + 1
            raise Refusal(429, 971, f"Slow down for {wait_s} seconds.", {"retry-after": str(wait_s)})
        asked_s.append(now_s)

    # --- purchases ---------------------------------------------------------------------------------------------------

    async def bulk_create(self, asked: Asked) -> Answered:
        return await self._buy(asked, "bulk_create", bodies.cart_of(asked.account, asked.body))

    async def create(self, asked: Asked) -> Answered:
        return await self._buy(asked, "create", [bodies.line_of(asked.account, asked.body)])

    async def registrar(self, asked: Asked) -> Answered:
        return await self._buy(asked, "registrar_checkout", bodies.domains_of(asked.body))

    async def _buy(self, asked: Asked, operation: str, lines: list[Line]) -> Answered:
        body, account = asked.body, asked.account
        on_session = bodies.flag(body, "user_is_on_session")
        method = await self.billing.named(account, bodies.optional_text(body, "payment_method_id"))
        _may_buy(account)
        return self._bought(await self.billing.buy(account, lines, method, on_session, operation))

    async def pre_auth(self, asked: Asked) -> Answered:
        lines = bodies.cart_of(asked.account, asked.body)
        _may_buy(asked.account)
        secret, kind = await self.billing.pre_authorize(asked.account, lines)
        return Answered({"intent_type": kind, "client_secret": secret})

    async def update(self, asked: Asked) -> Answered:
        subscription = self._subscription(asked)
        plan = bodies.plan_of(asked.body)
        price = price_of(subscription, plan) if subscription.line.domain is None else 0
        return await self._change(asked, subscription, plan, {}, price, "update")

    async def append(self, asked: Asked) -> Answered:
        subscription = self._subscription(asked)
        plan = subscription.line.plan
        if subscription.line.domain is not None:
            raise not_fitting("component_values", "a domain has no components")
        units, due = bodies.components_of(asked.body, plan)
        return await self._change(asked, subscription, plan, units, subscription.line.price + due, "append")

    async def _change(
        self, asked: Asked, subscription: Subscription, plan: str, units: dict[str, int], price: int, operation: str
    ) -> Answered:
        body, account = asked.body, asked.account
        on_session = bodies.flag(body, "user_is_on_session")
        method = await self.billing.named(account, bodies.optional_text(body, "payment_method_id"))
        _may_buy(account)
        if subscription.line.domain is not None:
            raise wrong_state("a domain stays what it is")
        return self._bought(
            await self.billing.change(account, subscription, plan, units, price, method, on_session, operation)
        )

    def _bought(self, bought: Bought) -> Answered:
        result = {
            "client_secrets": bought.secrets,
            "subscriptions": [shown(one) for one in bought.subscriptions],
            "basket": None,
        }
        return Answered(result, tuple(bought.messages))

    async def subscriptions(self, asked: Asked) -> Answered:
        return Answered([shown(one) for one in reversed(asked.account.subscriptions.values())])

    async def cancel(self, asked: Asked) -> Answered:
        subscription = self._subscription(asked)
        await self.billing.cancel(asked.account, subscription)
        return Answered(shown(subscription))

    def _subscription(self, asked: Asked) -> Subscription:
        try:
            return asked.account.subscriptions[asked.name]
        except KeyError:
            raise nothing_there("that subscription") from None

    async def entitlements(self, asked: Asked) -> Answered:
        return Answered([granted(one) for one in reversed(asked.account.subscriptions.values()) if one.status])

    # --- payment methods, profile, zones -----------------------------------------------------------------------------

    async def methods(self, asked: Asked) -> Answered:
        account = asked.account
        await self.billing.refresh(account)
        rows = [name for name in account.methods if name not in account.removed]
        return Answered([self._method(account, name) for name in reversed(rows)])

    async def add_method(self, asked: Asked) -> Answered:
        account, name = asked.account, bodies.text(asked.body, "payment_method_id")
        method = await self.billing.lookup(account, name)
        if method.get("customer") is None:
            try:
                path = f"/v1/payment_methods/{name}/attach"
                method = await self.billing.stripe.post(path, {"customer": account.customer})
            except StripeRefused as error:
                if error.is_decline:
                    raise
                raise not_fitting("payment_method_id", "it cannot be used any more") from None
        await self.billing.put_on_file(account, method["id"])
        await self.billing.refresh(account)
        return Answered(self._method(account, method["id"]))

    async def remove_method(self, asked: Asked) -> Answered:
        account = asked.account
        await self.billing.refresh(account)
        if asked.name not in account.methods or asked.name in account.removed:
            raise nothing_there("that payment method")
        others = [
            name
            for name, method in account.methods.items()
            if name not in (asked.name, *account.removed) and self.billing.valid(method)
        ]
        in_force = any(one.state in ("Paid", "Provisioned") for one in account.subscriptions.values())
        if in_force and not others and self.billing.valid(account.methods[asked.name]):
            raise wrong_state("your subscriptions need it")
        if not account.methods[asked.name]["detached"]:
            await self.billing.stripe.post(f"/v1/payment_methods/{asked.name}/detach")
        row = self._method(account, asked.name)
        account.removed.add(asked.name)
        del account.methods[asked.name]
        if account.default == asked.name:
            account.default = next(iter(others), None)
        return Answered({**row, "valid": False})

    def _method(self, account: Account, name: str) -> Object:
        method = account.methods[name]
        row = {
            "valid": self.billing.valid(method),
            "is_default": account.default == name,
            "type": method["type"],
            "id": name,
            "nickname": "",
        }
        if isinstance(method.get("card"), dict):
            row["card"] = {part: method["card"][part] for part in ("brand", "last4", "exp_month", "exp_year")}
        return row

    async def set_up(self, asked: Asked) -> Answered:
        body = bodies.read_object(asked.content, may_be_empty=True)
        bodies.optional_text(body, "turnstile_token")
        form = {
            "customer": asked.account.customer,
            "usage": "off_session",
            "metadata": {"account_id": asked.account.id},
        }
        intent = await self.billing.stripe.post("/v1/setup_intents", form)
        return Answered({"client_secret": intent["client_secret"], "valid_for_s": 3_600})

    async def profile(self, asked: Asked) -> Answered:
        return Answered({**asked.account.profile, "language": "en"})

    async def new_profile(self, asked: Asked) -> Answered:
        asked.account.profile.update(bodies.profile_of(asked.body))
        return await self.profile(asked)

    async def update_profile(self, asked: Asked) -> Answered:
        given = bodies.profile_of(asked.body)
        messages = self.billing.gate("profile_update", await self.billing.usable(asked.account))
        asked.account.profile.update(given)
        return Answered({**asked.account.profile, "language": "en"}, tuple(messages))

    async def create_zone(self, asked: Asked) -> Answered:
        name = bodies.text(asked.body, "name")
        for zone in asked.account.zones.values():
            if zone["name"] == name:
                return Answered(zone)
        return Answered(self.billing.add_zone(asked.account, name, "initializing"))

    async def zone(self, asked: Asked) -> Answered:
        if asked.name not in asked.account.zones:
            raise nothing_there("that zone")
        return Answered(asked.account.zones[asked.name])

    async def patch_zone(self, asked: Asked) -> Answered:
        zone = (await self.zone(asked)).result
        if asked.body.get("status") != "pending":
            raise not_fitting("status", "only pending can be asked for")
        planned = [one for one in asked.account.subscriptions.values() if one.line.zone_id == zone["id"]]
        if zone["status"] != "pending" and not any(one.status == "active" for one in planned):
            raise wrong_state("the zone's plan comes first")
        zone["status"] = "pending"
        return Answered(zone)

    # --- invoices ----------------------------------------------------------------------------------------------------

    async def history(self, asked: Asked) -> Answered:
        page, per_page = bodies.page_of(asked.query)
        first_s, last_s = bodies.days_of(asked.query)
        rows = [one for one in reversed(asked.account.invoices) if first_s <= one["created_s"] <= last_s]
        shown_rows = [billed(one) for one in rows[(page - 1) * per_page : page * per_page]]
        info = {"page": page, "per_page": per_page, "count": len(shown_rows), "total_count": len(rows)}
        return Answered(shown_rows, info={**info, "total_pages": -(-len(rows) // per_page)})

    async def invoice(self, asked: Asked) -> Answered:
        for one in asked.account.invoices:
            if one["id"] == asked.name:
                return Answered(billed(one))
        raise nothing_there("that invoice")

    async def pdf(self, asked: Asked) -> Any:
        row = (await self.invoice(asked)).result
        headers = {"content-disposition": f'attachment; filename="{row["id"]}.pdf"'}
        return Response(b"%PDF-1.4\n% " + row["number"].encode() + b"\n%%EOF\n", 200, headers, "application/pdf")

    async def pay_bad_debt(self, asked: Asked) -> Answered:
        body, account = asked.body, asked.account
        invoice_id = bodies.text(body, "invoice_id")
        given = bodies.optional_text(body, "payment_method_id")
        method = await self.billing.named(account, given)
        return Answered(billed(await self.billing.pay_debt(account, invoice_id, method)))

    # --- administration, events, test support ------------------------------------------------------------------------

    async def _administer(self, request: Request, account_id: str, what: str) -> Answered:
        _expect(request, "GET" if what == "state" else "POST")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        needs = {"require": ["exp", "sub", "scope"]}
        try:
            if scheme != "ADMIN-JWT":
                raise jwt.InvalidTokenError
            scope = jwt.decode(token, ADMIN_SECRET, algorithms=["HS256"], options=needs)["scope"]  # type: ignore[arg-type]
        except jwt.MissingRequiredClaimError as missing:
            status = 403 if missing.claim == "scope" else 401
            raise Refusal(status, 10000, "Not you.", {"www-authenticate": "ADMIN-JWT"}) from None
        except jwt.InvalidTokenError:
            raise Refusal(401, 10000, "Not you.", {"www-authenticate": "ADMIN-JWT"}) from None
        if scope != "billing:admin":
            raise Refusal(403, 10000, "Not for you.")
        account = self.billing.accounts.get(account_id)
        if account is None:
            raise nothing_there("that account")
        async with account.lock:
            if what == "unban":
                account.banned = False
            elif what in ("lock", "unlock"):
                account.locked = what == "lock"
            elif what != "state":
                await self.billing.look_at_stripe(account)
        return Answered(
            {
                "account_id": account.id,
                "locked": account.locked,
                "banned": account.banned,
                "outstanding": account.owes,
                "subscriptions": [shown(one) for one in account.subscriptions.values()],
                "entitlements": [granted(one) for one in account.subscriptions.values() if one.status],
            }
        )

    async def _event(self, request: Request) -> Response:
        content = await _content(request)
        pairs = [part.partition("=")[::2] for part in request.headers.get("stripe-signature", "").split(",")]
        signed = next((value for name, value in pairs if name == "t"), "")
        wanted = hmac.new(WEBHOOK_SECRET.encode(), f"{signed}.".encode() + content, hashlib.sha256).hexdigest()
        right = any(name == "v1" and hmac.compare_digest(value.encode(), wanted.encode()) for name, value in pairs)
        fresh = signed.isascii() and signed.isdigit() and self.billing.clock.real_s - int(signed) <= 300
        if not (right and fresh):
            raise Refusal(400, 1001, "Stripe-Signature is not Stripe's, or too old.")
        event = bodies.read_object(content)
        data = event.get("data")
        about = data.get("object") if isinstance(data, dict) else None
        if event.get("type") in ("payment_intent.succeeded", "setup_intent.succeeded") and isinstance(about, dict):
            self.billing.heard(str(about.get("id")))
        return _json(200, {"received": True, "queued": True})

    async def _ops(self, request: Request, path: str) -> Answered:
        if request.headers.get("authorization") != OPS_CREDENTIAL:
            raise Refusal(401, 10000, "Operators only.", {"www-authenticate": "Token"})
        content = await _content(request)
        if path == "/__test__/accounts" and request.method == "POST":
            return Answered(await self._open(bodies.read_object(content)), status=201)
        if path == "/tenants" and request.method == "POST":
            body = bodies.read_object(content)
            account = await self.billing.open_account(str(body.get("billing")), "US")
            tenant = {"key": account.id, "secret": account.token}
            return Answered({"tenant": tenant, "payer": {"ref": account.customer}, "label": body.get("label")})
        closed = re.fullmatch(r"/(?:__test__/accounts|tenants)/([^/]+)", path)
        if closed and request.method == "DELETE":
            await self.billing.close_account(closed[1])
            return Answered({"closed": closed[1]})
        if path == "/__test__/clock" and request.method == "POST":
            body = bodies.read_object(content)
            self.billing.clock.advanced_s += bodies.whole_number(body, "advance_seconds", "", 0, 40_000_000)
            self.billing.later(self.billing.sweep())
            return Answered({"now": moment(self.billing.clock.now_s)})
        if path == "/__test__/config":
            if request.method == "PUT":
                self._configure(bodies.read_object(content))
            settings = {"phase": self.billing.phase, "regime": self.billing.regime, "gates": self.billing.gates}
            return Answered({**settings, "rate_limit": self.rate_limit})
        raise nothing_there("that operation")

    def _configure(self, body: Object) -> None:
        if "regime" in body and body["regime"] not in ("continuation", "act-1"):
            raise not_fitting("regime", "this deployment never granted first")
        if "phase" in body:
            self.billing.phase = bodies.whole_number(body, "phase", "", 0, 6)
        self.billing.regime = body.get("regime", self.billing.regime)
        self.billing.gates = {**self.billing.gates, **body.get("gates", {})}
        self.rate_limit = body.get("rate_limit", self.rate_limit)

    async def _open(self, body: Object) -> Object:
        account = await self.billing.open_account(body.get("payment_method", "none"), body.get("country") or "US")
        account.locked, account.banned = bool(body.get("locked")), bool(body.get("banned"))
        for name in body.get("zones") or ():
            self.billing.add_zone(account, name, "pending")
        for entry in body.get("subscriptions") or ():
            zone_id = entry.get("zone_id")
            if zone_id and zone_id not in account.zones:
                self.billing.add_zone(account, f"{zone_id}.example.com", "pending", zone_id)
            given = Subscription(bodies.line_of(account, entry), self.billing.clock.now_s)
            account.subscriptions[given.id] = given
            self.billing.grant(given)
        held = account.subscriptions.values()
        if held:
            self.billing.add_invoice(account, sum(one.line.price for one in held), "paid", [one.id for one in held])
        if body.get("bad_debt"):
            self.billing.add_invoice(account, body["bad_debt"], "bad_debt", [])
        return {
            "account_id": account.id,
            "token": account.token,
            "stripe_customer": account.customer,
            "zones": list(account.zones.values()),
        }


def shown(subscription: Subscription) -> Object:
    line = subscription.line
    row: Object = {
        "state": subscription.state,
        "currency": "usd",
        "price": line.price,
        "rate_plan": {"id": line.plan, "sets": []},
        "frequency": line.frequency,
        "created_on": moment(subscription.created_s),
        "id": subscription.id,
        "quantity": line.quantity,
        "trial": False,
    }
    if line.zone_id is not None:
        row["zone_id"] = line.zone_id
    if line.domain is not None:
        row["domain"] = line.domain
    return row


def granted(subscription: Subscription) -> Object:
    line = subscription.line
    row: Object = {
        "subscription_id": subscription.id,
        "feature": line.plan,
        "status": subscription.status,
        "limits": {"unlimited": True},
    }
    if subscription.activated_s is not None:
        row["activated_on"] = moment(subscription.activated_s)
    if line.zone_id is not None:
        row["zone_id"] = line.zone_id
    return row


def billed(invoice: Object) -> Object:
    row = {**invoice, "currency": "usd", "created_on": moment(invoice["created_s"])}
    del row["created_s"]
    return row


def _may_buy(account: Account) -> None:
    if account.banned:
        raise Refusal(403, 1213, "This account is closed to purchases.")
    if account.locked:
        raise Refusal(403, 1212, "This account is on hold.")
    if account.owes:
        raise Refusal(403, 1215, "There is an outstanding balance to settle first.")


def _expect(request: Request, *verbs: str) -> None:
    if request.method not in verbs:
        raise Refusal(405, 7001, f"Not by {request.method}.", {"allow": ", ".join(verbs)})


async def _content(request: Request) -> bytes:
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > _MOST_BYTES:
            raise Refusal(413, 1001, "The body is too long.")
    return content


def _canonical(content: bytes) -> str:
    """The same for the same JSON, however it is written; what is no JSON is its own."""
    try:
        return json.dumps(json.loads(content), sort_keys=True)
    except (ValueError, RecursionError):
        return content.hex()


def _refused(refused: Refusal) -> Response:
    errors = [{"message": refused.message, "code": refused.code, "link": "https://help.second.example"}]
    body = {"result": None, "errors": errors, "messages": [], "success": False}
    return _json(refused.status, body, refused.headers)


def _json(status: int, body: Object, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, "application/json; charset=utf-8")
