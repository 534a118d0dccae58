"""What refused requests left behind: things that came into being although nothing may have changed.

Inside, it is whatever the services noted while such a request was the only one under way. From outside, it is what two
readings of the account have between them, where every request in between was refused, and Stripe's intents.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from conformance.history import History
from conformance.intent_timeline import LEDGER_SLACK_US
from conformance.subscription_timeline import member
from conformance.trial import Trial
from sim.facts import EXACT, LEDGER, Fact

_MADE: Final = ("subscription", "intent", "plan", "zone", "invoice", "charge", "account_payment_method")
_KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "list_subscriptions": ("id", "rate_plan", "frequency", "zone_id", "price", "state"),
    "entitlements": ("feature", "subscription_id", "zone_id", "status"),
    "payment_methods": ("id", "type", "is_default", "valid"),
    "profile_get": ("name", "email", "country", "address"),
    "billing_history": ("id", "number", "amount", "status"),
}
"""The members that the contract names: what else an answer holds may change at any time, and means nothing."""


class LeftBehind(NamedTuple):
    """Something that a refused request left. `what` says so in words, with the request; `facts` are the evidence."""

    time_us: int
    what: str
    facts: tuple[Fact, ...]


def left_behind(history: History, refused: Sequence[Trial]) -> Iterator[LeftBehind]:
    """What these requests left behind, none of which may change anything. Accepted ones among them are passed over."""
    harmless = [trial for trial in refused if not trial.accepted]
    if not harmless:
        return
    seen: set[str] = set()
    for left in (*_noted(history, harmless), *_in_ledger(history, harmless)):
        if left.facts[-1].subject not in seen:
            seen.add(left.facts[-1].subject)
            yield left
    if not seen:
        yield from _between_readings(history, frozenset(trial.request.subject for trial in harmless))


def _noted(history: History, refused: Iterable[Trial]) -> Iterator[LeftBehind]:
    """What a service noted for the first time between a request and its answer. Events have their own time."""
    new = _first_exact(history)
    if not new:
        return
    for trial in refused:
        if trial.answer is None or trial.status is None:
            continue
        for fact in new:
            if trial.request.time_us < fact.time_us < trial.answer.time_us:
                refused_with = f"{trial.request.operation} was refused ({trial.status})"
                what = f"{refused_with}, but {fact.kind} {fact.subject} had been made"
                yield LeftBehind(fact.time_us, what, (*trial.facts, fact))


def _first_exact(history: History) -> list[Fact]:
    """The first fact of everything that can be made, as the services have it."""
    first: dict[tuple[str, str], Fact] = {}
    for kind in _MADE:
        for fact in history.of(kind):
            first.setdefault((kind, fact.subject), fact)
    return [
        fact
        for fact in first.values()
        if fact.source == EXACT and fact.actor != "billing-webhooks" and not member(fact, "at_start")
    ]


def _in_ledger(history: History, refused: Iterable[Trial]) -> Iterator[LeftBehind]:
    """Intents at Stripe that were made about when a request was refused, and when no other was under way."""
    if not history.outside:
        return
    first: dict[str, Fact] = {}
    for fact in history.of("intent"):
        first.setdefault(fact.subject, fact)
    made = [fact for fact in first.values() if fact.source == LEDGER]
    if not made:
        return
    asked = list(refused)
    others = _others(history, {trial.request.subject for trial in asked})
    for fact in made:
        time_us = fact.time_us
        if any(
            start_us - 2 * LEDGER_SLACK_US <= time_us <= end_us + 2 * LEDGER_SLACK_US for start_us, end_us in others
        ):
            continue
        for trial in asked:
            end_us = trial.answer.time_us if trial.answer is not None else trial.request.time_us
            if trial.request.time_us - LEDGER_SLACK_US <= time_us <= end_us + LEDGER_SLACK_US:
                what = (
                    f"{trial.request.operation} was refused ({trial.status}), but about then Stripe was asked for "
                    f"{fact.subject}"
                )
                yield LeftBehind(time_us, what, (*trial.facts, fact))
                break


def _others(history: History, besides: Collection[str]) -> list[tuple[int, int]]:
    """When other requests were under way that may have made something, and when something was confirmed."""
    answers = {fact.subject: fact for fact in history.of("answer")}
    spans = [(fact.time_us, fact.time_us) for fact in history.of("confirm")]
    for fact in history.of("request"):
        if fact.subject in besides or member(fact, "method") == "GET":
            continue
        answer = answers.get(fact.subject)
        known = answer is not None and answer.status is not None
        spans.append((fact.time_us, answer.time_us if known and answer is not None else history.ended_us))
    return spans


def _between_readings(history: History, refused: Collection[str]) -> Iterator[LeftBehind]:
    """Two readings of the same that differ, with nothing between them but requests that were refused."""
    before: dict[str, Fact] = {}
    for fact in history.of("snapshot"):
        operation = fact.operation or ""
        if fact.status != 200 or operation not in _KNOWN or member(fact, "owner") != "self" or fact.state == "page":
            continue
        earlier = before.get(operation)
        before[operation] = fact
        if earlier is None:
            continue
        between = _asked_between(history, earlier.time_us, fact.time_us)
        if not between or any(request.subject not in refused for request in between):
            continue
        gone, come = _difference(operation, earlier, fact)
        if gone or come:
            names = sorted({str(request.operation) for request in between})
            what = (
                f'between the readings of {operation} "{earlier.state}" and "{fact.state}" every request was refused '
                f"({', '.join(names)}), but {_said(gone, come)}"
            )
            yield LeftBehind(fact.time_us, what, (earlier, *between[:5], fact))


def _asked_between(history: History, start_us: int, end_us: int) -> list[Fact]:
    """The requests to change something that were sent between two moments."""
    return [
        fact for fact in history.of("request") if start_us <= fact.time_us <= end_us and member(fact, "method") != "GET"
    ]


def _difference(operation: str, earlier: Fact, later: Fact) -> tuple[list[str], list[str]]:
    """What was there before and is not any more, and the other way round."""
    old, new = _rows(operation, earlier), _rows(operation, later)
    return [row for row in old if row not in new], [row for row in new if row not in old]


def _rows(operation: str, snapshot: Fact) -> list[str]:
    read: Any = member(snapshot, "read")
    rows = read if isinstance(read, list | tuple) else [read]
    return [_row(row, _KNOWN[operation]) for row in rows if isinstance(row, Mapping)]


def _row(row: Mapping[str, Any], known: Iterable[str]) -> str:
    return ", ".join(f"{name} {row[name]!r}" for name in known if row.get(name) is not None)


def _said(gone: Sequence[str], come: Sequence[str]) -> str:
    parts = [f"there was {row} before" for row in gone[:2]] + [f"there is {row} now" for row in come[:2]]
    return "; ".join(part if len(part) <= 200 else part[:197] + "..." for part in parts)
