"""What probes tried: requests that say in their facts what they are for, with their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from conformance.history import History
from conformance.subscription_timeline import member
from sim.facts import Fact

_NOTHING: Final[Mapping[str, Any]] = {}


class Trial(NamedTuple):
    """One request of a probe. `about`: what it noted of what it tries, by name. No answer: nobody knows of any."""

    request: Fact
    answer: Fact | None
    about: Mapping[str, Any]

    @property
    def status(self) -> int | None:
        """The HTTP status; None where no answer came in time."""
        return self.answer.status if self.answer is not None else None

    @property
    def code(self) -> int | None:
        """The first error's code."""
        return self.answer.code if self.answer is not None else None

    @property
    def accepted(self) -> bool:
        """Whether it was answered with success, or with a status that means it."""
        return self.status is not None and self.status < 300

    @property
    def errors(self) -> Sequence[str] | None:
        """The messages of the errors; None where they were not kept."""
        kept = member(self.answer, "errors")
        return None if kept is None else [str(message) for message in kept]

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Request and answer, as evidence."""
        return (self.request,) if self.answer is None else (self.request, self.answer)


def trials(history: History, tries: str) -> list[Trial]:
    """What a history has of one kind of probing, in order."""
    if not any(member(attempt, "probe") is not None for attempt in history.of("attempt")):
        return []
    found = [(fact, told) for fact in history.of("request") if (told := tried(fact)).get("tries") == tries]
    if not found:
        return []
    answers = {fact.subject: fact for fact in history.of("answer")}
    return [Trial(fact, answers.get(fact.subject), told) for fact, told in found]


def tried(request: Fact) -> Mapping[str, Any]:
    """What a request was to try; nothing where it was no probe's."""
    told = member(request, "probe")
    return told if isinstance(told, Mapping) else _NOTHING


def unreachable(history: History, what: str) -> str | None:
    """Why something could not be tried on this target, in the probe's words; None where it was, or was not wanted."""
    for fact in history.of("unreachable"):
        if fact.subject == what:
            return str(member(fact, "reason") or "the probe does not say why")
    return None
