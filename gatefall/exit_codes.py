"""What the command's exit code says. Which one a run comes to, `reports.conclusion` decides."""

from __future__ import annotations

from enum import IntEnum


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
