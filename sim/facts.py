"""Facts: what happened, as append-only rows that properties judge and reports count.

A fact has a *source*: `exact` (the model knows), `observed` (a client saw it in an answer), `ledger` (read from
Stripe). A property reads kinds, whatever their source; where a target cannot supply a kind, nothing observed means
*inconclusive*.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sim.time import Clock

EXACT: Final = "exact"
OBSERVED: Final = "observed"
LEDGER: Final = "ledger"


_new = tuple.__new__
"""Makes a fact of a tuple of all its columns in a third of the time of `Fact(...)`."""


class Fact(NamedTuple):
    """One row. Ids are the deployment's own; `related` is the id of the other thing that the fact ties `subject` to.

    `detail` holds what is rare or wide (JSON on disk); what properties compare on every row has a column of its own.
    The customer's number and the account are those of the history that the fact stands in.
    """

    time_us: int
    source: str
    actor: str
    kind: str
    subject: str
    related: str | None = None
    operation: str | None = None
    state: str | None = None
    status: int | None = None
    code: int | None = None
    amount_minor: int | None = None
    detail: Mapping[str, Any] | None = None


class Journal:
    """Collects the facts of every account until they are handed over, account by account.

    `detail` mappings are kept by reference: whoever notes one must not change it afterwards.
    """

    __slots__ = ("_clock", "_by_account")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_account: dict[str, list[Fact]] = {}

    def open(self, account_id: str) -> list[Fact]:
        """Start (or continue) the history of an account, and return its list."""
        return self._by_account.setdefault(account_id, [])

    def note(
        self,
        account_id: str,
        source: str,
        actor: str,
        kind: str,
        subject: str,
        related: str | None = None,
        operation: str | None = None,
        state: str | None = None,
        status: int | None = None,
        code: int | None = None,
        amount_minor: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Append one fact, stamped with the world's time."""
        fact = (
            self._clock.now_us,
            source,
            actor,
            kind,
            subject,
            related,
            operation,
            state,
            status,
            code,
            amount_minor,
            detail,
        )
        try:
            self._by_account[account_id].append(_new(Fact, fact))
        except KeyError:
            self._by_account[account_id] = [_new(Fact, fact)]

    def close(self, account_id: str) -> list[Fact]:
        """Hand the history of an account over and forget it."""
        return self._by_account.pop(account_id, [])
