"""The client port: an answer, no answer and no connection are three things."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from conformance.over_http.client import HttpAnswer, HttpxClient, Unanswered, Unreachable

Handling = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def asked(handling: Handling, timeout_s: float = 30.0) -> HttpAnswer:
    """What one request to a server of that behaviour comes to."""

    connections: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.append(task)
        try:
            await handling(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def main() -> HttpAnswer:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/somewhere"
        try:
            async with HttpxClient() as client:
                return await client.send("POST", url, {"x-one": "1"}, b"body", timeout_s)
        finally:
            server.close()
            await asyncio.gather(*connections)
            await server.wait_closed()

    return asyncio.run(main())


def saying(text: bytes) -> Handling:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text)
        await writer.drain()

    return handle


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


def test_an_answer_is_given_as_it_came() -> None:
    answer = asked(saying(b"HTTP/1.1 402 Payment Required\r\nX-Two: 2\r\nContent-Length: 2\r\n\r\nno"))
    assert (answer.status, answer.content, answer.headers["x-two"]) == (402, b"no", "2")


def test_redirects_are_not_followed() -> None:
    answer = asked(saying(b"HTTP/1.1 303 See Other\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"))
    assert (answer.status, answer.headers["location"]) == (303, "http://127.0.0.1:1/")


def test_silence_ends_with_the_time_that_was_given() -> None:
    with pytest.raises(Unanswered, match=r"within 0\.2 s"):
        asked(_silent, 0.2)


@pytest.mark.parametrize("text", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", b"220 mail here\r\n\r\n"])
def test_an_answer_that_breaks_off_is_none(text: bytes) -> None:
    with pytest.raises(Unanswered) as raised:
        asked(saying(text))
    assert not isinstance(raised.value, Unreachable)


def test_where_nobody_listens_nothing_was_carried_out() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        async def main() -> None:
            async with HttpxClient() as client:
                await client.send("GET", f"http://127.0.0.1:{port}/", {}, None, 5.0)

        with pytest.raises(Unreachable, match=f"no connection to http://127.0.0.1:{port}: Connection refused"):
            asyncio.run(main())
