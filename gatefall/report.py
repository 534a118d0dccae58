"""`gatefall report`: write a recorded run's report again."""

from __future__ import annotations

from pathlib import Path

import click

from gatefall.options import quiet_option, run_argument, workers_option


@click.command(short_help="Write a recorded run's report again; nothing is run.")
@run_argument
@workers_option
@quiet_option
def report(directory: Path, workers: int, quiet: bool) -> int:
    """Judge and count the facts recorded in RUN, and write result.json, report.html and junit.xml into it.

    Nothing is run. The report of an incomplete run says that it is incomplete.

    \b
    Example:
      gatefall report runs/001
    """
    from gatefall.reading import fold_recorded

    folded = fold_recorded(directory, workers, quiet)

    from gatefall.telling import tell

    return tell(*folded)
