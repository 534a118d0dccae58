"""One request and its answer, as the client that sent it saw them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.facts import Fact


class Exchange:
    """A request with its answer and what the answer showed. Either may be missing."""

    __slots__ = ("id", "operation", "attempt", "caller", "request", "answer", "subscriptions", "secrets")

    def __init__(self, first: Fact) -> None:
        """Begin with the request, or with the answer if the request is not known."""
        self.id = first.subject
        self.operation = first.operation
        self.attempt = first.related
        """The attempt that it belongs to."""
        self.caller = first.actor
        """The client that sent it."""
        self.request: Fact | None = None
        self.answer: Fact | None = None
        self.subscriptions: list[Fact] = []
        self.secrets: list[Fact] = []

    @property
    def asked_us(self) -> int | None:
        """When it was sent."""
        return self.request.time_us if self.request is not None else None

    @property
    def accepted(self) -> bool:
        """Whether it was answered, and not refused."""
        answer = self.answer
        return answer is not None and (
            answer.state == "ok" or (answer.state is None and (answer.status or 0) // 100 == 2)
        )

    @property
    def refused(self) -> bool:
        """Whether it was answered with a refusal."""
        return self.answer is not None and self.answer.state == "refused"

    @property
    def refused_by_gate(self) -> bool:
        """Whether the PM gate refused it."""
        return self.answer is not None and self.answer.status == 402 and self.answer.code == 1210

    @property
    def body(self) -> Any:
        """What was sent, or None where it was not kept."""
        if self.request is None or self.request.detail is None:
            return None
        return self.request.detail.get("body")

    @property
    def idempotency_key(self) -> str | None:
        """The key that it was sent with."""
        if self.request is None or self.request.detail is None:
            return None
        return self.request.detail.get("idempotency_key")

    @property
    def brings_payment_method(self) -> bool | None:
        """Whether its body names a payment method; None where the body is not known."""
        body = self.body
        return bool(body.get("payment_method_id")) if hasattr(body, "get") else None

    @property
    def coming_plan(self) -> str | None:
        """The rate plan that an update asks for."""
        body = self.body
        plan: Any = body.get("rate_plan") if hasattr(body, "get") else None
        return plan.get("id") if hasattr(plan, "get") else None

    def changes(self, subscription_id: str) -> bool:
        """Whether it asked for a change of that subscription."""
        if self.operation not in ("update", "append"):
            return False
        if any(fact.subject == subscription_id for fact in self.subscriptions):
            return True
        path = self.request.detail.get("path") if self.request is not None and self.request.detail is not None else None
        return type(path) is str and subscription_id in path.split("/")

    @property
    def does_not_fit(self) -> bool:
        """Whether a probe sent it to be refused for its body: what comes of it is no word on anything else."""
        probe: Any = (self.request.detail or {}).get("probe") if self.request is not None else None
        return isinstance(probe, Mapping) and probe.get("tries") in ("malformed", "batch")

    @property
    def off_session(self) -> bool:
        """Whether it said that no customer is there to confirm a payment."""
        body = self.body
        if hasattr(body, "get"):
            return body.get("user_is_on_session") is False
        return self.caller.startswith("iapi/")

    @property
    def messages(self) -> tuple[int, ...]:
        """The codes of the answer's messages."""
        if self.answer is None or self.answer.detail is None:
            return ()
        return tuple(self.answer.detail.get("messages") or ())

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Its request and answer, as evidence."""
        return tuple(fact for fact in (self.request, self.answer) if fact is not None)
