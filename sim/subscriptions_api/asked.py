"""One request as the operations see it."""

from __future__ import annotations

from typing import Any

from sim.messages import NO_HEADERS, Request


class Asked(Request):
    """What the gateway let pass: the operation, the id in the path ("" for none), whose account it is, and who asks.

    A class of its own, so that no request from outside can ever pass for one whose credential was checked.
    """

    __slots__ = ("account_id", "client", "identifier", "key")

    def __init__(
        self,
        request: Request,
        operation: str,
        identifier: str,
        account_id: str,
        body: Any = None,
        key: str | None = None,
    ) -> None:
        self.method = request.method
        self.path = request.path
        self.body = body
        self.headers = NO_HEADERS
        self.query = request.query
        self.operation = operation
        self.identifier = identifier
        self.account_id = account_id
        self.client = request.headers.get("x-client", "")
        self.key = key
        """The caller's idempotency key."""
