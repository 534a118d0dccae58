"""Folding a recorded run, for the subcommands that run nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gatefall.crash_log import crash_log

if TYPE_CHECKING:
    from conformance.running import Plan, RunRecord


def fold_recorded(directory: Path, workers: int, quiet: bool) -> tuple[RunRecord, Plan, Path]:
    """Fold everything that is recorded. Raises Mistake if the directory holds no run."""
    from gatefall.planning import recorded_plan

    plan = recorded_plan(directory)
    crash_log.directory = directory

    from conformance.running import read_plan
    from conformance.workers import WorkerLost
    from gatefall.folds import FOLDS
    from gatefall.mistakes import SetUpFailed
    from gatefall.progress import progress_bar

    try:
        with progress_bar(plan, quiet) as progress:
            record = read_plan(plan, directory, FOLDS, workers=workers, progress=progress)
    except WorkerLost as error:
        raise SetUpFailed(str(error)) from error
    if not record.complete and not quiet:
        recorded = sum(variant.customers for variant in record.variants)
        planned = sum(variant.planned for variant in record.variants)
        click.echo(
            f"gatefall: the run is incomplete: {recorded:,} of {planned:,} customers are recorded; "
            f"`gatefall run --out {directory} --resume` completes it",
            err=True,
        )
    return record, plan, directory
