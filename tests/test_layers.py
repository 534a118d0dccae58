"""Imports run one way: scenarios, sim, conformance, reports, gatefall; each level knows nothing of those after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LEVELS = ("scenarios", "sim", "conformance", "reports", "gatefall")
ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for level in LEVELS for path in (ROOT / level).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The top-level names that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]


def level_of(path: Path) -> int:
    return LEVELS.index(path.relative_to(ROOT).parts[0])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_level_knows_a_later_one(path: Path) -> None:
    later = set(LEVELS[level_of(path) + 1 :])
    assert not later & set(imported(path))


@pytest.mark.parametrize("path", sorted((ROOT / "sim").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_model_owns_no_clock_no_socket_and_no_global_randomness(path: Path) -> None:
    assert not {"random", "secrets", "socket", "time", "threading", "asyncio", "httpx", "uuid"} & set(imported(path))


def test_files_are_named_for_the_one_thing_in_them() -> None:
    vague = {"utils", "util", "helpers", "common", "manager", "misc"}
    assert [path for path in SOURCES if path.stem in vague] == []
