"""The scenarios that come with the project."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

SUFFIX = ".yaml"


def library_directory() -> Path:
    """The folder of the library inside the installed package."""
    return Path(str(files("scenarios"))) / "library"


def probing_directory() -> Path:
    """The folder of the scenarios that go looking for defects, inside the installed package."""
    return Path(str(files("scenarios"))) / "probing"


def library_files() -> dict[str, Path]:
    """The library's files by scenario name, in alphabetical order."""
    return _files_in(library_directory())


def probing_files() -> dict[str, Path]:
    """The probing scenarios' files by name, in alphabetical order."""
    return _files_in(probing_directory())


def _files_in(directory: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(directory.glob(f"*{SUFFIX}"))}
