"""The HTTP client port: everything that Gatefall sends over HTTP goes through it.

Behind it is httpx on aiohttp's transport: with hundreds of connections httpx's own transport costs milliseconds of
processor time a call and reports them as the target's latency.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Iterable, Mapping
from functools import cache
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

CONNECTIONS_MAX: Final = 1_000
"""Connections at once. Assumption: more than a run has customers on their way."""
CONNECT_TIMEOUT_S: Final = 10.0
"""How long a connection may take to be made. Assumption."""


class HttpAnswer(NamedTuple):
    """One HTTP answer as it came; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Unanswered(Exception):
    """No answer came in time, or the connection broke: whether the request was carried out is not known."""


class Unreachable(Unanswered):
    """No connection could be made: the request was certainly not carried out."""


class HttpClient(Protocol):
    """Sends requests; never follows redirects, never retries."""

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, timeout_s: float
    ) -> HttpAnswer:
        """Send one request. Raises Unanswered or Unreachable."""

    async def close(self) -> None:
        """Close all connections."""


class HttpxClient:
    """`HttpClient` on httpx. Use it as an asynchronous context manager, or close it."""

    __slots__ = ("_client",)

    def __init__(self, connections_max: int = CONNECTIONS_MAX) -> None:
        def session() -> aiohttp.ClientSession:
            # Whose connection breaks is told so; no cookies, and no proxy of the surroundings, ever.
            connector = aiohttp.TCPConnector(limit=connections_max, keepalive_timeout=4.0)
            return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)

        self._client = httpx.AsyncClient(
            transport=AiohttpTransport(_tls(), client=session),
            trust_env=False,
            follow_redirects=False,
            headers=_OWN_HEADERS,
        )

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, timeout_s: float
    ) -> HttpAnswer:
        timeout = httpx.Timeout(None, connect=min(timeout_s, CONNECT_TIMEOUT_S))
        try:
            # The whole exchange has this long, not each read of it.
            async with asyncio.timeout(timeout_s):
                answer = await self._client.request(
                    method, url, headers=dict(headers), content=content, timeout=timeout
                )
        except TimeoutError:
            raise Unanswered(f"no answer from {_origin(url)} within {timeout_s:g} s") from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            # The transport gives several failures the same name; the cause tells them apart.
            cause = error.__cause__
            if isinstance(cause, aiohttp.ClientConnectorError):
                raise Unreachable(f"no connection to {_origin(url)}: {_why(cause.os_error)}") from None
            raise Unanswered(f"the connection to {_origin(url)} broke: {str(error) or type(error).__name__}") from None
        return HttpAnswer(answer.status_code, _lowered(answer.headers.raw), answer.content)

    async def close(self) -> None:
        # aiohttp may find the other side gone first.
        with contextlib.suppress(OSError):
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


_OWN_HEADERS: Final = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "gatefall"}


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificates takes a tenth of a second: once for all clients of the process."""
    return httpx.create_ssl_context(trust_env=False)


def _lowered(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as a plain mapping: httpx's own costs more than the rest of reading an answer."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


def _why(error: OSError) -> str:
    """What the system says of a connection that could not be made, without the library's words around it."""
    return os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)


def _origin(url: str) -> str:
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.netloc.decode('ascii')}"
