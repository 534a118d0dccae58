"""`prove.json`: the matrix for machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from conformance.proving.matrix import Clean, Matrix, Row
from conformance.proving.trial import Accusation
from conformance.redaction import redacted

SCHEMA: Final = 1


def write_result(path: Path, matrix: Matrix) -> None:
    """Write `prove.json`, at once or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(orjson.dumps(as_result(matrix), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    partial.replace(path)


def as_result(matrix: Matrix) -> dict[str, Any]:
    """The matrix as JSON has it: no times and no places on this machine, so that equal matrices are equal bytes."""
    return {
        "schema": SCHEMA,
        "gatefall": matrix.version,
        "target": matrix.target,
        "seed": matrix.seed,
        "proven": matrix.proven,
        "counts": {word.replace(" ", "_"): len(matrix.of(word)) for word in _WORDS},
        "false_alarms": matrix.false_alarms,
        "defects": [_row(row) for row in matrix.rows],
        "clean": [_clean(clean) for clean in matrix.clean],
    }


_WORDS: Final = ("found", "missed", "accused wrongly", "unseen", "failed")


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.defect.name,
        "title": row.defect.title,
        "theme": row.theme,
        "phase": row.defect.phase,
        "regime": row.defect.regime,
        "verdict": row.word,
        "finds": list(row.defect.finds),
        "also": list(row.defect.also),
        "unseen": dict(row.defect.unseen),
        "found_by": list(row.found_by),
        "consequences": list(row.consequences),
        "missed": list(row.missed),
        "undeclared": [one.property for one in row.undeclared],
        "variants": row.result.variants,
        "customers": row.result.customers,
        "accusations": [_accusation(one) for one in row.result.accusations],
        "failures": [redacted(failure) for failure in row.result.failures],
    }


def _clean(clean: Clean) -> dict[str, Any]:
    return {
        "phase": clean.phase,
        "regime": clean.regime,
        "seeds": list(clean.seeds),
        "variants": sum(result.variants for result in clean.results),
        "customers": sum(result.customers for result in clean.results),
        "accusations": [{"seed": seed, **_accusation(one)} for seed, one in clean.accusations],
        "failures": [redacted(failure) for failure in clean.failures],
    }


def _accusation(one: Accusation) -> dict[str, Any]:
    return {
        "property": one.property,
        "variants_outside": one.outside,
        "variants_exact": one.exact,
        "place": one.place,
        "proof": redacted(one.proof),
    }
