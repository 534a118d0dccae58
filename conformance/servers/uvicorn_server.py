"""One HTTP server on uvicorn in the running loop: several of them share a process and a loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LOOPBACK: Final = "127.0.0.1"
_BACKLOG: Final = 2_048
DROP: Final = "gatefall.drop"
"""The key under which a request's scope holds what breaks its connection."""


class CannotServe(Exception):
    """Servers cannot be started. The message says why, and what to do."""


class PortTaken(CannotServe):
    """The address cannot be listened on."""


class _Quiet(uvicorn.Server):
    """Leaves signals to whoever started it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


class _Protocol(HttpToolsProtocol):
    """As uvicorn's, and lets an application break the connection instead of answering."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[DROP] = self.transport.abort  # type: ignore[typeddict-unknown-key]


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


async def start(app: Any, port: int = 0, host: str = LOOPBACK, shutdown_timeout_s: int = 5) -> HttpServer:
    """Serve an ASGI application; port 0 takes a free one. It is listening when this returns. Raises PortTaken."""
    listening = _listening_socket(host, port)
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=True,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=shutdown_timeout_s,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=64 * 1024,
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
        raise PortTaken(
            f"cannot listen on {host}:{port}: {error.strerror or error}. Choose another port, or 0 for any free one."
        ) from None
    listening.setblocking(False)
    return listening
