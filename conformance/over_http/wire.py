"""How the model's requests and answers look on a wire, service by service.

A gateway's body is JSON, Stripe's a form, a webhook's the raw bytes. What subscriptions-api is asked by the gateway
goes as JSON too, with what the gateway found out in headers that only the deployment's own services can vouch for.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import orjson

from conformance.over_http.client import HttpAnswer
from conformance.over_http.form import form_decoded, form_encoded
from sim.messages import Answer, Request
from sim.subscriptions_api.asked import Asked

INTERNAL_HEADER: Final = "x-gatefall-internal"
"""Carries the secret by which services of one deployment know each other."""
_ACCOUNT: Final = "x-gatefall-account"
_OPERATION: Final = "x-gatefall-operation"
_IDENTIFIER: Final = "x-gatefall-identifier"
_KEY: Final = "idempotency-key"

_OF_THE_CONNECTION: Final = frozenset(
    ("connection", "content-length", "date", "keep-alive", "server", "transfer-encoding")
)

DEPTH_MAX: Final = 100
"""Levels of lists and objects in a body. Assumption: the contract has five; what is nested without end cannot be
written again when it is passed on."""

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


class UnreadableBody(ValueError):
    """A body that no service can be asked with. The message is for a person."""


class WireRequest(NamedTuple):
    """A request as it goes out: everything but scheme and host. `target` is path and query, encoded."""

    method: str
    target: str
    headers: dict[str, str]
    content: bytes | None


def is_internal(request: Request) -> bool:
    """Whether a request holds an object of the program's own, which no wire carries."""
    body = request.body
    return not (body is None or isinstance(body, bytes | str | int | float | Mapping | list))


def json_request(request: Request) -> WireRequest:
    """A request to the gateway or to test support."""
    headers = dict(request.headers)
    content = _json_content(request.body)
    if content is not None:
        headers.setdefault("content-type", JSON)
    return WireRequest(request.method, _target(request.path, request.query), headers, content)


def asked_request(asked: Asked, secret: str) -> WireRequest:
    """What the gateway asks subscriptions-api."""
    headers = {
        INTERNAL_HEADER: secret,
        _ACCOUNT: asked.account_id,
        _OPERATION: asked.operation,
        _IDENTIFIER: quote(asked.identifier, safe=""),
        "x-client": quote(asked.client, safe="/ "),
    }
    if asked.key is not None:
        headers[_KEY] = quote(asked.key, safe="")
    content = _json_content(asked.body)
    if content is not None:
        headers["content-type"] = JSON
    return WireRequest(asked.method, _target(asked.path, asked.query), headers, content)


def stripe_request(request: Request) -> WireRequest:
    """A request to Stripe: a form in the body of a POST, in the query of everything else."""
    headers = dict(request.headers)
    target = quote(request.path, safe="/")
    query = form_encoded(request.query) if request.query else b""
    content = None
    if request.body is not None and request.method == "POST":
        content = form_encoded(request.body)
        headers.setdefault("content-type", FORM)
    elif request.body:
        query = b"&".join(part for part in (query, form_encoded(request.body)) if part)
    if query:
        target = f"{target}?{query.decode('ascii')}"
    return WireRequest(request.method, target, headers, content)


def webhook_request(request: Request) -> WireRequest:
    """A delivery: the signed bytes as they are."""
    headers = dict(request.headers)
    headers.setdefault("content-type", "application/json; charset=utf-8")
    return WireRequest(request.method, _target(request.path, request.query), headers, request.body)


def read_json_request(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], content: bytes
) -> Request:
    """The request that a gateway received. What is no JSON stays bytes, for the service to refuse.

    Raises UnreadableBody.
    """
    return Request(method, path, _json_body(content), headers, query)


def read_asked_request(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], content: bytes
) -> Asked:
    """What subscriptions-api was asked. Raises KeyError where the gateway's headers are missing."""
    operation = headers[_OPERATION]
    key = headers.get(_KEY)
    request = Request(method, path, None, {"x-client": unquote(headers.get("x-client", ""))}, query, operation)
    return Asked(
        request,
        operation,
        unquote(headers[_IDENTIFIER]),
        headers[_ACCOUNT],
        _json_body(content),
        None if key is None else unquote(key),
    )


def read_webhook_request(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], content: bytes
) -> Request:
    """The delivery that billing-webhooks received: the raw bytes, which the signature is over."""
    return Request(method, path, content, headers, query)


def read_stripe_request(method: str, path: str, query: bytes, headers: Mapping[str, str], content: bytes) -> Request:
    """The request that Stripe received. Raises BadForm."""
    body = form_decoded(content) if content else ({} if method == "POST" else None)
    return Request(method, path, body, headers, form_decoded(query) if query else {})


def read_answer(answer: HttpAnswer) -> Answer:
    """An answer as programs read it: decoded JSON where it is some, else bytes; None where there is nothing.

    Its headers are those about the answer, without those about the connection that it came through.
    """
    content: Any = answer.content or None
    headers = {name: value for name, value in answer.headers.items() if name not in _OF_THE_CONNECTION}
    if content and headers.get("content-type", "").startswith(JSON):
        with contextlib.suppress(orjson.JSONDecodeError):
            content = orjson.loads(content)
    return Answer(answer.status, content, headers)


def answer_content(answer: Answer) -> tuple[bytes, str]:
    """The content of an answer that is sent, and its media type unless the answer names one itself."""
    body = answer.body
    if body is None:
        return b"", JSON
    if isinstance(body, bytes):
        return body, "application/pdf" if body.startswith(b"%PDF") else "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/html; charset=utf-8"
    return orjson.dumps(body), JSON


def _target(path: str, query: Mapping[str, str]) -> str:
    target = quote(path, safe="/:@!$&'()*+,;=~")
    return f"{target}?{form_encoded(query).decode('ascii')}" if query else target


def _json_content(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return orjson.dumps(body)


def _json_body(content: bytes) -> Any:
    if not content:
        return None
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content
    if content.count(b"[") + content.count(b"{") > DEPTH_MAX and _is_deeper(body, DEPTH_MAX):
        raise UnreadableBody(f"nested deeper than {DEPTH_MAX} levels")
    return body


def _is_deeper(body: Any, levels: int) -> bool:
    """Whether anything is nested deeper than so many levels of lists and objects."""
    layer = [body]
    for _ in range(levels):
        layer = [inner for outer in layer for inner in _contained(outer)]
        if not layer:
            return False
    return True


def _contained(value: Any) -> list[Any]:
    """The lists and objects directly within one, and the one itself at the outermost level."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, dict | list)]
