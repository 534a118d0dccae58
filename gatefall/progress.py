"""A progress bar on stderr, for people: never in a file or a pipe."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.proving.proving import OnResult
    from conformance.proving.trial import TrialResult
    from conformance.running import CellResult, Plan, Progress


@contextlib.contextmanager
def progress_bar(plan: Plan, quiet: bool) -> Iterator[Progress | None]:
    """Show how many customers are done, and of which scenario; None where nobody would look at it."""
    with _bar("customers", sum(planned.customers for planned in plan.manifest.variants), quiet) as advance:
        if advance is None:
            yield None
            return
        step = advance

        def cell_done(result: CellResult) -> None:
            planned = plan.manifest.variants[result.cell.variant]
            step(len(result.cell.customers), f"{planned.scenario} {planned.slug}")

        yield cell_done


@contextlib.contextmanager
def trials_bar(total: int, quiet: bool) -> Iterator[OnResult | None]:
    """Show how many trials are done, and of which defect; None where nobody would look at it."""
    with _bar("trials", total, quiet) as advance:
        if advance is None:
            yield None
            return
        step = advance

        def trial_done(result: TrialResult) -> None:
            step(1, result.defect or f"clean: phase {result.phase} {result.regime}")

        yield trial_done


@contextlib.contextmanager
def _bar(noun: str, total: int, quiet: bool) -> Iterator[Callable[[int, str], None] | None]:
    """Takes how many more are done, and what was done last."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<40.40}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(noun, total=total)
        yield lambda count, last: bar.update(task, advance=count, description=last)
