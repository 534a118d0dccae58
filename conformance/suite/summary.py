"""What a run of the suite comes to, folded from what it recorded: properties, and what was never exercised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from conformance.coverage import Coverage, Gap
from conformance.harness import read_harness_note
from conformance.judging import Judging
from conformance.manifest import LeftOut
from conformance.redaction import redacted
from conformance.running import Plan, RunRecord
from conformance.suite.items import UNSEEN
from conformance.suite.suite_run import read_suite
from conformance.verdict import PropertyVerdict, Value
from scenarios.property_names import CHECKED_PROPERTIES

Standing = Literal["held", "violated", "inconclusive", "never exercised", "means nothing here"]

_MARKS: Final[dict[Standing, tuple[str, dict[str, bool]]]] = {
    "held": ("✓", {"green": True}),
    "violated": ("✗", {"red": True}),
    "inconclusive": ("?", {"yellow": True}),
    "never exercised": ("·", {"yellow": True}),
    "means nothing here": ("·", {}),
}
_NAMES_SHOWN: Final = 3
_REASON_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class PropertyRow:
    """One property over all variants."""

    name: str
    standing: Standing
    remark: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run comes to. `gaps` are what was never exercised; `incomplete`: the variants that were not run to the
    end."""

    plan: Plan
    out: Path
    value: Value
    rows: tuple[PropertyRow, ...]
    coverage: Coverage
    gaps: tuple[Gap, ...]
    incomplete: tuple[str, ...]
    late: str | None
    left_out: Sequence[LeftOut]

    def write(self, terminal: Any, *, strict: bool, left: Sequence[str]) -> None:
        """Write it to pytest's terminal."""
        manifest = self.plan.manifest
        suite = manifest.suite
        assert suite is not None
        terminal.section(
            f"properties: target {manifest.target}, phase {suite.phase}, {suite.regime}, seed {manifest.seed}"
        )
        width = max(len(row.name) for row in self.rows)
        for row in self.rows:
            mark, style = _MARKS[row.standing]
            line = f" {mark} {row.name:<{width}}  {row.standing}{': ' if row.remark else ''}{row.remark}"
            terminal.write_line(redacted(line), **style)
        terminal.section("coverage")
        for line in coverage_lines(self.coverage, self.gaps):
            terminal.write_line(line)
        if strict and self.gaps:
            terminal.write_line(f"--strict: {len(self.gaps)} never exercised, so that the run fails", red=True)
        terminal.section(f"recorded in {_short(self.out)}")
        for line in self._remarks(left):
            terminal.write_line(redacted(line))

    def _remarks(self, left: Sequence[str]) -> Iterator[str]:
        if self.incomplete:
            yield f"not run to the end: {_some(self.incomplete)}; nothing is said to hold for that"
        if self.late is not None:
            yield f"inconclusive: {self.late}"
        yield from left_out_lines(self.left_out)
        yield from left
        out = _short(self.out)
        yield f"gatefall report {out}    writes result.json, report.html and junit.xml"
        yield f"gatefall judge {out}     judges it again"


def summarize(plan: Plan, out: Path, left_out: Sequence[LeftOut]) -> Summary:
    """Fold what is recorded."""
    record = read_suite(plan, out)
    note = read_harness_note(out)
    late = None if note is None else note.too_late
    coverage = Coverage()
    for variant in record.variants:
        folded = variant.folds[1]
        assert isinstance(folded, Coverage)
        coverage.merge(folded)
    rows = tuple(row if record.complete else _cut_off(row) for row in property_rows(record))
    gaps = [*coverage.gaps(_phase(plan)), *(Gap("properties", row.name) for row in rows if _never(row))]
    incomplete = tuple(variant.scenario for variant in record.variants if not variant.complete)
    return Summary(plan, out, _value(rows, incomplete, late), rows, coverage, tuple(gaps), incomplete, late, left_out)


def property_rows(record: RunRecord) -> Iterator[PropertyRow]:
    """What each property comes to over all variants."""
    by_name: dict[str, list[tuple[str, PropertyVerdict]]] = {name: [] for name in CHECKED_PROPERTIES}
    for variant in record.variants:
        judging = variant.folds[0]
        assert isinstance(judging, Judging)
        for verdict in judging.verdicts():
            by_name[verdict.property].append((variant.scenario, verdict))
    for name, found in by_name.items():
        yield _row(name, found)


def _cut_off(row: PropertyRow) -> PropertyRow:
    """What is said of a property where the run did not come to its end: never that it held."""
    if row.standing != "held":
        return row
    return PropertyRow(row.name, "inconclusive", f"{row.remark}, and the run did not come to its end")


def _row(name: str, found: Sequence[tuple[str, PropertyVerdict]]) -> PropertyRow:
    violated = [scenario for scenario, verdict in found if verdict.value == "violated"]
    if violated:
        return PropertyRow(name, "violated", f"in {_some(violated)}")
    open_ones = [
        (scenario, verdict)
        for scenario, verdict in found
        if verdict.value == "inconclusive" and verdict.because not in UNSEEN
    ]
    checks = sum(verdict.checks for _, verdict in found)
    if open_ones:
        where, first = open_ones[0]
        more = f" ({len(open_ones) - 1} scenarios more)" if len(open_ones) > 1 else ""
        return PropertyRow(name, "inconclusive", f"{where}: {_shortened(first.reason)}{more}")
    if checks:
        return PropertyRow(name, "held", f"{checks:,} checks in {_scenarios(found)}")
    meaningless = [verdict.reason for _, verdict in found if verdict.because == "not_applicable"]
    if meaningless and len(meaningless) == len(found):
        return PropertyRow(name, "means nothing here", _shortened(meaningless[0]))
    return PropertyRow(name, "never exercised", "")


def coverage_lines(coverage: Coverage, gaps: Sequence[Gap]) -> Iterator[str]:
    """What was exercised, in figures, and what never was, by name."""
    operations = {name for _, (name, _, _) in coverage.answers}
    answers = {(name, status) for _, (name, status, _) in coverage.answers}
    yield (
        f"{len(operations)} operations, {len(answers)} kinds of answers, {len(coverage.transitions)} transitions of "
        f"subscriptions, {len(coverage.payment_methods)} states of payment methods, {len(coverage.clients)} clients"
    )
    by_kind: dict[str, list[str]] = {}
    for gap in gaps:
        by_kind.setdefault(gap.kind, []).append(gap.what)
    for kind, what in by_kind.items():
        yield f"never exercised: {kind}: {', '.join(what if kind != 'answers' else _grouped(what))}"
    if not gaps:
        yield "nothing that the contract declares was left unexercised"


def left_out_lines(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """What cannot be run at the target, a line for each reason."""
    by_reason: dict[str, list[str]] = {}
    for one in left_out:
        by_reason.setdefault(one.because, []).append(one.scenario)
    for because, names in by_reason.items():
        yield f"left out: {_some(names)}: {'it' if len(names) == 1 else 'each'} {because}"


def _grouped(answers: Sequence[str]) -> list[str]:
    """ "create 401, create 403" as "create 401 403"."""
    by_operation: dict[str, list[str]] = {}
    for answer in answers:
        operation, _, status = answer.partition(" ")
        by_operation.setdefault(operation, []).append(status)
    return [f"{operation} {' '.join(statuses)}" for operation, statuses in by_operation.items()]


def _value(rows: Sequence[PropertyRow], incomplete: Sequence[str], late: str | None) -> Value:
    if any(row.standing == "violated" for row in rows):
        return "violated"
    undecided = any(row.standing == "inconclusive" for row in rows)
    seen = any(row.standing == "held" for row in rows)
    return "inconclusive" if undecided or incomplete or late is not None or not seen else "held"


def _never(row: PropertyRow) -> bool:
    return row.standing == "never exercised"


def _phase(plan: Plan) -> int:
    assert plan.manifest.suite is not None
    return plan.manifest.suite.phase


def _scenarios(found: Sequence[tuple[str, PropertyVerdict]]) -> str:
    count = len({scenario for scenario, verdict in found if verdict.checks})
    return "1 scenario" if count == 1 else f"{count} scenarios"


def _some(names: Sequence[str]) -> str:
    each = list(dict.fromkeys(names))
    shown = ", ".join(each[:_NAMES_SHOWN])
    return shown if len(each) <= _NAMES_SHOWN else f"{shown} and {len(each) - _NAMES_SHOWN} more"


def _shortened(text: str) -> str:
    return text if len(text) <= _REASON_LONGEST else f"{text[:_REASON_LONGEST]}…"


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
