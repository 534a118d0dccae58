"""A front end's way of asking the gateway: its own HTTP client, and the persistence of the person before it."""

from __future__ import annotations

from typing import Any

from sim.clients.fetch_client import ApiError, FetchClient
from sim.clients.reply import Reply
from sim.clients.service_client import ServiceClient
from sim.clients.thunk_client import ThunkClient
from sim.customers.session import Session
from sim.effects import DEFAULT_TIMEOUT_US, Program, Wait
from sim.time import SECOND_US

Asked = tuple[Any, Reply | None]
"""The result and no error, or no result and the reply that refused (or never came)."""


class FrontEnd:
    """What the checkouts and the Billing Profile share. `name` is the client's in facts and in `x-client`."""

    __slots__ = ("name", "session")

    def __init__(self, session: Session, name: str) -> None:
        self.session = session
        self.name = name

    def request(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Asked]:
        """Send a mutation once."""
        raise NotImplementedError

    def query(self, operation: str, path: str) -> Program[Asked]:
        """Read something."""
        raise NotImplementedError

    def persist(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Asked]:
        """Send a mutation; after a time-out, a 429 or a 5xx the customer presses again, a few times, same key."""
        result, error = yield from self.request(operation, method, path, body, key, timeout_us)
        if error is None:
            return result, None
        return (yield from self._press_again(error, operation, method, path, body, key))

    def _press_again(
        self, error: Reply, operation: str, method: str, path: str, body: Any, key: str | None
    ) -> Program[Asked]:
        """What `persist` does after a first try that was refused or not answered."""
        figures = self.session.population.figures
        left = {
            "unknown": figures["unknown_tries_max"],
            "limited": figures["rate_limit_tries_max"],
            "unavailable": figures["service_unavailable_tries_max"],
        }
        while True:
            status = error.status
            why = "unknown" if status == 0 else "limited" if status == 429 else "unavailable" if status >= 500 else ""
            if not why:
                return None, error
            left[why] -= 1
            if left[why] <= 0:
                return None, error
            yield Wait(self._pause_us(why, error), needed=True)
            result, again = yield from self.request(operation, method, path, body, key)
            if again is None:
                return result, None
            error = again

    def _pause_us(self, why: str, error: Reply) -> int:
        if why == "limited":
            self.session.shown("failure", "too many requests", error.status, error.code)
            return error.retry_after_us
        if why == "unavailable":
            self.session.shown("failure", "try again later", error.status, error.code)
            return self.session.population.duration_us("service_unavailable_wait_s")
        return SECOND_US


class FetchFrontEnd(FrontEnd):
    """Unified Checkout and Billing Profile: errors are caught as `ApiError`."""

    __slots__ = ("client",)

    def __init__(self, session: Session, name: str = "unified-checkout") -> None:
        super().__init__(session, name)
        self.client = FetchClient(session, name)

    def request(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Asked]:
        try:
            return (yield from self.client.call(operation, method, path, body, key, timeout_us)), None
        except ApiError as error:
            return None, error.reply

    def persist(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Asked]:
        # As in the base class, but one generator less deep: nearly every first try is answered.
        try:
            return (yield from self.client.call(operation, method, path, body, key, timeout_us)), None
        except ApiError as refused:
            error = refused.reply
        return (yield from self._press_again(error, operation, method, path, body, key))

    def query(self, operation: str, path: str) -> Program[Asked]:
        try:
            return (yield from self.client.query(operation, path)), None
        except ApiError as error:
            return None, error.reply


class ThunkFrontEnd(FrontEnd):
    """Multisku: outcomes are read from the store after a dispatch; nothing is repeated by itself."""

    __slots__ = ("client",)

    def __init__(self, session: Session, name: str = "multisku") -> None:
        super().__init__(session, name)
        self.client = ThunkClient(session, name)

    def request(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Asked]:
        yield from self.client.dispatch(operation, method, path, body, key, timeout_us)
        triple = self.client.state[operation]
        return triple.data, triple.error

    def query(self, operation: str, path: str) -> Program[Asked]:
        return (yield from self.request(operation, "GET", path))


class ServiceFrontEnd(FrontEnd):
    """A service has no front end, but it asks the same things: through its generated client, which repeats by itself.

    `needs_customer`: whether any answer said that a payment needs the customer (code 1211).
    """

    __slots__ = ("client", "needs_customer")

    def __init__(self, session: Session, name: str) -> None:
        super().__init__(session, name)
        self.client = ServiceClient(session, name)
        self.needs_customer = False

    def request(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Asked]:
        """Send a mutation; without its key, since generated clients send none."""
        reply = yield from self.client.call(operation, method, path, body)
        if 1211 in reply.messages:
            self.needs_customer = True
        return (reply.result, None) if reply.ok else (None, reply)

    def query(self, operation: str, path: str) -> Program[Asked]:
        return (yield from self.request(operation, "GET", path))

    def persist(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        key: str | None = None,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Asked]:
        """Nobody presses again: the client's own repeats are all there are."""
        return (yield from self.request(operation, method, path, body))
