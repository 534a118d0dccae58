"""The matrix on a terminal: one line a defect, theme by theme, with what found it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from conformance.proving.matrix import Matrix, Row, Word
from conformance.redaction import redacted
from reports.matrix.words import MARKS, clean_sentence, faults_of, sentence

if TYPE_CHECKING:
    from rich.console import Console

_STYLES: Final[dict[Word, str]] = {
    "found": "green",
    "missed": "bold red",
    "accused wrongly": "bold red",
    "unseen": "yellow",
    "failed": "bold red",
}
_MOST_ALARMS: Final = 8


def print_matrix(console: Console, matrix: Matrix, page: Path | None = None) -> None:
    """Print what proving came to. Colours and width are the console's affair; `page` is where the whole matrix is."""
    from rich.markup import escape

    for style, text in _lines(matrix):
        console.print(f"[{style}]{escape(text)}[/]" if style else escape(text), soft_wrap=True, highlight=False)
    style = "green" if matrix.proven else "bold red"
    word = "✓ Proven." if matrix.proven else "✗ Not proven."
    console.print(f"[{style}]{word}[/] {escape(sentence(matrix))}", soft_wrap=True, highlight=False)
    if page is not None:
        console.print(f"Matrix: {escape(str(page))}", soft_wrap=True, highlight=False)
    console.print(
        f"gatefall {matrix.version} · seed {matrix.seed} · target {escape(matrix.target)}",
        soft_wrap=True,
        highlight=False,
    )


def _lines(matrix: Matrix) -> Iterator[tuple[str, str]]:
    """Lines with their styles."""
    width = max((len(row.defect.name) for row in matrix.rows), default=0)
    for theme, rows in matrix.by_theme().items():
        shown = [row for row in rows if row.word != "unseen"]
        if shown:
            yield "bold", theme.capitalize() or "Others"
        for row in shown:
            yield _STYLES[row.word] if row.word != "found" else "", f"  {MARKS[row.word]} {_found(row, width)}"
            yield from (("red", f"      {fault}") for fault in faults_of(row))
    yield from _unseen_lines(matrix)
    yield from _clean_lines(matrix)


def _found(row: Row, width: int) -> str:
    text = f"{row.defect.name:<{width}}  {', '.join(row.found_by)}".rstrip()
    return f"{text}  (and {', '.join(row.consequences)})" if row.consequences else text


def _unseen_lines(matrix: Matrix) -> Iterator[tuple[str, str]]:
    unseen = matrix.of("unseen")
    if unseen:
        yield "bold", "There, and seen by nobody outside"
    for row in unseen:
        yield "", f"  {MARKS['unseen']} {row.defect.name}"
        for name in row.defect.finds:
            yield "", f"      {name} finds it in the exact facts; from outside: {row.defect.unseen[name]}"
    for row in matrix.rows:
        for name in row.seen_after_all:
            yield "yellow", f"  {row.defect.name}: {name} sees it after all: strike it from `unseen` in the catalogue"


def _clean_lines(matrix: Matrix) -> Iterator[tuple[str, str]]:
    if matrix.clean:
        yield "bold", "Without a defect"
    for clean in matrix.clean:
        good = not clean.accusations and not clean.failures
        yield "" if good else "bold red", f"  {'✓' if good else '✗'} {clean_sentence(clean)}"
        for seed, one in clean.accusations[:_MOST_ALARMS]:
            yield "red", f"      seed {seed}, {one.property}, {one.place}: {redacted(one.proof)}"
        if len(clean.accusations) > _MOST_ALARMS:
            yield "red", f"      … and {len(clean.accusations) - _MOST_ALARMS} more; see the matrix."
        yield from (("red", f"      {redacted(failure)}") for failure in clean.failures[:_MOST_ALARMS])
