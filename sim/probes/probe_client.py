"""The client of a probe: sends whatever it is told, and says in the facts what it tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.clients.gateway_client import GatewayClient
from sim.clients.reply import Reply
from sim.customers.session import Session
from sim.effects import DEFAULT_TIMEOUT_US, Call, Program
from sim.messages import NO_HEADERS, Answer, Request

Headers = Mapping[str, str | None]
"""Headers in place of the usual ones, by lower-case name; None leaves one out."""


class ProbeClient(GatewayClient):
    """A gateway client whose every request notes in `detail.probe` what is tried with it.

    Of an answer that refuses, the errors' messages are kept too (`detail.errors`).
    """

    __slots__ = ()

    def __init__(self, session: Session, name: str = "unified-checkout") -> None:
        super().__init__(session, name)

    def ask(
        self,
        operation: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        tries: str,
        about: Mapping[str, Any] | None = None,
        key: str | None = None,
        headers: Headers | None = None,
        query: Mapping[str, str] = NO_HEADERS,
        timeout_us: int = DEFAULT_TIMEOUT_US,
    ) -> Program[Reply]:
        """Send one request. `tries` names what is tried, for properties to look for; `about` is what they need to know.

        A `body` of bytes goes out as it is, well formed or not. Raises nothing, whatever comes back.
        """
        session = self.session
        request_id = session.next_request_id()
        detail: dict[str, Any] = {"method": method, "path": path, "probe": {"tries": tries, **(about or {})}}
        if body is not None:
            detail["body"] = body.decode("utf-8", "backslashreplace") if isinstance(body, bytes) else body
        if query:
            detail["query"] = dict(query)
        if key is not None:
            detail["idempotency_key"] = key
        session.note("request", request_id, session.attempt_id, operation, None, None, None, None, detail, self.name)
        sent = Request(method, path, body, self._headers_with(key, headers), query, operation=operation)
        answer: Answer = yield Call("gateway", sent, timeout_us)
        reply = Reply(answer, request_id)
        self._take_in(sent, answer, reply, session.attempt_id, operation)
        return reply

    def _headers_with(self, key: str | None, replaced: Headers | None) -> dict[str, str]:
        headers: dict[str, str | None] = {**self._headers}
        if key is not None:
            headers["idempotency-key"] = key
        headers.update(replaced or {})
        return {name: value for name, value in headers.items() if value is not None}

    def _detail_of_refusal(self, reply: Reply) -> dict[str, Any] | None:
        detail = super()._detail_of_refusal(reply) or {}
        if reply.errors:
            detail["errors"] = [message for _, message in reply.errors]
        return detail or None
