"""Where a run is recorded, for subcommands: what is wrong with a directory is a mistake."""

from __future__ import annotations

from pathlib import Path

from conformance.run_directory import DirectoryInUse, next_free_directory
from conformance.run_directory import claim as claim_directory
from gatefall.mistakes import Mistake

__all__ = ["claim", "next_free_directory"]


def claim(out: Path, force: bool) -> None:
    """Make sure that a new run can be recorded in `out`. With `force`, the run that is there goes. Raises Mistake."""
    try:
        claim_directory(out, force)
    except DirectoryInUse as error:
        raise Mistake(str(error)) from error
