"""The contract's inspector: holds every answer against what the contract says of it."""

from __future__ import annotations

from collections.abc import Iterable

from conformance import answer_form
from conformance.leaks import Leaks
from sim.customers.session import Session
from sim.inspection import Remark
from sim.messages import Answer, Request


class ContractInspector:
    """Looks at the form of answers, and for secrets in them that are not their reader's."""

    __slots__ = ("_leaks",)

    def __init__(self) -> None:
        self._leaks = Leaks()

    def inspect(self, session: Session, request: Request, answer: Answer) -> Iterable[Remark]:
        """What is wrong with an answer."""
        yield from misfits(request, answer)
        for what in self._leaks.find(session, request, answer):
            yield Remark("leak", what)


def misfits(request: Request, answer: Answer) -> Iterable[Remark]:
    """In what an answer does not have the form that the contract gives it."""
    return (Remark("misfit", what) for what in answer_form.misfits(request.operation, answer))
