"""Runs servers until somebody stops them: signals, the log, and errors in words."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import click

from gatefall.exit_codes import ExitCode


class Served(Protocol):
    """Servers that are started and stopped together."""

    async def start(self) -> None:
        """Listen. Raises OSError where that is not possible."""

    async def stop(self) -> None:
        """Answer what was asked, and close."""


S = TypeVar("S", bound=Served)

_GARBAGE_THRESHOLDS: Final = (100_000, 50, 1_000)
"""What a server keeps it keeps for good: searching all of it for cycles again and again costs a fifth of its time, and
more as it grows. Young garbage is still found."""


def listen_to_requests(verbose: bool) -> None:
    """Log on stderr: what goes wrong, and with `verbose` every request."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    for name in ("conformance", "uvicorn"):
        log = logging.getLogger(name)
        log.addHandler(handler)
        log.propagate = False
    logging.getLogger("conformance").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def serve_until_stopped(make: Callable[[], S], announce: Callable[[S], str]) -> int:
    """Start servers, say so on stdout, and serve until SIGINT or SIGTERM. To be stopped is what a server is for: 0.

    Raises SetUpFailed where the address cannot be listened on.
    """
    from conformance.servers.uvicorn_server import CannotServe
    from gatefall.mistakes import SetUpFailed

    async def served() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        server = make()
        try:
            await server.start()
            click.echo(announce(server))
            sys.stdout.flush()
            await stopped.wait()
        finally:
            await server.stop()

    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(served())
    except CannotServe as error:
        raise SetUpFailed(str(error)) from None
    return ExitCode.PASSED


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed: twice as many requests a second."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
