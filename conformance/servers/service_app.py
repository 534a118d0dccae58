"""The ASGI shell around one of the deployment's own services: reads a request, has it answered, writes the answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from conformance.over_http.own_errors import unreadable
from conformance.over_http.wire import UnreadableBody, answer_content
from conformance.servers.request_body import ClientGone, Unreadable, read_body
from conformance.servers.uvicorn_server import DROP
from sim.messages import Answer, Request

QUERY_MAX_FIELDS: Final = 100
"""Parameters in one query. Assumption: the contract has four."""

_log = logging.getLogger(__name__)

Answering = Callable[[Request, Mapping[str, str]], Awaitable[Answer]]
"""Has a request answered by its service, whatever world runs it; the headers are those of the HTTP request."""
Reading = Callable[[str, str, Mapping[str, str], Mapping[str, str], bytes], Request]
"""Makes a service's request of method, path, query, headers and body."""
Page = Callable[[], tuple[bytes, str]]
"""Something that the server says about itself: content and media type."""


class Dropped(Exception):
    """The connection is to end without an answer: a fault of the network that was asked for."""


class ServiceApp:
    """One service as an ASGI application. `pages` are what it says about itself, by path (GET): health, metrics."""

    __slots__ = ("_answering", "_pages", "_reading")

    def __init__(self, reading: Reading, answering: Answering, pages: Mapping[str, Page] | None = None) -> None:
        self._reading = reading
        self._answering = answering
        self._pages = dict(pages or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; other kinds of connections are closed."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1003})
            return
        page = self._pages.get(scope["path"])
        if page is not None and scope["method"] in ("GET", "HEAD"):
            content, media_type = page()
            await Response(content, 200, media_type=media_type)(scope, receive, send)
            return
        try:
            request = await self._read(scope, receive)
        except ClientGone:
            return
        except Unreadable as error:
            response = response_of(unreadable(error.status, error.message))
            if error.last:
                response.headers["connection"] = "close"
            await response(scope, receive, send)
            return
        begun_s = time.perf_counter()
        try:
            answer = await self._answering(request, headers_of(scope))
        except Dropped:
            await drop_connection(scope, receive)
            return
        await response_of(answer)(scope, receive, send)
        if _log.isEnabledFor(logging.INFO):
            took_ms = (time.perf_counter() - begun_s) * 1_000
            path = scope["path"][:200].encode("unicode_escape").decode("ascii")
            _log.info("%s %s %d %.1f ms", scope["method"], path, answer.status, took_ms)

    async def _read(self, scope: Scope, receive: Receive) -> Request:
        content = await read_body(scope, receive)
        try:
            return self._reading(scope["method"], scope["path"], query_of(scope), headers_of(scope), content)
        except UnreadableBody as error:
            raise Unreadable(400, f"body: {error}") from None


async def drop_connection(scope: Scope, receive: Receive) -> None:
    """End the connection without an answer."""
    scope[DROP]()
    while (await receive())["type"] != "http.disconnect":
        pass


def headers_of(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; of several of one name, the last."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def query_of(scope: Scope) -> Mapping[str, str]:
    """The query by name. Raises Unreadable where it is none."""
    query: bytes = scope["query_string"]
    if not query:
        return {}
    try:
        text = query.decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=QUERY_MAX_FIELDS))
    except (UnicodeDecodeError, ValueError):
        what = f"not readable as UTF-8 with at most {QUERY_MAX_FIELDS} parameters"
        raise Unreadable(400, f"query: {what}") from None


def response_of(answer: Answer) -> Response:
    """An answer as an HTTP response."""
    content, media_type = answer_content(answer)
    response = Response(content, answer.status, media_type=media_type)
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response
