"""The Stripe double as an ASGI application: forms in, JSON out, as Stripe's own interface.

What Stripe refuses before it looks at parameters is refused here: bodies that are no forms, too large or too slow. The
answers to that follow Stripe's (the hint at the content type is its own); the largest size is ours.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from conformance.over_http.form import BadForm
from conformance.over_http.own_errors import STRIPE, own_error, unreadable
from conformance.over_http.wire import FORM, answer_content, read_stripe_request
from conformance.servers.request_body import ClientGone, Unreadable, read_body
from conformance.servers.service_app import Answering, Dropped, drop_connection, headers_of
from sim.messages import Answer

_log = logging.getLogger(__name__)

_WRONG_TYPE: Final = (
    "Invalid request (check that your POST content type is application/x-www-form-urlencoded). "
    "If you have any questions, we can help at https://support.stripe.com/."
)
_CORS: Final = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "POST", "DELETE", "HEAD"],
    allow_headers=["*"],
    expose_headers=["Request-Id", "Stripe-Should-Retry", "Idempotent-Replayed", "Retry-After"],
    max_age=300,
)
"""Browsers call Stripe from other origins, with a publishable key. Source: Stripe's own answers to them."""


def stripe_app(answering: Answering) -> Starlette:
    """The application. `/healthz` says that it runs; everything else is Stripe's."""
    routes = [Route("/healthz", _healthz, methods=["GET"]), Mount("/", app=_Shell(answering))]
    return Starlette(routes=routes, middleware=[_CORS])


async def _healthz(request: HttpRequest) -> JSONResponse:
    return JSONResponse({"status": "ok"})


class _Shell:
    """Turns HTTP into the model's requests, and its answers into HTTP."""

    __slots__ = ("_answering",)

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun_s = time.perf_counter()
        last = False
        try:
            answer = await self._answer(scope, receive)
        except Unreadable as refused:
            answer, last = unreadable(refused.status, refused.message, STRIPE), refused.last
        except ClientGone:
            return
        except Dropped:
            await drop_connection(scope, receive)
            return
        await _send(answer, send, last=last)
        if _log.isEnabledFor(logging.INFO):
            took_ms = (time.perf_counter() - begun_s) * 1_000
            _log.info("%s %s %d %.1f ms", scope["method"], _shown(scope["path"]), answer.status, took_ms)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        headers = headers_of(scope)
        content = await read_body(scope, receive)
        if content and not _is_form(headers.get("content-type", FORM)):
            return own_error(STRIPE, 400, _WRONG_TYPE)
        try:
            request = read_stripe_request(scope["method"], scope["path"], scope["query_string"], headers, content)
        except BadForm as error:
            return own_error(STRIPE, 400, f"Invalid request: its parameters cannot be read, {error}")
        return await self._answering(request, headers)


def _is_form(content_type: str) -> bool:
    kind, _, rest = content_type.partition(";")
    charset = rest.partition("charset=")[2].strip().strip('"').lower()
    return kind.strip().lower() == FORM and charset in ("", "utf-8", "utf8", "us-ascii")


async def _send(answer: Answer, send: Send, *, last: bool) -> None:
    content, media_type = answer_content(answer)
    headers: list[tuple[bytes, bytes]] = [
        (name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in answer.headers.items()
    ]
    if "content-type" not in answer.headers:
        headers.append((b"content-type", media_type.encode()))
    headers.append((b"content-length", b"%d" % len(content)))
    if last:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _shown(path: str) -> Any:
    """A path for a log: of bounded length, and in one line."""
    return path[:200].encode("unicode_escape").decode("ascii")
