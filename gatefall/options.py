"""Options that several subcommands share, and the kinds of values that they take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click

from gatefall.configuration import variable

LAST_PHASE: Final = 6


class Phases(click.ParamType[tuple[int, ...]]):
    """One phase, a range, or several of them with commas: "2", "0-6", "0,2-4". Becomes a tuple of numbers."""

    name = "phases"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Raises BadParameter for what is no phase."""
        if isinstance(value, tuple):
            return value
        phases: list[int] = []
        for item in str(value).split(","):
            first, _, last = item.strip().partition("-")
            try:
                numbers = range(int(first), int(last or first) + 1)
            except ValueError:
                numbers = range(0)
            if not numbers or numbers[0] < 0 or numbers[-1] > LAST_PHASE:
                self.fail(
                    f'"{value}" given, expected a phase from 0 to {LAST_PHASE} or a range such as "0-6"', param, ctx
                )
            phases.extend(numbers)
        return tuple(phases)


def flattened(phases: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    """What `--phase`, given several times, asks for: each phase once, in order."""
    return tuple(sorted({phase for several in phases for phase in several}))


def usable_cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def _count_cores(_context: click.Context, _parameter: click.Parameter, value: int | None) -> int:
    return value or usable_cores()


workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    envvar=variable("workers"),
    callback=_count_cores,
    metavar="N",
    help="Processes to use; results do not depend on it.  [default: one for each core]",
)

quiet_option = click.option(
    "-q", "--quiet", is_flag=True, envvar=variable("quiet"), help="No progress and no notes on stderr."
)

run_argument = click.argument("directory", metavar="RUN", type=click.Path(path_type=Path, exists=True, file_okay=False))
