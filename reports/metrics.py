"""The figures of a run, folded account by account and merged shard by shard: nothing here grows with the facts.

Every count lives in a dict from what is counted to how often; `merge` adds them up, so the order of customers and
their split over workers never changes a figure. Only the times to payment are kept one by one (8 bytes each), for
exact percentiles.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from conformance.evidence import LEDGER_EVENTS, LEDGER_OBJECTS
from reports.drift import Drift, read_drift
from reports.endings import Ending, read_endings
from reports.statistics import Proportion, percentile, proportion
from scenarios.metrics import FUNNEL_STEPS
from scenarios.phase import GATED_OPERATIONS
from sim.facts import Fact
from sim.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US

if TYPE_CHECKING:
    from conformance.history import History
    from scenarios.scenario import Variant

GATE_STATUS: Final = 402
GATE_CODE: Final = 1210

MAX_BINS: Final = 100
"""How many stretches of time are told apart at most; the last one takes whatever comes later."""

_BIN_WIDTHS_US: Final = (
    SECOND_US,
    10 * SECOND_US,
    MINUTE_US,
    5 * MINUTE_US,
    15 * MINUTE_US,
    HOUR_US,
    2 * HOUR_US,
    6 * HOUR_US,
    DAY_US,
)

_GATED: Final = frozenset(GATED_OPERATIONS)
_STEP_BITS: Final = {step: 1 << position for position, step in enumerate(FUNNEL_STEPS)}
_NOTHING: Final[tuple[Fact, ...]] = ()
_NO_DETAIL: Final[Mapping[str, Any]] = {}


class AttemptKind(NamedTuple):
    """What attempts are told apart by."""

    client: str
    front_end: str
    products: tuple[str, ...]
    pm_on_file: str
    pays_with: str
    region: str


class AnswerKind(NamedTuple):
    """What answers are told apart by. `actor` is the client that got it, such as `iapi/provisioner`."""

    actor: str
    operation: str
    state: str
    status: int | None
    code: int | None

    @property
    def is_rejection(self) -> bool:
        """Whether it is the gate's refusal, whatever operation it answers."""
        return self.status == GATE_STATUS and self.code == GATE_CODE

    @property
    def is_gated(self) -> bool:
        """Whether it answers one of the six operations that had the gate, and arrived."""
        return self.operation in _GATED and self.state != "unknown"

    @property
    def key(self) -> tuple[str, ...]:
        """For an order that never depends on what came first."""
        return (self.actor, self.operation, self.state, str(self.status), str(self.code))


class StepFlow(NamedTuple):
    """One step of the funnel: attempts that entered it, and those that went no further."""

    step: str
    entered: int
    left: int


def bin_width_us(variant: Variant) -> int:
    """How wide the stretches of time are in which a variant's rejections are counted, so that there are at most 100."""
    customers = variant.scenario.customers
    arrivals = customers.arrivals
    span_us = arrivals.over
    if arrivals.process == "every" and arrivals.every is not None:
        span_us = arrivals.every * customers.count
    for width_us in _BIN_WIDTHS_US:
        if span_us <= width_us * (MAX_BINS - 1):
            return width_us
    return -(-span_us // (MAX_BINS - 1))


_TALLIES: Final = (
    "attempts",
    "converted",
    "tickets",
    "ticket_reasons",
    "funnel",
    "outcomes",
    "answers",
    "warnings",
    "gated_by_bin",
    "rejected_by_bin",
    "failures",
    "challenges",
    "redirects",
    "detours",
    "webhooks",
    "events",
    "faults",
    "rollbacks",
    "charges",
    "settled",
)
"""What is counted under keys: merging adds key by key."""

_TOTALS: Final = (
    "customers",
    "confirmations",
    "failed_confirmations",
    "captured_minor",
    "refunds",
    "refunded_minor",
    "drift",
    "unpaid_entitlements",
    "expired_subscriptions",
    "unread_ledgers",
)
"""What is one number: merging adds."""


class Metrics:
    """The figures of some customers of one variant. Picklable; `merge` joins those of two shards.

    `bin_us` is the width of the stretches of time in which rejections are counted; only metrics of the same width can
    be merged.
    """

    __slots__ = ("bin_us", *_TALLIES, *_TOTALS, "payment_times_us", "entitlement_times_us")

    def __init__(self, bin_us: int = HOUR_US) -> None:
        self.bin_us = bin_us
        self.customers = 0
        self.attempts: dict[AttemptKind, int] = {}
        self.converted: dict[AttemptKind, int] = {}
        self.tickets: dict[AttemptKind, int] = {}
        self.ticket_reasons: dict[str, int] = {}
        self.funnel: dict[int, int] = {}
        self.outcomes: dict[str, int] = {}
        self.answers: dict[AnswerKind, int] = {}
        self.warnings: dict[tuple[str, str], int] = {}
        self.gated_by_bin: dict[int, int] = {}
        self.rejected_by_bin: dict[int, int] = {}
        self.failures: dict[str, int] = {}
        self.challenges: dict[str, int] = {}
        self.redirects: dict[str, int] = {}
        self.detours: dict[str, int] = {}
        self.confirmations = 0
        self.failed_confirmations = 0
        self.webhooks: dict[tuple[str, bool], int] = {}
        self.events: dict[str, int] = {}
        self.faults: dict[str, int] = {}
        self.rollbacks: dict[str, int] = {}
        self.charges: dict[str, int] = {}
        self.settled: dict[str, int] = {}
        self.captured_minor = 0
        self.refunds = 0
        self.refunded_minor = 0
        self.drift = 0
        self.unpaid_entitlements = 0
        self.expired_subscriptions = 0
        self.unread_ledgers = 0
        self.payment_times_us: dict[str, array[int]] = {}
        self.entitlement_times_us: array[int] = array("q")

    @classmethod
    def of(cls, variant: Variant) -> Metrics:
        """Empty metrics for a variant, with stretches of time that suit how long its customers keep coming."""
        return cls(bin_width_us(variant))

    def add(self, history: History) -> None:
        """Count one account's history."""
        by_kind = history.by_kind
        self.customers += 1
        if history.outside and not (history.read(LEDGER_OBJECTS) and history.read(LEDGER_EVENTS)):
            self.unread_ledgers += 1
        endings = read_endings(history)
        for ending in endings:
            self._add_ending(ending, by_kind)
        for name, count in _COUNTED:
            facts = by_kind.get(name)
            if facts:
                count(self, facts)
        self._add_failures(by_kind)
        # An orderly purchase cannot drift: nearly every customer is spared the look.
        if history.orderly is None:
            self._add_drift(read_drift(history))

    def merge(self, other: Metrics) -> None:
        """Add the figures of other customers of the same variant.

        Raises ValueError if the two count rejections in stretches of different width.
        """
        if other.bin_us != self.bin_us:
            raise ValueError(
                f"metrics with stretches of {self.bin_us} and of {other.bin_us} microseconds cannot be merged: "
                "make both with Metrics.of(variant) of the same variant"
            )
        for name in _TALLIES:
            mine, theirs = getattr(self, name), getattr(other, name)
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count
        for name in _TOTALS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for client, times in other.payment_times_us.items():
            self.payment_times_us.setdefault(client, array("q")).extend(times)
        self.entitlement_times_us.extend(other.entitlement_times_us)

    @property
    def attempt_count(self) -> int:
        """All attempts to buy: the denominator of conversion."""
        return sum(self.attempts.values())

    def conversion(self, matches: Callable[[AttemptKind], bool] | None = None) -> Proportion | None:
        """The share of attempts (those that match, if asked) that ended paid for and entitled."""
        n = sum(count for kind, count in self.attempts.items() if matches is None or matches(kind))
        count = sum(count for kind, count in self.converted.items() if matches is None or matches(kind))
        return proportion(count, n)

    def conversion_by(self, dimension: str) -> dict[str, Proportion]:
        """Conversion for each value of "client", "front_end", "product", "pm_on_file", "pays_with" or "region".

        An attempt with several products counts once for each of them.
        """
        attempts, converted = _marginal(self.attempts, dimension), _marginal(self.converted, dimension)
        shares = {value: proportion(converted.get(value, 0), n) for value, n in sorted(attempts.items())}
        return {value: share for value, share in shares.items() if share is not None}

    def steps(self) -> list[StepFlow]:
        """The funnel. Attempts left at the step beyond which they did not go; for "done", those that finished."""
        flows = []
        for step, bit in _STEP_BITS.items():
            entered = sum(count for mask, count in self.funnel.items() if mask & bit)
            left = sum(count for mask, count in self.funnel.items() if bit <= mask < 2 * bit)
            flows.append(StepFlow(step, entered, left))
        return flows

    def answer_count(self, matches: Callable[[AnswerKind], bool]) -> int:
        """How many answers match."""
        return sum(count for kind, count in self.answers.items() if matches(kind))

    def rejections(self) -> dict[AnswerKind, int]:
        """The answers that were the gate's: 402 with code 1210."""
        rejected = ((kind, count) for kind, count in self.answers.items() if kind.is_rejection)
        return dict(sorted(rejected, key=lambda item: item[0].key))

    @property
    def rejection_count(self) -> int:
        """How many answers were 402/1210."""
        return self.answer_count(lambda kind: kind.is_rejection)

    def rejection_rate(self) -> Proportion | None:
        """402/1210 answers of the six operations that had the gate, as a share of all their answers."""
        return proportion(
            self.answer_count(lambda kind: kind.is_rejection and kind.is_gated),
            self.answer_count(lambda kind: kind.is_gated),
        )

    def time_to_payment_s(self, share: float, client: str | None = None) -> float | None:
        """The `share` quantile (0 to 1) of the time from an attempt's start to its payment, in seconds."""
        times = array("q")
        for name, values in self.payment_times_us.items():
            if client is None or is_client(name, client):
                times.extend(values)
        return _seconds(percentile(times, share))

    def time_to_entitlement_s(self, share: float) -> float | None:
        """The same for the time from payment to entitlement; granted before it was paid for counts as 0."""
        return _seconds(percentile(self.entitlement_times_us, share))

    def figure(self, key: str) -> float | None:
        """The figure that a threshold names, such as "outcome[declined]"; None where there is nothing to measure.

        Raises KeyError for a key that scenarios cannot name.
        """
        from reports.figures import figure

        return figure(self, key)

    def values(self) -> dict[str, float | None]:
        """Every figure under the key that thresholds use, for each name and each selection that occurred."""
        from reports.figures import keys

        return {key: self.figure(key) for key in keys(self)}

    def _add_ending(self, ending: Ending, by_kind: Mapping[str, Sequence[Fact]]) -> None:
        kind = _attempt_kind(ending.attempt)
        self.attempts[kind] = self.attempts.get(kind, 0) + 1
        if ending.converted:
            self.converted[kind] = self.converted.get(kind, 0) + 1
        if ending.payment_us is not None:
            times = self.payment_times_us.get(kind.client)
            if times is None:
                times = self.payment_times_us[kind.client] = array("q")
            times.append(ending.payment_us)
        if ending.entitlement_us is not None:
            self.entitlement_times_us.append(ending.entitlement_us)
        for fact in by_kind.get("ticket", _NOTHING):
            if fact.subject == ending.attempt.subject:
                self.tickets[kind] = self.tickets.get(kind, 0) + 1

    def _add_drift(self, drift: Drift) -> None:
        self.drift += drift.subscriptions
        self.unpaid_entitlements += drift.unpaid_entitlements
        self.expired_subscriptions += drift.expired

    def _add_steps(self, steps: Sequence[Fact]) -> None:
        reached: dict[str, int] = {}
        bits = _STEP_BITS
        for fact in steps:
            attempt = fact.subject
            reached[attempt] = reached.get(attempt, 0) | bits.get(fact.state or "", 0)
        for mask in reached.values():
            self.funnel[mask] = self.funnel.get(mask, 0) + 1

    def _add_answers(self, facts: Sequence[Fact]) -> None:
        answers = self.answers
        for fact in facts:
            # A plain tuple finds the same entry as the named one, and costs a third to build.
            key: Any = (fact.actor, fact.operation, fact.state, fact.status, fact.code)
            if key in answers:
                answers[key] += 1
            else:
                answers[AnswerKind(*key)] = 1
            if fact.operation in _GATED and fact.state != "unknown":
                self._add_gated(fact)

    def _add_gated(self, fact: Fact) -> None:
        detail = fact.detail
        if detail is not None and GATE_CODE in (detail.get("messages") or ()):
            warning = (fact.actor, fact.operation or "")
            self.warnings[warning] = self.warnings.get(warning, 0) + 1
        position = min(fact.time_us // self.bin_us, MAX_BINS - 1)
        self.gated_by_bin[position] = self.gated_by_bin.get(position, 0) + 1
        if fact.status == GATE_STATUS and fact.code == GATE_CODE:
            self.rejected_by_bin[position] = self.rejected_by_bin.get(position, 0) + 1

    def _add_failures(self, by_kind: Mapping[str, Sequence[Fact]]) -> None:
        """Payments that failed, by code: by Stripe's own account, else as the customer's side saw them."""
        for fact in by_kind.get("intent") or by_kind.get("confirm") or _NOTHING:
            detail = fact.detail
            if detail is None:
                continue
            code = detail.get("decline_code") or detail.get("code")
            if code:
                self.failures[code] = self.failures.get(code, 0) + 1

    def _add_webhooks(self, facts: Sequence[Fact]) -> None:
        webhooks = self.webhooks
        for fact in facts:
            detail = fact.detail
            key = (fact.state or "", detail is not None and bool(detail.get("duplicate")))
            webhooks[key] = webhooks.get(key, 0) + 1

    def _add_confirmations(self, facts: Sequence[Fact]) -> None:
        """Confirmations that the customer's side saw end; one that fails puts the intent back to its start."""
        for fact in facts:
            if fact.state != "unknown":
                self.confirmations += 1
                if fact.state == "requires_payment_method" or (fact.status or 0) >= 400:
                    self.failed_confirmations += 1

    def _add_charges(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            state = fact.state or ""
            self.charges[state] = self.charges.get(state, 0) + 1
            if state == "succeeded":
                self.captured_minor += fact.amount_minor or 0

    def _add_refunds(self, facts: Sequence[Fact]) -> None:
        self.refunds += len(facts)
        self.refunded_minor += sum(fact.amount_minor or 0 for fact in facts)


def _tally_of(name: str) -> Callable[[Metrics, Sequence[Fact]], None]:
    """Count facts by their state."""

    def count(metrics: Metrics, facts: Sequence[Fact]) -> None:
        tally: dict[str, int] = getattr(metrics, name)
        for fact in facts:
            state = fact.state or ""
            tally[state] = tally.get(state, 0) + 1

    return count


def _count_tickets(metrics: Metrics, facts: Sequence[Fact]) -> None:
    for fact in facts:
        reason = str((fact.detail or {}).get("reason", "not told"))
        metrics.ticket_reasons[reason] = metrics.ticket_reasons.get(reason, 0) + 1


_COUNTED: Final = (
    ("step", Metrics._add_steps),
    ("answer", Metrics._add_answers),
    ("confirm", Metrics._add_confirmations),
    ("charge", Metrics._add_charges),
    ("settled", _tally_of("settled")),
    ("outcome", _tally_of("outcomes")),
    ("webhook", Metrics._add_webhooks),
    ("event", _tally_of("events")),
    ("challenge", _tally_of("challenges")),
    ("redirect", _tally_of("redirects")),
    ("detour", _tally_of("detours")),
    ("ticket", _count_tickets),
    ("fault", _tally_of("faults")),
    ("rollback", _tally_of("rollbacks")),
    ("refund", Metrics._add_refunds),
)


def is_client(name: str, asked: str) -> bool:
    """Whether a client is the one that is asked for; "iapi" stands for every service, such as "iapi/provisioner"."""
    return name == asked or (asked == "iapi" and name.startswith("iapi/"))


def _seconds(value_us: float | None) -> float | None:
    return None if value_us is None else value_us / SECOND_US


def _attempt_kind(attempt: Fact) -> AttemptKind:
    detail = attempt.detail or _NO_DETAIL
    return AttemptKind(
        detail.get("client") or attempt.actor,
        detail.get("front_end") or "",
        tuple(detail.get("products") or ()),
        detail.get("pm_on_file") or "",
        detail.get("pays_with") or "",
        detail.get("region") or "",
    )


def _marginal(counts: Mapping[AttemptKind, int], dimension: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for kind, count in counts.items():
        values = dict.fromkeys(kind.products) if dimension == "product" else (getattr(kind, dimension),)
        for value in values:
            totals[value] = totals.get(value, 0) + count
    return totals
