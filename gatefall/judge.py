"""`gatefall judge`: judge a recorded run again, by the properties as they are now."""

from __future__ import annotations

from pathlib import Path

import click

from gatefall.options import quiet_option, run_argument, workers_option


@click.command(short_help="Judge a recorded run again; nothing is run.")
@run_argument
@workers_option
@quiet_option
def judge(directory: Path, workers: int, quiet: bool) -> int:
    """Judge the facts recorded in RUN by today's properties, print the verdict, and write RUN/result.json.

    Nothing is run. A run that was killed or interrupted is judged as far as it is recorded, and is never passed.

    \b
    Example:
      gatefall judge runs/001
    """
    from gatefall.reading import fold_recorded

    folded = fold_recorded(directory, workers, quiet)

    from gatefall.telling import write_verdict

    return write_verdict(*folded)
