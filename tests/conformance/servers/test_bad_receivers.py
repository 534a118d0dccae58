"""Receivers of webhooks that do not behave: Stripe goes on, delivers again, and loses nothing."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from conformance.servers.stripe_deliveries import StripeDeliveries
from conformance.servers.stripe_server import StripeSettings
from tests.conformance.servers.stripe_double import PATIENCE_S, double_at

MISBEHAVIOURS = {
    "closes at once": b"",
    "speaks something else": b"220 mail.example ESMTP\r\n",
    "stops within its head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "stops within its body": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
    "has no status": b"HTTP/1.1 ok\r\n\r\n",
    "answers 500": b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "answers 1xx and leaves": b"HTTP/1.1 102 Processing\r\n\r\n",
    "claims to be compressed": b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
}
GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Rude:
    """A receiver that misbehaves at the first delivery, and takes every later one. `taken` is set by the first."""

    def __init__(self, first: bytes) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.taken = threading.Event()
        self._answers = [first]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}/webhook"

    def serve(self) -> None:
        """Until the socket is closed."""
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE_S)
                self._read(connection)
                answer = self._answers.pop() if self._answers else GOOD
                connection.sendall(answer)
                if answer is GOOD:
                    self.taken.set()

    def _read(self, connection: socket.socket) -> None:
        """A whole request, so that closing does not reset the connection."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536)
        head, _, body = received.partition(b"\r\n\r\n")
        [length] = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        while len(body) < int(length):
            body += connection.recv(65_536)


@contextmanager
def rude(first: bytes) -> Iterator[Rude]:
    """Such a receiver, listening."""
    receiver = Rude(first)
    thread = threading.Thread(target=receiver.serve)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.listening.shutdown(socket.SHUT_RDWR)
        receiver.listening.close()
        thread.join(PATIENCE_S)


@pytest.mark.parametrize("kind", MISBEHAVIOURS)
def test_what_a_rude_receiver_did_not_take_comes_again(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with rude(MISBEHAVIOURS[kind]) as receiver:
        settings = StripeSettings(webhook_urls=[receiver.url], deliveries=StripeDeliveries(pace=0))
        with double_at(settings) as server, httpx.Client(base_url=server.url, trust_env=False) as http:
            http.headers["authorization"] = "Bearer sk_test_gatefall"
            assert http.post("/v1/customers", data={"name": "Jenny"}).status_code == 200
            assert http.get("/v1/customers").status_code == 200
            assert receiver.taken.wait(PATIENCE_S)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
