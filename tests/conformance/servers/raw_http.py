"""HTTP as bytes on a socket, for requests that no client library would send."""

from __future__ import annotations

import json
import socket
from typing import Any, NamedTuple
from urllib.parse import urlsplit

WAIT_S = 60


class Reply(NamedTuple):
    """One answer as it came; header names in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The decoded JSON."""
        return json.loads(self.content)


class Connection:
    """One connection to a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port), WAIT_S)
        self._received = bytearray()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        """Send, as far as the server takes it: one that refused may have closed already."""
        try:
            for part in parts:
                self._socket.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            return

    def stop_sending(self) -> None:
        """Close the sending side only."""
        self._socket.shutdown(socket.SHUT_WR)

    def reply(self) -> Reply | None:
        """The next answer; None where the connection ends without one."""
        head = self._up_to(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        length = int(headers.get("content-length", "0"))
        while len(self._received) < length and self._more():
            pass
        content = bytes(self._received[:length])
        del self._received[:length]
        return Reply(int(first.split(" ")[1]), headers, content)

    def ended(self) -> bool:
        """Whether the server has closed the connection, now or soon."""
        return not self._more()

    def _up_to(self, mark: bytes) -> bytes | None:
        while mark not in self._received:
            if not self._more():
                return None
        end = self._received.index(mark)
        found = bytes(self._received[:end])
        del self._received[: end + len(mark)]
        return found

    def _more(self) -> bool:
        try:
            received = self._socket.recv(65_536)
        except ConnectionResetError:
            return False
        self._received += received
        return bool(received)


def request(method: str, target: str, body: bytes = b"", **headers: str) -> bytes:
    """A request that is closed after its answer. Underscores in the names of headers are hyphens."""
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    if body and "transfer-encoding" not in given:
        given.setdefault("content-length", str(len(body)))
    given.setdefault("host", "127.0.0.1")
    given.setdefault("connection", "close")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def asked(url: str, *parts: bytes) -> Reply | None:
    """Send those bytes on a connection of their own; the first answer."""
    with Connection(url) as connection:
        connection.send(*parts)
        return connection.reply()
