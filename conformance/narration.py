"""A history told fact by fact, in sentences that can be read without knowing the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from conformance.prose import clock, money, span
from sim.facts import Fact

_WIDEST_DETAIL: Final = 160


def timeline(facts: Iterable[Fact]) -> Iterator[str]:
    """One line for each fact: when, how long after the first, who, and what happened."""
    start_us: int | None = None
    for fact in facts:
        if start_us is None:
            start_us = fact.time_us
        later = f"+{span(fact.time_us - start_us)}"
        yield f"{clock(fact.time_us)}  {later:>10}  {fact.actor:<18}  {sentence(fact)}"


def sentence(fact: Fact) -> str:
    """What one fact says. A kind that has no sentence of its own is told column by column."""
    tell = _SENTENCES.get(fact.kind, _plainly)
    return f"{tell(fact)}{_details(fact)}"


def _plainly(fact: Fact) -> str:
    words = [fact.kind.replace("_", " "), fact.subject, fact.state]
    if fact.operation:
        words.append(f"by {fact.operation}")
    if fact.related:
        words.append(f"for {fact.related}")
    if fact.amount_minor is not None:
        words.append(money(fact.amount_minor))
    return " ".join(word for word in words if word) + _status(fact)


def _status(fact: Fact) -> str:
    if fact.status is None and fact.code is None:
        return ""
    parts = [f"HTTP {fact.status}"] if fact.status is not None else []
    if fact.code is not None:
        parts.append(f"code {fact.code}")
    return f" ({', '.join(parts)})"


def _details(fact: Fact) -> str:
    detail = {name: value for name, value in (fact.detail or {}).items() if name not in _TOLD.get(fact.kind, ())}
    if not detail:
        return ""
    told = ", ".join(f"{name}={_value(value)}" for name, value in sorted(detail.items()) if value is not None)
    if len(told) > _WIDEST_DETAIL:
        told = told[: _WIDEST_DETAIL - 1] + "…"
    return f"  [{told}]" if told else ""


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_value(inner)}" for name, inner in sorted(value.items())) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return str(value)


def _attempt(fact: Fact) -> str:
    return f"comes to buy ({fact.subject})"


def _request(fact: Fact) -> str:
    detail = fact.detail or {}
    return f"asks {detail.get('method', '')} {detail.get('path', '')} ({fact.operation}, {fact.subject})"


def _answer(fact: Fact) -> str:
    if fact.state == "unknown":
        return f"gets no answer to {fact.subject} ({fact.operation}) in time: done or not, nobody knows"
    verb = "is refused" if fact.state == "refused" else "is answered"
    return f"{verb} {fact.subject} ({fact.operation}){_status(fact)}"


def _subscription(fact: Fact) -> str:
    verb = "is" if fact.source == "exact" else "is shown as"
    price = "" if fact.amount_minor is None else f", {money(fact.amount_minor)}"
    return f"subscription {fact.subject} {verb} {fact.state}{price}"


def _entitlement(fact: Fact) -> str:
    detail = fact.detail or {}
    verb = "is" if fact.source == "exact" else "is shown as"
    because = f", because of {str(detail['because']).replace('_', ' ')}" if detail.get("because") else ""
    return f"entitlement {detail.get('feature', '')} of {fact.subject} {verb} {fact.state}{because}"


def _intent(fact: Fact) -> str:
    return f"intent {fact.subject} is {fact.state}, {money(fact.amount_minor)}"


def _charge(fact: Fact) -> str:
    return f"charge {fact.subject} of {money(fact.amount_minor)} on {fact.related} {fact.state}"


def _confirm(fact: Fact) -> str:
    return f"confirms {fact.subject}: {fact.state}{_status(fact)}"


def _secret(fact: Fact) -> str:
    return f"receives a client secret for {fact.subject}"


def _shown(fact: Fact) -> str:
    return f"the customer is shown: {str(fact.state).replace('_', ' ')}{_status(fact)}"


def _step(fact: Fact) -> str:
    return f"step: {fact.state}"


def _gate(fact: Fact) -> str:
    done = "refuses" if fact.state == "refused" else "would have refused"
    return f"the payment-method gate {done} {fact.subject}"


def _webhook(fact: Fact) -> str:
    return f"event {fact.subject} ({fact.operation}) {fact.state}{_status(fact)}"


def _outcome(fact: Fact) -> str:
    return f"attempt {fact.subject} ended: {str(fact.state).replace('_', ' ')}"


def _settled(fact: Fact) -> str:
    return "nothing is left to happen" if fact.state == "drained" else "the run was cut off here"


_SENTENCES: Final[Mapping[str, Callable[[Fact], str]]] = {
    "attempt": _attempt,
    "request": _request,
    "answer": _answer,
    "subscription": _subscription,
    "entitlement": _entitlement,
    "intent": _intent,
    "charge": _charge,
    "confirm": _confirm,
    "secret": _secret,
    "shown": _shown,
    "step": _step,
    "gate": _gate,
    "webhook": _webhook,
    "event": _webhook,
    "outcome": _outcome,
    "settled": _settled,
}

_TOLD: Final[Mapping[str, tuple[str, ...]]] = {
    "request": ("method", "path"),
    "entitlement": ("feature", "because"),
}
"""Members of the detail that the sentence has already said."""
