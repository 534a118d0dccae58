"""`prove.html`: the matrix as one self-contained page in the report's style."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from conformance.properties import PROPERTIES
from conformance.proving.matrix import Matrix, Row
from conformance.proving.trial import Accusation
from conformance.redaction import redacted
from reports.matrix.words import MARKS, clean_sentence, faults_of, seen, sentence


def write_html(path: Path, matrix: Matrix) -> None:
    """Write the page, at once or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(page(matrix), encoding="utf-8")
    partial.replace(path)


def page(matrix: Matrix) -> str:
    """The whole page."""
    return str(_template().render(_context(matrix)))


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    source = files("reports").joinpath("page", "matrix.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)


def _context(matrix: Matrix) -> dict[str, Any]:
    from markupsafe import Markup

    columns = _columns(matrix)
    return {
        "css": Markup(files("reports").joinpath("page", "report.css").read_text("utf-8")),
        "version": matrix.version,
        "target": matrix.target,
        "seed": matrix.seed,
        "proven": matrix.proven,
        "sentence": sentence(matrix),
        "numbers": _numbers(matrix),
        "columns": columns,
        "themes": [
            {"title": theme.capitalize() or "Others", "rows": [_row(row, columns) for row in rows]}
            for theme, rows in matrix.by_theme().items()
        ],
        "faults": [(row.defect.name, fault) for row in matrix.rows for fault in faults_of(row)],
        "unseen": [
            {"name": row.defect.name, "property": name, "why": why}
            for row in matrix.rows
            for name, why in row.defect.unseen.items()
        ],
        "clean": [
            {
                "good": not clean.accusations and not clean.failures,
                "sentence": clean_sentence(clean),
                "alarms": [
                    f"seed {seed}, {one.property}, {one.place}: {redacted(one.proof)}"
                    for seed, one in clean.accusations
                ],
            }
            for clean in matrix.clean
        ],
    }


def _columns(matrix: Matrix) -> list[str]:
    """The properties that break or accuse in any row, in the order of their names."""
    named = {name for row in matrix.rows for name in row.defect.declared}
    accused = {one.property for row in matrix.rows for one in row.result.accusations}
    return [name for name in PROPERTIES if name in named | accused]


def _numbers(matrix: Matrix) -> list[dict[str, Any]]:
    found, rows = len(matrix.of("found")), len(matrix.rows)
    wrong = len(matrix.of("accused wrongly"))
    runs = sum(len(clean.results) for clean in matrix.clean)
    unseen = len(matrix.of("unseen"))
    return [
        {
            "title": "Found from outside",
            "value": f"{found} of {rows}",
            "note": f"by each property that they break; {unseen} more are there that nobody outside can see",
            "good": found + unseen == rows,
        },
        {
            "title": "Accused of what they do not break",
            "value": str(wrong),
            "note": "defects with a finding outside their declared set, from outside or by the exact facts",
            "good": not wrong,
        },
        {
            "title": "False alarms",
            "value": str(matrix.false_alarms) if runs else "–",
            "note": f"in {runs} runs of the whole suite without a defect",
            "good": not matrix.false_alarms if runs else None,
        },
    ]


def _row(row: Row, columns: list[str]) -> dict[str, Any]:
    accusations = {one.property: one for one in row.result.accusations}
    return {
        "mark": MARKS[row.word],
        "style": {"found": "held", "unseen": "inconclusive"}.get(row.word, "violated"),
        "word": row.word,
        "name": row.defect.name,
        "title": row.defect.title,
        "place": f"phase {row.defect.phase}, {row.defect.regime}",
        "cells": [_cell(row, name, accusations.get(name)) for name in columns],
        "proofs": list(_proofs(row)),
    }


def _cell(row: Row, name: str, accusation: Accusation | None) -> dict[str, str]:
    """What one property said of one defect, as a sign and in words."""
    breaks = name in row.defect.finds
    outside = accusation is not None and bool(accusation.outside)
    if accusation is None:
        missed = name in row.missed
        return {
            "sign": "✗" if missed else "",
            "kind": "wrong" if missed else "",
            "says": f"{name}: not found" if missed else "",
        }
    says = f"{name}: {seen(accusation.outside, accusation.exact)}"
    if name not in row.defect.declared:
        return {"sign": "✗", "kind": "wrong", "says": f"{says}; not named in the catalogue"}
    if breaks:
        return {"sign": "●" if outside else "◌", "kind": "breaks", "says": f"{says}; what it breaks"}
    return {"sign": "○" if outside else "·", "kind": "also", "says": f"{says}; a consequence"}


def _proofs(row: Row) -> Iterator[dict[str, str]]:
    for one in row.result.accusations:
        if one.property in row.defect.finds:
            yield {"property": one.property, "place": one.place, "proof": redacted(one.proof)}
