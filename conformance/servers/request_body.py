"""Reads the body of an HTTP request, which has a largest size and a longest time."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.types import Receive, Scope

BODY_MAX_BYTES: Final = 1_000_000
BODY_TIMEOUT_S: Final = 30.0
"""How long a client may take to send one body. Assumption: a slow mobile connection needs seconds for the largest."""


class BodyRefused(Exception):
    """A body that is not read to its end; the connection is not used again. The message is for a person."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


class ClientGone(Exception):
    """The client closed the connection before its request was complete: nobody is there to answer."""


async def read_body(
    scope: Scope, receive: Receive, at_most_bytes: int = BODY_MAX_BYTES, timeout_s: float = BODY_TIMEOUT_S
) -> bytes:
    """The whole body. Raises BodyRefused (413 too large, 408 too slow) and ClientGone."""
    announced = _announced_bytes(scope)
    if announced > at_most_bytes:
        raise _too_large(at_most_bytes)
    message = await _next(receive, timeout_s)
    if not message.get("more_body"):
        content: bytes = message.get("body", b"")
        _check_size(content, at_most_bytes)
        return content
    parts = bytearray(message.get("body", b""))
    try:
        async with asyncio.timeout(timeout_s):
            while message.get("more_body"):
                message = await _next(receive, None)
                parts += message.get("body", b"")
                _check_size(parts, at_most_bytes)
    except TimeoutError:
        raise _too_slow(timeout_s) from None
    return bytes(parts)


async def _next(receive: Receive, timeout_s: float | None) -> Any:
    try:
        async with asyncio.timeout(timeout_s):
            message = await receive()
    except TimeoutError:
        raise _too_slow(timeout_s or 0) from None
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


def _check_size(content: bytes | bytearray, at_most_bytes: int) -> None:
    if len(content) > at_most_bytes:
        raise _too_large(at_most_bytes)


def _announced_bytes(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:18])
    return 0


def _too_large(at_most_bytes: int) -> BodyRefused:
    return BodyRefused(413, f"the body is larger than {at_most_bytes:,} bytes")


def _too_slow(timeout_s: float) -> BodyRefused:
    return BodyRefused(408, f"the body did not come within {timeout_s:g} s")
