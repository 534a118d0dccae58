"""Servers that outlive a deployment: one after another stands behind the same addresses.

To start and to stop a server takes far longer than a few customers do, and a suite lets loose a few customers many
times over.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, Final

import uvloop

from conformance.servers.uvicorn_server import HttpServer, start

NAMES: Final = ("gateway", "subscriptions-api", "billing-webhooks", "stripe")
"""The services that listen. Test support shares the gateway's address."""


class _Stand:
    """An ASGI application that is whichever one stands here now."""

    __slots__ = ("app",)

    def __init__(self) -> None:
        self.app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class LockstepServers:
    """A server for each service, in the running loop. Whoever started them stops them."""

    __slots__ = ("_servers", "_stands", "origins")

    def __init__(self, servers: Mapping[str, HttpServer], stands: Mapping[str, _Stand]) -> None:
        self._servers = servers
        self._stands = stands
        self.origins: Mapping[str, str] = {name: server.url for name, server in servers.items()}
        """The address of each service."""

    @classmethod
    async def started(cls) -> LockstepServers:
        """Servers on free ports of this machine, behind which nobody stands yet. Raises PortTaken."""
        stands = {name: _Stand() for name in NAMES}
        servers = await asyncio.gather(*(start(stand) for stand in stands.values()))
        return cls(dict(zip(stands, servers, strict=True)), stands)

    def stand(self, apps: Mapping[str, Any]) -> None:
        """Have these applications answer from now on, each by the name of its service."""
        for name, stand in self._stands.items():
            stand.app = apps[name]

    async def stop(self) -> None:
        """Stop listening."""
        await asyncio.gather(*(server.stop() for server in self._servers.values()))


class LockstepLoop:
    """An event loop of its own with servers in it. For one caller at a time; close it in the end."""

    __slots__ = ("_runner", "servers")

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.servers = self._runner.run(LockstepServers.started())

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it in the loop to its end. Raises what it raises."""
        self._runner.run(coroutine)

    def close(self) -> None:
        """Stop the servers and the loop."""
        try:
            self._runner.run(self.servers.stop())
        finally:
            self._runner.close()


class LockstepLoops:
    """The loops of this process that nobody uses at the moment. Any thread may take one."""

    __slots__ = ("_idle", "_lock")

    def __init__(self) -> None:
        self._idle: list[LockstepLoop] = []
        self._lock = threading.Lock()

    def take(self) -> LockstepLoop:
        """A loop for the caller alone."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return LockstepLoop()

    def give_back(self, loop: LockstepLoop) -> None:
        """The caller needs it no more, and nothing is left running in it."""
        with self._lock:
            self._idle.append(loop)

    def close(self) -> None:
        """Close all that are idle."""
        while self._idle:
            self._idle.pop().close()

    def forget(self) -> None:
        """Leave them to the process that this one was forked from."""
        self._lock = threading.Lock()
        self._idle.clear()


LOOPS: Final = LockstepLoops()
atexit.register(LOOPS.close)
os.register_at_fork(after_in_child=LOOPS.forget)
