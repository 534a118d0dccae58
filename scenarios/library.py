"""The scenarios that come with the project."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

SUFFIX = ".yaml"


def library_directory() -> Path:
    """The folder of the library inside the installed package."""
    return Path(str(files("scenarios"))) / "library"


def library_files() -> dict[str, Path]:
    """The library's files by scenario name, in alphabetical order."""
    return {path.stem: path for path in sorted(library_directory().glob(f"*{SUFFIX}"))}
