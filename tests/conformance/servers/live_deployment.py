"""A mock deployment in a thread of its own, for clients that block: sockets, subprocesses."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import jwt

from conformance.servers.mock_deployment import MockDeployment, MockSettings

WAIT_S = 60
T = TypeVar("T")


class LiveDeployment:
    """Started on entering, stopped on leaving. `service_url` and `made` are for the clients."""

    def __init__(self, **settings: Any) -> None:
        self.deployment = MockDeployment(MockSettings(**{"rate_limit": 10**9, **settings}))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._http = httpx.Client(timeout=WAIT_S, trust_env=False, verify=False)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self.deployment.start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        try:
            self.run(self.deployment.stop())
        finally:
            self._end()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the deployment's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    def service_url(self, name: str) -> str:
        """The origin of "gateway", "subscriptions-api", "billing-webhooks" or "stripe"."""
        return self.deployment.addresses[name]

    def ask(
        self, method: str, path: str, body: Any = None, token: str | None = None, service: str = "gateway"
    ) -> httpx.Response:
        """One request with JSON, as a customer where a token is given."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return self._http.request(method, self.service_url(service) + path, json=body, headers=headers)

    def made(self, **wanted: Any) -> dict[str, Any]:
        """A new account of test support's: id, token, customer, subscriptions, zones."""
        answer = self.ask("POST", "/__test__/accounts", wanted)
        assert answer.status_code == 201, answer.text
        account: dict[str, Any] = answer.json()
        return account

    def stripe(self, method: str, path: str, form: dict[str, str] | None = None) -> Any:
        """Ask Stripe something with the secret key; the decoded answer."""
        key = {"authorization": f"Bearer {self.deployment.settings.stripe_secret_key}"}
        return self._http.request(method, self.service_url("stripe") + path, data=form, headers=key).json()

    def administrator(self) -> str:
        """The header value of an administrator whose token is good for an hour."""
        claims = {"sub": "ada", "exp": int(time.time()) + 3_600, "scope": "billing:admin"}
        return f"ADMIN-JWT {jwt.encode(claims, self.deployment.settings.admin_jwt_secret, 'HS256')}"

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_S)
        self._loop.close()
