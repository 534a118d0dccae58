"""Trials: what a probe tried with a request, and how that was answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from conformance.history import History
from conformance.subscription_timeline import member
from sim.facts import Fact

_NOTHING_SAID: Final = (429, 502, 503, 504)
"""Answers that say nothing of what was tried: too many requests, or something behind did not answer."""


class Trial(NamedTuple):
    """One request of a probe. `tries` names what is tried; `about` holds what a property must know of it besides."""

    request: Fact
    answer: Fact | None
    tries: str
    about: Mapping[str, Any]

    @property
    def operation(self) -> str:
        """The operation that was asked for."""
        return self.request.operation or "an unknown operation"

    @property
    def status(self) -> int | None:
        """The HTTP status of the answer; None where none came."""
        return None if self.answer is None else self.answer.status

    @property
    def code(self) -> int | None:
        """The code of the answer's first error."""
        return None if self.answer is None else self.answer.code

    @property
    def time_us(self) -> int:
        """When it was answered, or else sent."""
        return (self.answer or self.request).time_us

    @property
    def heard(self) -> bool:
        """Whether an answer came that says how the deployment takes what was tried."""
        return self.status is not None and self.status not in _NOTHING_SAID

    @property
    def accepted(self) -> bool:
        """Whether it was done, as far as the answer says."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def crashed(self) -> bool:
        """Whether it was neither done nor refused: the deployment failed over it."""
        return self.heard and self.status is not None and self.status >= 500

    @property
    def said(self) -> str:
        """The answer in words: `403, code 10000`."""
        if self.answer is None or self.status is None:
            return "nothing"
        return f"{self.status}, code {self.code}" if self.code is not None else str(self.status)

    @property
    def errors(self) -> Sequence[str] | None:
        """The messages of the errors; None where they were not kept."""
        kept = member(self.answer, "errors")
        return None if kept is None else [str(message) for message in kept]

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Request and answer, as evidence."""
        return (self.request,) if self.answer is None else (self.request, self.answer)


def trials(history: History, *tries: str) -> Iterator[Trial]:
    """The requests of probes that try one of these things, in order."""
    answers: dict[str, Fact] | None = None
    for request in history.of("request"):
        probe = member(request, "probe")
        if not hasattr(probe, "get") or probe.get("tries") not in tries:
            continue
        if answers is None:
            answers = {fact.subject: fact for fact in history.of("answer")}
        yield Trial(request, answers.get(request.subject), probe["tries"], probe)


def is_probe(history: History) -> bool:
    """Whether it is a probe's history."""
    return any(member(attempt, "probe") is not None for attempt in history.of("attempt"))


def unreachable(history: History, *what: str) -> str | None:
    """Why a probe could not try one of these things, in words; None where it could."""
    for fact in history.of("unreachable"):
        if fact.subject in what:
            return f"{fact.subject} could not be tried: {member(fact, 'reason') or 'nobody says why'}"
    return None
