"""What a matrix comes to, in sentences that every form of it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from conformance.proving.matrix import Clean, Matrix, Row, Word
from conformance.redaction import redacted

MARKS: Final[Mapping[Word, str]] = {"found": "✓", "missed": "✗", "accused wrongly": "✗", "unseen": "–", "failed": "!"}


def sentence(matrix: Matrix) -> str:
    """What it comes to, for somebody who reads nothing else."""
    parts = [f"{len(matrix.of('found'))} of {_many(len(matrix.rows), 'defect')} found from outside by what they break"]
    unseen, missed, wrong = (len(matrix.of(word)) for word in ("unseen", "missed", "accused wrongly"))
    if unseen:
        parts.append(f"{unseen} that nobody outside can see")
    if missed:
        parts.append(f"{missed} not found")
    if wrong:
        parts.append(f"{wrong} accused of what they do not break")
    if matrix.clean:
        runs = sum(len(clean.results) for clean in matrix.clean)
        alarms = _many(matrix.false_alarms, "false alarm") if matrix.false_alarms else "no false alarm"
        parts.append(f"{alarms} in {_many(runs, 'clean deployment')}")
    if matrix.failures:
        parts.append(f"{_many(len(matrix.failures), 'thing')} could not be run")
    return "; ".join(parts) + "."


def faults_of(row: Row) -> Iterator[str]:
    """What keeps a row from proving anything, each in a sentence; nothing where it is as it should be."""
    outside = "from outside " if row.defect.finds_outside else ""
    for name in row.missed:
        yield f"not found {outside}by {name}"
    for one in row.undeclared:
        yield (
            f"accused by {one.property} ({seen(one.outside, one.exact)}), which the catalogue does not name: "
            f"{one.place}: {redacted(one.proof)}"
        )
    for failure in row.result.failures:
        yield f"could not be run: {redacted(failure)}"


def seen(outside: int, exact: int) -> str:
    """In how many variants a property was violated."""
    if outside and exact:
        return f"in {_many(outside, 'variant')} from outside, {exact} exactly"
    return f"in {_many(outside, 'variant')} from outside only" if outside else f"in {_many(exact, 'variant')}, exactly"


def clean_sentence(clean: Clean) -> str:
    """A clean deployment and what was found of it."""
    result = clean.results[0]
    what = (
        f"phase {clean.phase}, {clean.regime}: {_many(len(clean.results), 'seed')}, {_many(result.variants, 'variant')}"
    )
    if clean.failures:
        return f"{what}: could not be run"
    alarms = len(clean.accusations)
    return f"{what}: {_many(alarms, 'false alarm') if alarms else 'nothing found'}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
