"""What all clients of the gateway have in common: credentials, names, and the facts of what was sent and answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sim.clients.reply import Reply
from sim.effects import DEFAULT_TIMEOUT_US, Call, Program
from sim.messages import Answer, Request
from sim.subscriptions_api.routes import READS

if TYPE_CHECKING:
    from sim.customers.session import Session

_WELL_FORMED = re.compile(r"(?:pi|seti)_[^_]+_secret_[^_]+").fullmatch
"""What Stripe's mobile SDKs take for a client secret: no underscore inside either part."""


def intent_of(secret: Any) -> str:
    """The intent's id in a client secret, which is all of it that may be kept; "malformed" where there is none."""
    if type(secret) is not str or not secret.startswith(("pi_", "seti_")) or "_secret_" not in secret:
        return "malformed"
    return secret.partition("_secret_")[0]


class GatewayClient:
    """Sends requests in the name of a client (header `x-client`); notes them, their answers and what these show."""

    __slots__ = ("_headers", "name", "session")

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name
        self._headers = {"authorization": session.authorization, "x-client": name}

    def send(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Reply]:
        """Send one request and read its answer. `key` is the idempotency key. Raises nothing, whatever comes back."""
        session = self.session
        request_id = session.next_request_id()
        detail: dict[str, Any] = {"method": method, "path": path}
        if body is not None:
            detail["body"] = body
        headers = self._headers
        if key is not None:
            detail["idempotency_key"] = key
            headers = {**headers, "idempotency-key": key}
        attempt_id = session.attempt_id
        session.note("request", request_id, attempt_id, operation, None, None, None, None, detail, self.name)
        sent = Request(method, path, body, headers, operation=operation)
        answer = yield Call("gateway", sent, timeout_us)
        reply = Reply(answer, request_id)
        self._take_in(sent, answer, reply, attempt_id, operation)
        if session.watchful and operation not in READS:
            yield from self._look_around()
        return reply

    def _look_around(self) -> Program[None]:
        """Look at what a request may have changed, before anything else happens."""
        addresses = self.session.addresses
        yield from self.send("list_subscriptions", "GET", addresses.subscriptions)
        yield from self.send("entitlements", "GET", addresses.entitlements)

    def _take_in(self, sent: Request, answer: Answer, reply: Reply, attempt_id: str, operation: str) -> None:
        """Note the answer, what it shows, and what is wrong with it where somebody looks at that."""
        self._note_answer(reply, attempt_id, operation)
        inspector = self.session.inspector
        if inspector is None or reply.unknown:
            return
        remarks = tuple(inspector.inspect(self.session, sent, answer))
        for remark in remarks:
            self._note_inspection(reply, operation, remark.state, {"what": remark.what})
        if not remarks:
            self._note_inspection(reply, operation, "fits", None)

    def _note_inspection(self, reply: Reply, operation: str, state: str, detail: dict[str, Any] | None) -> None:
        self.session.note(
            "inspected", reply.request_id, None, operation, state, reply.status, detail=detail, actor=self.name
        )

    def _detail_of_refusal(self, reply: Reply) -> dict[str, Any] | None:
        """What is kept of a refusal besides status and code."""
        if reply.status == 429:
            return {"retry_after": reply.headers.get("retry-after")}
        decline_code = reply.decline_code
        return {"decline_code": decline_code} if decline_code else None

    def _note_answer(self, reply: Reply, attempt_id: str, operation: str) -> None:
        detail: dict[str, Any] | None = None
        if not reply.ok:
            detail = self._detail_of_refusal(reply)
        else:
            note = _NOTERS.get(operation)
            secrets = note(self, reply, operation) if note is not None else 0
            if secrets:
                detail = {"client_secrets": secrets}
        if reply.messages:
            detail = {**(detail or {}), "messages": reply.messages}
        self.session.note(
            "answer",
            reply.request_id,
            attempt_id,
            operation,
            reply.state,
            reply.status or None,
            reply.code,
            None,
            detail,
            self.name,
        )

    def _note_purchase(self, reply: Reply, operation: str) -> int:
        """The subscriptions and secrets of a payment path's answer; how many secrets."""
        for subscription in reply.objects("subscriptions"):
            self._note_subscription(subscription, reply.request_id, operation)
        secrets = reply.member("client_secrets")
        if type(secrets) is not list:
            return 0
        for secret in secrets:
            self._note_secret(secret, reply.request_id, operation)
        return len(secrets)

    def _note_one_secret(self, reply: Reply, operation: str) -> int:
        self._note_secret(reply.member("client_secret"), reply.request_id, operation)
        return 1

    def _note_subscriptions(self, reply: Reply, operation: str) -> int:
        for subscription in reply.objects():
            self._note_subscription(subscription, reply.request_id, operation)
        return 0

    def _note_entitlements(self, reply: Reply, operation: str) -> int:
        """Entitlements that are shown in another state than before: a poll that shows nothing new adds nothing."""
        session = self.session
        for entitlement in reply.objects():
            subscription_id = str(entitlement.get("subscription_id", ""))
            status = str(entitlement.get("status", ""))
            feature = entitlement.get("feature")
            if session.shows_new_state(subscription_id, f"{feature} {status}"):
                detail = {"feature": feature}
                zone_id = entitlement.get("zone_id")
                if zone_id is not None:
                    detail["zone_id"] = zone_id
                session.note(
                    "entitlement", subscription_id, reply.request_id, None, status, detail=detail, actor=self.name
                )
        return 0

    def _note_subscription(self, subscription: dict[str, Any], request_id: str, operation: str) -> None:
        rate_plan = subscription.get("rate_plan")
        price = subscription.get("price")
        detail = {
            "rate_plan": rate_plan.get("id") if type(rate_plan) is dict else None,
            "frequency": subscription.get("frequency"),
        }
        zone_id = subscription.get("zone_id")
        if zone_id is not None:
            detail["zone_id"] = zone_id
        self.session.note(
            "subscription",
            str(subscription.get("id", "")),
            request_id,
            operation,
            str(subscription.get("state", "")),
            amount_minor=price if type(price) is int else None,
            detail=detail,
            actor=self.name,
        )

    def _note_secret(self, secret: Any, request_id: str, operation: str) -> None:
        well_formed = type(secret) is str and _WELL_FORMED(secret) is not None
        self.session.note(
            "secret",
            intent_of(secret),
            request_id,
            operation,
            detail=_WELL_FORMED_DETAIL if well_formed else _MALFORMED_DETAIL,
            actor=self.name,
        )


_WELL_FORMED_DETAIL: Final = {"well_formed": True}
_MALFORMED_DETAIL: Final = {"well_formed": False}

_NOTERS: Final[dict[str, Callable[[GatewayClient, Reply, str], int]]] = {
    "bulk_create": GatewayClient._note_purchase,
    "create": GatewayClient._note_purchase,
    "update": GatewayClient._note_purchase,
    "append": GatewayClient._note_purchase,
    "registrar_checkout": GatewayClient._note_purchase,
    "pre_auth": GatewayClient._note_one_secret,
    "setup_payment_method": GatewayClient._note_one_secret,
    "list_subscriptions": GatewayClient._note_subscriptions,
    "entitlements": GatewayClient._note_entitlements,
}
"""What each operation's answer shows that is a fact of its own; the number returned is that of client secrets."""
