"""Text in columns, as lists are printed: one row a line at any width, so that they can be searched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def in_columns(rows: Iterable[Sequence[str]], indent: str = "") -> str:
    """The rows with their cells aligned; the last column is as wide as it likes."""
    table = list(rows)
    if not table:
        return ""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    widths[-1] = 0
    return "\n".join(
        indent + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )
