"""What a run exercised, of what the contract declares: operations by answer, states, customers. A fold over histories.

A property that holds says something about what was seen. Coverage says what was never seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, get_args

from conformance.history import History
from conformance.servers.openapi import contract
from scenarios.phase import COMMITMENT_PHASE
from scenarios.scenario import Client, PaymentMethodState, Variant

_NOT_COUNTED: Final = frozenset((408, 413, 415, 504))
"""What servers say of HTTP itself and of others' silence: a conforming deployment may leave them to whatever stands
before it. Assumption."""

_ACCOUNT_NAMED: Final = "_of_account"
"""The end of the names of operations whose path names the account: the same operations, by another address."""

_TEST_SUPPORT: Final = "test_"

TRANSITIONS: Final = (
    ("", "AwaitingPayment"),
    ("AwaitingPayment", "Paid"),
    ("AwaitingPayment", "Provisioned"),
    ("Paid", "Provisioned"),
    ("AwaitingPayment", "Expired"),
    ("AwaitingPayment", "Cancelled"),
    ("Provisioned", "Cancelled"),
)
"""How a subscription goes from state to state; "": it begins. Source: CONTRACT, Purchases. `Paid` may be passed over
unseen, so that the way round it counts for it and the other way about (`_SAME`)."""

_SAME: Final = frozenset((("AwaitingPayment", "Paid"), ("Paid", "Provisioned"), ("AwaitingPayment", "Provisioned")))

FREQUENCIES: Final = ("monthly", "yearly")

Answered = tuple[str, int, int | None]
"""An operation, the HTTP status of its answer, and the code of its first error."""


@cache
def declared_answers() -> Mapping[str, tuple[int, ...]]:
    """The statuses that the contract declares for each operation, those apart that are not counted."""
    found: dict[str, tuple[int, ...]] = {}
    for methods in contract()["paths"].values():
        for described in methods.values():
            name = described.get("operationId") if isinstance(described, dict) else None
            if name is None or name.endswith(_ACCOUNT_NAMED) or name.startswith(_TEST_SUPPORT):
                continue
            statuses = sorted({int(status) for status in described["responses"]} - _NOT_COUNTED)
            found[name] = tuple(statuses)
    return found


@dataclass(frozen=True, slots=True)
class Gap:
    """Something of one kind that was never exercised."""

    kind: str
    what: str


class Coverage:
    """The fold. Picklable; shards merge in any cut."""

    __slots__ = ("answers", "clients", "frequencies", "histories", "payment_methods", "transitions")

    def __init__(self) -> None:
        self.histories = 0
        self.answers: Counter[tuple[int, Answered]] = Counter()
        """How often each answer came, by phase."""
        self.transitions: Counter[tuple[str, str]] = Counter()
        self.payment_methods: Counter[str] = Counter()
        self.frequencies: Counter[str] = Counter()
        self.clients: Counter[str] = Counter()

    @classmethod
    def of(cls, _variant: Variant) -> Coverage:
        """An empty one, as a fold's factory."""
        return cls()

    def add(self, history: History) -> None:
        """Count what one customer met."""
        self.histories += 1
        phase = history.circumstances.phase
        for fact in history.of("answer"):
            if fact.status is not None:
                self.answers[phase, (fact.operation or "", fact.status, _code(fact.code))] += 1
        for fact in history.of("webhook"):
            if fact.status is not None:
                self.answers[phase, ("stripe_event", fact.status, None)] += 1
        for fact in history.of("attempt"):
            detail = fact.detail or {}
            self.payment_methods[str(detail.get("pm_on_file"))] += 1
            self.clients[str(detail.get("client", "")).partition("/")[0]] += 1
        self._add_subscriptions(history)

    def merge(self, other: Coverage) -> None:
        """Add what another shard counted."""
        self.histories += other.histories
        for name in ("answers", "transitions", "payment_methods", "frequencies", "clients"):
            getattr(self, name).update(getattr(other, name))

    def _add_subscriptions(self, history: History) -> None:
        """From state to state, as it was exactly where that is known, else as it was seen."""
        exact = any(fact.source == "exact" for fact in history.of("subscription"))
        last: dict[str, str] = {}
        for fact in (*history.of("subscription"), *history.of("final_subscription")):
            if fact.detail is not None and fact.detail.get("frequency"):
                self.frequencies[str(fact.detail["frequency"])] += 1
            if fact.state is None or (exact and fact.source != "exact"):
                continue
            before = last.get(fact.subject, "")
            given = not before and fact.detail is not None and fact.detail.get("at_start")
            if before != fact.state and not given:
                self.transitions[before, fact.state] += 1
            last[fact.subject] = fact.state

    def statuses(self, operation: str) -> Mapping[int, int]:
        """How often each status was an operation's answer."""
        found: Counter[int] = Counter()
        for (_, (name, status, _)), count in self.answers.items():
            if name == operation:
                found[status] += count
        return dict(sorted(found.items()))

    def gaps(self, phase: int) -> list[Gap]:
        """What could have been exercised in that phase and never was."""
        return [*self._answer_gaps(phase), *self._transition_gaps(), *self._customer_gaps()]

    def _answer_gaps(self, phase: int) -> Iterator[Gap]:
        for operation, statuses in declared_answers().items():
            seen = self.statuses(operation)
            for status in statuses:
                if status not in seen and not _impossible(operation, status, phase):
                    yield Gap("answers", f"{operation} {status}")

    def _transition_gaps(self) -> Iterator[Gap]:
        seen = set(self.transitions)
        if ("AwaitingPayment", "Provisioned") in seen or {("AwaitingPayment", "Paid"), ("Paid", "Provisioned")} <= seen:
            seen |= _SAME
        for before, after in TRANSITIONS:
            if (before, after) not in seen:
                yield Gap("transitions", f"{before or 'nothing'} to {after}")

    def _customer_gaps(self) -> Iterator[Gap]:
        for kind, names, seen in (
            ("payment methods on file", get_args(PaymentMethodState), self.payment_methods),
            ("frequencies", FREQUENCIES, self.frequencies),
            ("clients", get_args(Client), self.clients),
        ):
            for name in names:
                if not seen[name]:
                    yield Gap(kind, name)


def _code(code: object) -> int | None:
    return code if isinstance(code, int) else None


def _impossible(operation: str, status: int, phase: int) -> bool:
    """Whether a declared answer belongs to the gate alone, which is gone."""
    return operation == "profile_update" and status == 402 and phase >= COMMITMENT_PHASE
