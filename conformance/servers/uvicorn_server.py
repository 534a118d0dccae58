"""One HTTP server on uvicorn in the running loop: several of them share a process and a loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, ClassVar, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from conformance.over_http.own_errors import unreadable
from conformance.over_http.wire import answer_content

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 2_048
DROP: Final = "gatefall.drop"
"""The key under which a request's scope holds what breaks its connection."""
HEAD_MAX_BYTES: Final = 64 * 1024
"""The longest request line with headers. Assumption: four times what other servers allow."""
HEAD_TIMEOUT_S: Final = 30.0
"""How long a client may take to send them. Assumption."""
_HEAD_TOO_LARGE: Final = (431, f"head: request line and headers are longer than {HEAD_MAX_BYTES:,} bytes")
_NO_HTTP: Final = (400, "head: this is no valid HTTP request")


class CannotServe(Exception):
    """Servers cannot be started. The message says why, and what to do."""


class PortTaken(CannotServe):
    """The address cannot be listened on."""


class _Quiet(uvicorn.Server):
    """Leaves signals to whoever started it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class _HeadRefused(Exception):
    """Tells the parser to stop."""


class _Protocol(HttpToolsProtocol):
    """As uvicorn's, and lets an application break the connection instead of answering.

    Besides, what is no HTTP is refused in the service's own form, the head of a request has a largest size and a
    longest time, and who closes only its sending side still gets its answer.
    """

    service: ClassVar[str] = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_bytes = 0
        self._received_bytes = 0
        self._refused: tuple[int, str] | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received_bytes = len(data)
        super().data_received(data)
        if not self._in_head or self.transport.is_closing():
            self._head_arrived()
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_MAX_BYTES:
            self._refuse(*_HEAD_TOO_LARGE)
        elif self._head_timer is None:
            self._await_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self.scope[DROP] = self.transport.abort  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        """Raises _HeadRefused, which the parser takes as an error."""
        self._in_head = False
        # What came at once may be the head or the body of it: only then it has to be counted.
        if self._head_bytes + self._received_bytes > HEAD_MAX_BYTES:
            length = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if length > HEAD_MAX_BYTES:
                self._refused = _HEAD_TOO_LARGE
                raise _HeadRefused
        self._head_bytes = 0
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; requests before it on the same connection are answered first."""
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        self._refuse(*(self._refused or _NO_HTTP))

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends no more: True keeps the connection for the answer to a request that is complete."""
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return None
        cycle.keep_alive = False
        return True

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing to warn of: no service here has another protocol, and the request is answered as it is."""

    def _await_head(self) -> None:
        self._in_head = True
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_late)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        if self._head_bytes:
            self._refuse(408, f"head: did not arrive within {HEAD_TIMEOUT_S:g} s")
        else:
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """Say what is wrong with the request, in the service's own form, and close the connection."""
        if self.transport.is_closing():
            return
        content, media_type = answer_content(unreadable(status, message, self.service))
        lines = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            f"content-type: {media_type}",
            f"content-length: {len(content)}",
            "connection: close",
            "\r\n",
        )
        self.transport.write("\r\n".join(lines).encode() + content)
        self.transport.close()


class HttpServer:
    """A server that listens. `url` is its origin, without a slash at the end."""

    __slots__ = ("_server", "_task", "url")

    def __init__(self, server: uvicorn.Server, task: asyncio.Task[None], url: str) -> None:
        self._server = server
        self._task = task
        self.url = url

    async def stop(self) -> None:
        """Stop listening, let what is under way end (for a few seconds), and close."""
        self._server.should_exit = True
        await self._task


async def start(
    app: Any, port: int = 0, host: str = LOOPBACK, shutdown_timeout_s: int = 5, service: str = ""
) -> HttpServer:
    """Serve an ASGI application; port 0 takes a free one. It is listening when this returns. Raises PortTaken.

    `service` says in whose form a request is refused that is not even HTTP.
    """
    listening = _listening_socket(host, port)
    config = uvicorn.Config(
        app,
        http=type("_ServiceProtocol", (_Protocol,), {"service": service}),
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=True,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=shutdown_timeout_s,
        timeout_keep_alive=30,
    )
    server = _Quiet(config)
    task = asyncio.get_running_loop().create_task(server.serve([listening]))
    while not server.started:
        if task.done():
            task.result()
            raise RuntimeError("the server ended before it had begun")
        await asyncio.sleep(0)
    shown = f"[{host}]" if ":" in host else host
    return HttpServer(server, task, f"http://{shown}:{listening.getsockname()[1]}")


@contextlib.asynccontextmanager
async def serving(app: Any, port: int = 0, host: str = LOOPBACK) -> AsyncIterator[HttpServer]:
    """A server for the length of a block."""
    server = await start(app, port, host)
    try:
        yield server
    finally:
        await server.stop()


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise PortTaken(f"cannot listen on {host}:{port}: {error.strerror or error}. {_advice(error)}") from None
    listening.setblocking(False)
    return listening


def _advice(error: OSError) -> str:
    """What to do about an address that cannot be listened on."""
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "Name an address of this machine, such as 127.0.0.1."
    return "Choose another port, or 0 for any free one."
