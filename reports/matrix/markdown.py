"""The matrix as Markdown: what `docs/defects.md` is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from conformance.proving.matrix import Matrix, Row
from reports.matrix.words import MARKS, clean_sentence, faults_of, sentence

_HOW: Final = """\
Made by `gatefall prove --docs docs/defects.md`, not by hand. Each defect is a bug that real teams ship. It is switched
on in Gatefall's own deployment, the whole conformance suite is run against it, and every run is judged as somebody
outside sees it and by the exact facts. What it breaks must accuse it, and nothing may that the catalogue does not name.
`gatefall serve --defect NAME` switches one on for yourself."""

_UNSEEN: Final = """\
Violated by the exact facts, which the simulated world and the mock tell, and held or undecided by what a real
deployment shows."""


def write_markdown(path: Path, matrix: Matrix) -> None:
    """Write the matrix, at once or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(as_markdown(matrix), encoding="utf-8")
    partial.replace(path)


def as_markdown(matrix: Matrix) -> str:
    """The whole document."""
    return "\n".join(_lines(matrix)) + "\n"


def _lines(matrix: Matrix) -> Iterator[str]:
    yield "# Defects, and what finds them"
    yield ""
    yield _HOW
    yield ""
    yield f"**{sentence(matrix)}** Target {matrix.target}, seed {matrix.seed}."
    for theme, rows in matrix.by_theme().items():
        yield ""
        yield f"## {theme.capitalize() or 'Others'}"
        yield ""
        yield "| | defect | the bug | phase | found from outside by | and, as a consequence, by |"
        yield "|---|---|---|---|---|---|"
        yield from (_row(row) for row in rows)
    yield from _unseen(matrix)
    yield from _faults(matrix)
    yield ""
    yield "## Properties, and the defects that they found"
    yield ""
    yield "| property | defects that break it |"
    yield "|---|---|"
    yield from (f"| {name} | {', '.join(f'`{one}`' for one in names)} |" for name, names in matrix.finders().items())
    if matrix.clean:
        yield ""
        yield "## Without a defect"
        yield ""
        yield from (f"- {clean_sentence(clean)}" for clean in matrix.clean)


def _row(row: Row) -> str:
    defect = row.defect
    phase = f"{defect.phase}" if defect.regime == "continuation" else f"{defect.phase}, {defect.regime}"
    cells = (
        MARKS[row.word],
        f"`{defect.name}`",
        defect.title,
        phase,
        ", ".join(row.found_by),
        ", ".join(row.consequences),
    )
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _unseen(matrix: Matrix) -> Iterator[str]:
    rows = [row for row in matrix.rows if row.defect.unseen]
    if not rows:
        return
    yield ""
    yield "## What cannot be seen from outside"
    yield ""
    yield _UNSEEN
    yield ""
    yield "| defect | property | why |"
    yield "|---|---|---|"
    for row in rows:
        for name, why in row.defect.unseen.items():
            yield f"| `{row.defect.name}` | {name} | {_escaped(why)} |"


def _faults(matrix: Matrix) -> Iterator[str]:
    faults = [(row.defect.name, fault) for row in matrix.rows for fault in faults_of(row)]
    if faults:
        yield ""
        yield "## What is not proven"
        yield ""
        yield from (f"- `{name}`: {_escaped(fault)}" for name, fault in faults)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
