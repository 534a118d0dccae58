"""What the command's exit code says. When several apply, the first of `PRECEDENCE` does."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """The exit codes, the same for every subcommand."""

    PASSED = 0
    VIOLATED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    SET_UP_FAILED = 4
    REFUSED = 5
    INTERRUPTED = 130
    PIPE_CLOSED = 141


PRECEDENCE: Final = (
    ExitCode.REFUSED,
    ExitCode.SET_UP_FAILED,
    ExitCode.VIOLATED,
    ExitCode.INCONCLUSIVE,
    ExitCode.PASSED,
)

_BY_VERDICT: Final = {
    "held": ExitCode.PASSED,
    "violated": ExitCode.VIOLATED,
    "inconclusive": ExitCode.INCONCLUSIVE,
}


def most_important(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code that tells of all of them; without any, nothing was shown to be right: inconclusive."""
    found = list(codes)
    return next((code for code in PRECEDENCE if code in found), ExitCode.INCONCLUSIVE)


def exit_code_of(verdict: str) -> ExitCode:
    """The exit code of a verdict: "held", "violated" or "inconclusive"."""
    return _BY_VERDICT[verdict]
