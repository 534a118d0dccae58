"""The Stripe double on loopback for tests whose clients block: it runs in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import stripe
from starlette.types import Receive, Scope, Send

from conformance.servers import uvicorn_server
from conformance.servers.stripe_server import StripeServer, StripeSettings
from sim.effects import Program
from sim.messages import Answer, Request
from tests.sim.stripe.conftest import misfits

SECRET = "whsec_of_the_test"
PATIENCE_S = 20.0
"""How long a test waits for what must happen. Nothing is asserted about the time that it takes."""


class Receiver:
    """Somebody's webhook endpoint: verifies every delivery with the official SDK, and answers as it is told.

    `answer` decides by the delivery's number (1, 2 …) and event; None hangs until the test is over.
    """

    def __init__(self) -> None:
        self.answer: Callable[[int, stripe.Event], int | None] = lambda number, event: 200
        self.headers: dict[str, str] = {}
        self.secret = SECRET
        self.deliveries: list[stripe.Event] = []
        self.rejected: list[str] = []
        self._changed = threading.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        content, more = b"", True
        while more:
            message = await receive()
            content += message.get("body", b"")
            more = message.get("more_body", False)
        signature = next(value.decode() for name, value in scope["headers"] if name == b"stripe-signature")
        status: int | None = 400
        with self._changed:
            try:
                event = stripe.Webhook.construct_event(content, signature, self.secret)  # type: ignore[no-untyped-call]
            except Exception as error:
                self.rejected.append(repr(error))
            else:
                self.deliveries.append(event)
                status = self.answer(len(self.deliveries), event)
            self._changed.notify_all()
        if status is None:
            await asyncio.sleep(PATIENCE_S)
            status = 200
        headers = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def wait_for(self, reached: Callable[[list[stripe.Event]], bool]) -> list[stripe.Event]:
        """The deliveries, once they are what was waited for."""
        with self._changed:
            assert self._changed.wait_for(lambda: reached(self.deliveries), PATIENCE_S), self.types()
            return list(self.deliveries)

    def types(self) -> list[str]:
        """The types of what was delivered, in order."""
        return [event.type for event in self.deliveries]


class InThread:
    """A loop in a thread of its own; `do` runs something there and waits for it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="servers")

    def do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


async def _made(settings: StripeSettings) -> StripeServer:
    return StripeServer(settings)


@contextmanager
def double_at(settings: StripeSettings | None = None) -> Iterator[StripeServer]:
    """A double that listens, for the length of a block. All that it answered has to fit the official SDK's types."""
    answered: list[tuple[Request, Answer]] = []
    with InThread() as thread:
        server: StripeServer = thread.do(_made(settings or StripeSettings()))
        handle = server.stripe.handle

        def handling(request: Request) -> Program[Answer]:
            answer = yield from handle(request)
            answered.append((request, answer))
            return answer

        server.stripe.handle = handling  # type: ignore[method-assign]
        try:
            thread.do(server.start())
            yield server
        finally:
            thread.do(server.stop())
    for request, answer in answered:
        assert not misfits(request, answer), (request.method, request.path)


@contextmanager
def receiver_at() -> Iterator[tuple[Receiver, str]]:
    """A receiver that listens, and its URL."""
    receiver = Receiver()
    with InThread() as thread:
        server = thread.do(uvicorn_server.start(receiver, shutdown_timeout_s=1))
        try:
            yield receiver, f"{server.url}/webhook?shop=1"
        finally:
            thread.do(server.stop())


def client_of(
    server: StripeServer, http_client: stripe.HTTPClient, key: str = "sk_test_gatefall", **options: Any
) -> stripe.StripeClient:
    """The official SDK, pointed at the double. Whoever made `http_client` closes it."""
    return stripe.StripeClient(key, base_addresses={"api": server.url}, http_client=http_client, **options)
