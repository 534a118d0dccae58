"""What keeps the suite from being run: a message for a person, and the exit code that goes with it."""

from __future__ import annotations

from typing import Final

from conformance.real.accounts_journal import DamagedJournal, JournalInUse
from conformance.real.deployment import SetUpFailed
from conformance.real.interlock import Refused

PASSED: Final = 0
VIOLATED: Final = 1
USAGE: Final = 2
INCONCLUSIVE: Final = 3
SET_UP_FAILED: Final = 4
REFUSED: Final = 5
INTERRUPTED: Final = 130
"""Exit codes, as everywhere in Gatefall."""


class Trouble(Exception):
    """The suite, or an item of it, cannot be run."""

    def __init__(self, message: str, exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def trouble_of(error: BaseException | None) -> Trouble | None:
    """What a deployment refused or failed at; None for anything else."""
    if isinstance(error, Refused):
        return Trouble("\n".join(f"refused: {reason}" for reason in error.reasons), REFUSED)
    if isinstance(error, SetUpFailed | JournalInUse | DamagedJournal):
        return Trouble(str(error), SET_UP_FAILED)
    return None
