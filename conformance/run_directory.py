"""Where a run is recorded, and the care taken not to write over another one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

PARENT: Final = Path("runs")


class DirectoryInUse(Exception):
    """A run cannot be recorded in a directory. The message says why, and what to do."""


_OWN_FILES: Final = ("result.json", "report.html", "junit.xml", "crash.log", "harness.json", "run.json")
_OWN_DIRECTORIES: Final = ("facts", "jsonl")


def next_free_directory(parent: Path = PARENT) -> Path:
    """runs/001, runs/002, …: the first number after all that are there."""
    numbers = [int(path.name) for path in parent.glob("[0-9]*") if path.name.isdecimal()]
    return parent / f"{max(numbers, default=0) + 1:03d}"


def claim(out: Path, force: bool) -> None:
    """Make sure that a new run can be recorded in `out`. With `force`, the run that is there goes.

    Raises DirectoryInUse.
    """
    if out.exists() and not out.is_dir():
        raise DirectoryInUse(f"{out}: is a file, expected a directory to record the run in")
    try:
        out.mkdir(parents=True, exist_ok=True)
        used = any(out.iterdir())
    except OSError as error:
        raise DirectoryInUse(f"{out}: cannot be used to record the run in: {error.strerror}") from error
    if not used:
        return
    if not (out / "run.json").exists():
        raise DirectoryInUse(f"{out}: holds files, but no recorded run; choose another directory with --out")
    if not force:
        raise DirectoryInUse(
            f"{out}: holds a recorded run; complete it with --resume, replace it with --force, "
            "or choose another directory with --out"
        )
    try:
        _remove_run(out)
    except OSError as error:
        raise DirectoryInUse(
            f"{out}: the run that is there cannot be removed: {error.filename}: {error.strerror}"
        ) from error


def _remove_run(out: Path) -> None:
    """`run.json` goes last: what is left of a removal that was cut short can still be removed."""
    for name in _OWN_DIRECTORIES:
        if (out / name).exists():
            shutil.rmtree(out / name)
    for name in _OWN_FILES:
        (out / name).unlink(missing_ok=True)
