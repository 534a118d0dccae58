"""Inspection: every answer is held against the contract, by somebody whom the model knows only as a port."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from sim.customers.session import Session
    from sim.messages import Answer, Request


class Remark(NamedTuple):
    """What is wrong with an answer, in words: it does not fit the contract, or it holds what its reader may not see."""

    state: Literal["misfit", "leak"]
    what: str


class Inspector(Protocol):
    """Looks at answers. One inspector sees all answers of a deployment, so it may know whose secret is whose."""

    def inspect(self, session: Session, request: Request, answer: Answer) -> Iterable[Remark]:
        """What is wrong with an answer that came for the account of `session`; nothing if it is as it should be.

        Must not be asked about answers that never came. The remarks hold no secret.
        """
