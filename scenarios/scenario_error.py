"""What is wrong with a scenario file, told to the person who wrote it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

KeyPath = tuple[str | int, ...]

LONGEST_ECHO: Final = 60


@dataclass(frozen=True, slots=True)
class ScenarioError:
    """One mistake. Line and column count from 1, and are 0 where the file as a whole is meant.

    `key` is written as `customers.carts[0].weight`; `value` is what was given, shortened and printable.
    """

    file: str
    line: int
    column: int
    key: str
    problem: str
    value: str
    expected: str
    suggestion: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: "
        key = f"{self.key}: " if self.key else ""
        what = " ".join(part for part in (self.problem, self.value) if part)
        hint = f'; did you mean "{self.suggestion}"?' if self.suggestion else ""
        return printable(f"{place}{key}{what}; expected {self.expected}{hint}", longest=None)


class ScenarioErrors(Exception):
    """All mistakes of all files that were to be read; nothing is run while there is one."""

    def __init__(self, errors: Sequence[ScenarioError]) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors: list[ScenarioError] = list(errors)


def key_name(path: KeyPath) -> str:
    """A place in a file as people write it: `customers.carts[0].weight`."""
    name = ""
    for part in path:
        if isinstance(part, int):
            name += f"[{part}]"
        else:
            name += ("." if name else "") + printable(part)
    return name


def echo(value: object) -> str:
    """A value as it is repeated in a message: short, on one line, without control characters."""
    if isinstance(value, str):
        return f'"{printable(value)}"'
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, tuple | list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    return json.dumps(value)[:LONGEST_ECHO]


def printable(text: str, longest: int | None = LONGEST_ECHO) -> str:
    """A text from a file, shortened, with whatever is no visible character escaped."""
    shown = text if longest is None or len(text) <= longest else text[: longest - 1] + "…"
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in shown)
