"""A progress bar on stderr, for people: never in a file or a pipe."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.running import CellResult, Plan, Progress


@contextlib.contextmanager
def progress_bar(plan: Plan, quiet: bool) -> Iterator[Progress | None]:
    """Show how many customers are done, and of which scenario; None where nobody would look at it."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    total = sum(planned.customers for planned in plan.manifest.variants)
    columns = (TextColumn("{task.description:<40.40}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("customers", total=total)

        def advance(result: CellResult) -> None:
            planned = plan.manifest.variants[result.cell.variant]
            bar.update(task, advance=len(result.cell.customers), description=f"{planned.scenario} {planned.slug}")

        yield advance
