"""Recorded facts as JSON Lines, for people and for tools that read nothing else.

OUT/jsonl/<scenario>/<variant>.jsonl
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson

from conformance.cells import cells
from conformance.recording import PartReader, Recorded, part_path, variant_directory
from conformance.running import Plan, part_numbers
from sim.facts import Fact
from sim.time import moment


def export_jsonl(plan: Plan, out: Path) -> list[Path]:
    """Write one file for each variant, and return them. What is not recorded is not written."""
    return [_export_variant(plan, number, out) for number in range(len(plan.variants))]


def _export_variant(plan: Plan, number: int, out: Path) -> Path:
    planned = plan.manifest.variants[number]
    path = out / "jsonl" / planned.scenario / f"{planned.slug}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        for recorded in _recorded(plan, number, variant_directory(out, planned.scenario, planned.slug)):
            file.writelines(_line(recorded, fact) for fact in recorded.facts)
    partial.replace(path)
    return path


def _recorded(plan: Plan, number: int, directory: Path) -> Iterator[Recorded]:
    for cell in cells(number, plan.variants[number]):
        for part in part_numbers(cell):
            path = part_path(directory, part)
            if path.exists():
                with PartReader(path, part) as reader:
                    yield from reader


def _line(recorded: Recorded, fact: Fact) -> bytes:
    """One fact as one object: who, when in words, and every column that is not null."""
    row = {
        "customer": recorded.customer,
        "account": recorded.account,
        "at": f"{moment(fact.time_us).isoformat(timespec='microseconds')}",
        **{name: value for name, value in fact._asdict().items() if value is not None},
    }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
