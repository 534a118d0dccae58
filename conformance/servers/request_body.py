"""Reads the body of an HTTP request, which has a largest size, a longest time, and no encoding."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.types import Receive, Scope

BODY_MAX_BYTES: Final = 1_000_000
"""Assumption: the largest body of the contract, a batch of fifty lines, has some ten thousand bytes."""
BODY_TIMEOUT_S: Final = 30.0
"""How long a client may take to send one body. Assumption: a slow mobile connection needs seconds for the largest."""
SWALLOWED_MAX_BYTES: Final = 16 * BODY_MAX_BYTES
"""How much of a body that is too large is taken in, for clients that look for an answer only when they have sent it.
Assumption."""


class Unreadable(Exception):
    """A request that no service can be asked: HTTP status and a message for a person.

    `last`: the rest of the request is still on its way, so the connection must not be used again.
    """

    def __init__(self, status: int, message: str, *, last: bool = False) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.last = last


class ClientGone(Exception):
    """The client closed the connection before its request was complete: nobody is there to answer."""


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body. Raises Unreadable (413 too large, 408 too slow, 415 encoded) and ClientGone."""
    headers = dict(scope["headers"])
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced[:18]) > BODY_MAX_BYTES:
        waits = headers.get(b"expect", b"").lower() == b"100-continue"
        if waits or int(announced[:18]) > SWALLOWED_MAX_BYTES:
            raise _too_large(last=True)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            content = await _content(receive)
    except TimeoutError:
        raise Unreadable(408, f"body: did not arrive within {BODY_TIMEOUT_S:g} s", last=True) from None
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if content and encoding not in (b"", b"identity"):
        shown = encoding[:40].decode("latin-1")
        raise Unreadable(415, f"body: Content-Encoding {shown!r} is not understood: send the body as it is")
    return content


async def _content(receive: Receive) -> bytes:
    """Everything up to the end of the body. Raises Unreadable (413) and ClientGone."""
    message = await _next(receive)
    content: bytes = message.get("body", b"")
    if not message.get("more_body") and len(content) <= BODY_MAX_BYTES:
        return content
    parts, length = bytearray(content), len(content)
    while message.get("more_body"):
        message = await _next(receive)
        length += len(message.get("body", b""))
        if length <= BODY_MAX_BYTES:
            parts += message.get("body", b"")
        elif length > SWALLOWED_MAX_BYTES:
            raise _too_large(last=True)
    if length > BODY_MAX_BYTES:
        raise _too_large(last=False)
    return bytes(parts)


async def _next(receive: Receive) -> Any:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message


def _too_large(*, last: bool) -> Unreadable:
    return Unreadable(413, f"body: longer than {BODY_MAX_BYTES:,} bytes", last=last)
