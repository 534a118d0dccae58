"""The summary that a run ends with on a terminal: a table, what failed and why, and what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from conformance.finding import Finding
from conformance.prose import clock
from conformance.redaction import redacted
from reports.conclusion import Conclusion, RunConclusion, conclude_run
from reports.metrics import Metrics
from reports.outcome import RunOutcome
from reports.overview import MARKS, WORDS, grouped, interval, many, percent, sentence
from reports.series import Series, series_of
from reports.tables import duration, phases_of
from scenarios.phase import COMMITMENT_PHASE

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MOST_DETAILED_ROWS: Final = 14
"""Up to so many variants each has a row of its own; beyond, each scenario has one."""

MOST_FINDINGS: Final = 4
MOST_LINES: Final = 6
_SEVERITIES: Final = ("critical", "major", "minor")
_NARROW: Final = 116
_NARROWEST: Final = 80
_STYLES: Final = {"held": "green", "violated": "bold red", "inconclusive": "yellow"}


def print_summary(console: Console, outcome: RunOutcome, page: Path | None = None) -> None:
    """Print what a run comes to. Colours and width are the console's affair, so `NO_COLOR` is honoured.

    `page` is the report that was written of this very outcome, if there is one.
    """
    run = conclude_run(outcome)
    rows = series_of(run.variants)
    if run.variants and console.width >= _NARROWEST:
        console.print(_table(run, rows, console.width))
    elif run.variants:
        for line in _list(rows):
            console.print(line, highlight=False)
    for line in _lines(run, page):
        console.print(line, soft_wrap=True, highlight=False)


def _table(run: RunConclusion, rows: Sequence[Series], width: int) -> Table:
    if len(run.variants) <= MOST_DETAILED_ROWS:
        return _by_variant(run.variants, narrow=width < _NARROW)
    return _by_scenario(rows, narrow=width < _NARROW)


def _list(rows: Sequence[Series]) -> Iterator[str]:
    """For a terminal without room for a table."""
    for row in rows:
        name = _escaped(f"{row.scenario} ({row.label})" if row.label else row.scenario)
        shares = ", ".join(f"{phase}: {_phase_cell(row.by_phase[phase])}" for phase in row.phases)
        found = f"; {many(row.finding_count, 'finding')}" if row.finding_count else ""
        yield f"{_word(row.verdict, row.is_control)} {name}"
        yield f"  conversion in % by phase {shares}{found}"


def _new_table(space: int = 1) -> Table:
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, space, 0, 0), header_style="bold")


def _by_variant(variants: Sequence[Conclusion], narrow: bool) -> Table:
    """One row for each variant, with everything."""
    table = _new_table()
    table.add_column("scenario", overflow="fold")
    table.add_column("phase", justify="right")
    if not narrow:
        table.add_column("engine, front end")
        table.add_column("customers", justify="right")
    table.add_column("conversion", justify="right")
    table.add_column("402s", justify="right")
    if not narrow:
        table.add_column("paid p50 / p95", justify="right")
    table.add_column("findings", justify="right")
    table.add_column("verdict")
    for conclusion in variants:
        outcome, metrics = conclusion.outcome, conclusion.outcome.metrics
        variant = outcome.variant
        share = metrics.conversion()
        shown = f"{percent(share)} ({interval(share)})" if share is not None else "no attempts"
        cells = [outcome.scenario, str(variant.phase)]
        if not narrow:
            cells += [f"{variant.regime}, {variant.front_end}", grouped(outcome.customers)]
        cells += [shown, grouped(metrics.rejection_count)]
        if not narrow:
            cells.append(_paid(metrics))
        cells += [grouped(conclusion.finding_count), _word(conclusion.verdict, conclusion.is_control)]
        table.add_row(*cells)
    return table


def _by_scenario(rows: Sequence[Series], narrow: bool) -> Table:
    """One row for each scenario, engine and front end: conversion phase by phase, marked where it did not hold."""
    table = _new_table(space=0 if narrow else 1)
    table.caption = "ph0 to ph6: conversion in % in that phase; ✗ violated, ? inconclusive"
    table.caption_justify = "left"
    if narrow:
        table.add_column("", no_wrap=True)
    table.add_column("scenario", overflow="fold", min_width=20)
    phases = phases_of(rows)
    for phase in phases:
        table.add_column(f"ph{phase}", justify="right", no_wrap=True)
    if not narrow:
        table.add_column("customers", justify="right", no_wrap=True)
        table.add_column("402s", justify="right", no_wrap=True)
        table.add_column("paid p50 / p95", justify="right", no_wrap=True)
    table.add_column("findings", justify="right", no_wrap=True)
    if not narrow:
        table.add_column("verdict", no_wrap=True)
    for row in rows:
        name = _escaped(f"{row.scenario} ({row.label})" if row.label else row.scenario)
        shares = [_phase_cell(row.by_phase.get(phase)) for phase in phases]
        found = grouped(row.finding_count)
        if narrow:
            table.add_row(f"[{_STYLES[row.verdict]}]{MARKS[row.verdict]}[/]", name, *shares, found)
            continue
        figures = (grouped(row.customers), _rejections(row), _paid(row.conclusions[-1].outcome.metrics))
        table.add_row(name, *shares, *figures, found, _word(row.verdict, row.is_control))
    return table


def _phase_cell(conclusion: Conclusion | None) -> str:
    if conclusion is None:
        return ""
    share = conclusion.outcome.metrics.conversion()
    text = "–" if share is None else f"{100 * share.value:.0f}"
    if conclusion.verdict == "held":
        return text
    return f"[{_STYLES[conclusion.verdict]}]{MARKS[conclusion.verdict]}{text}[/]"


def _word(verdict: str, control: bool = False) -> str:
    word = "intended" if control and verdict == "held" else WORDS[verdict].lower()
    return f"[{_STYLES[verdict]}]{MARKS[verdict]} {word}[/]"


def _paid(metrics: Metrics) -> str:
    if not metrics.payment_times_us:
        return "–"
    return f"{duration(metrics.time_to_payment_s(0.5))} / {duration(metrics.time_to_payment_s(0.95))}"


def _rejections(row: Series) -> str:
    def count(phases: Iterable[int]) -> str:
        chosen = [row.by_phase[phase].outcome.metrics.rejection_count for phase in phases]
        return grouped(sum(chosen)) if chosen else "–"

    before = [phase for phase in row.phases if phase < COMMITMENT_PHASE]
    after = [phase for phase in row.phases if phase >= COMMITMENT_PHASE]
    return f"{count(before)} → {count(after)}"


def _lines(run: RunConclusion, page: Path | None) -> Iterator[str]:
    yield from _finding_lines(run)
    yield from _expectation_lines(run)
    yield from _undecided_lines(run)
    yield from _intended_lines(run)
    yield from _replay_lines(run)
    outcome = run.outcome
    style = _STYLES[run.verdict]
    yield f"[{style}]{MARKS[run.verdict]} {WORDS[run.verdict]}.[/] {_escaped(sentence(run))}"
    if outcome.left_out:
        count = many(len(outcome.left_out), "variant")
        yield f"Left out: {count} that cannot be run at {_escaped(outcome.target)}; result.json says which and why."
    if page is not None:
        yield f"Report: {_escaped(str(page))}"
    yield f"gatefall {outcome.version} · seed {outcome.seed} · target {_escaped(outcome.target)}"
    yield f"Facts: sha256 {outcome.facts_sha256}{'' if outcome.complete else ' (incomplete)'}"


def _finding_lines(run: RunConclusion) -> Iterator[str]:
    """The worst of each broken property, where it was worst."""
    worst: dict[str, tuple[Conclusion, Finding]] = {}
    counts: dict[str, int] = {}
    for conclusion in run.variants:
        for verdict in conclusion.unexpected:
            finding = verdict.worst
            counts[verdict.property] = counts.get(verdict.property, 0) + verdict.violations
            known = worst.get(verdict.property)
            if finding is not None and (known is None or finding.magnitude > known[1].magnitude):
                worst[verdict.property] = (conclusion, finding)
    gravest_first = sorted(worst.values(), key=lambda case: _SEVERITIES.index(case[1].severity))
    for conclusion, finding in gravest_first[:MOST_FINDINGS]:
        place = f"{conclusion.outcome.scenario}, {conclusion.outcome.slug}, customer {finding.customer}"
        count = counts[finding.property]
        which = "the only one" if count == 1 else f"the worst of {grouped(count)}"
        yield (
            f"[bold red]{finding.property}[/] ({finding.severity}) in {_escaped(place)}, "
            f"{clock(finding.time_us)}, {which}:"
        )
        yield f"  {_escaped(redacted(finding.proof))}"
    if len(worst) > MOST_FINDINGS:
        yield f"  … and {many(len(worst) - MOST_FINDINGS, 'more property', 'more properties')} broken; see the report."


def _expectation_lines(run: RunConclusion) -> Iterator[str]:
    """The expectations that were not met, each once."""
    places: dict[str, list[str]] = {}
    for conclusion in run.variants:
        reasons = conclusion.reasons[len(conclusion.broken) : len(conclusion.broken) + len(conclusion.failed)]
        for reason in reasons:
            places.setdefault(reason, []).append(f"{conclusion.outcome.scenario}, {conclusion.outcome.slug}")
    for reason, where in list(places.items())[:MOST_LINES]:
        more = f" and {len(where) - 1} more" if len(where) > 1 else ""
        yield f"[bold red]not met[/] in {_escaped(where[0])}{more}: {_escaped(reason)}"
    if len(places) > MOST_LINES:
        yield f"  … and {len(places) - MOST_LINES} more; see the report."


def _undecided_lines(run: RunConclusion) -> Iterator[str]:
    """What makes the run inconclusive, each once; then in one line what merely was not there to judge."""
    counting: dict[str, list[str]] = {}
    passive: dict[str, int] = {}
    for conclusion in run.variants:
        for item in conclusion.undecided:
            if item.counts:
                counting.setdefault(f"{item.name}: {item.reason}", []).append(conclusion.outcome.scenario)
            else:
                passive[item.name] = passive.get(item.name, 0) + 1
    for text, scenarios in list(counting.items())[:MOST_LINES]:
        more = f" and {len(scenarios) - 1} more" if len(scenarios) > 1 else ""
        yield f"[yellow]inconclusive[/] in {_escaped(scenarios[0])}{more}: {_escaped(redacted(text))}"
    if len(counting) > MOST_LINES:
        yield f"  … and {len(counting) - MOST_LINES} more; see the report."
    never = sorted(name for name, count in passive.items() if count == len(run.variants))
    if never and any(conclusion.outcome.customers for conclusion in run.variants):
        yield f"Had nothing to judge in this run: {', '.join(never)}."


def _intended_lines(run: RunConclusion) -> Iterator[str]:
    """What negative controls broke, as they were meant to."""
    broken: dict[str, dict[str, int]] = {}
    for conclusion in run.variants:
        for verdict in conclusion.intended:
            counts = broken.setdefault(conclusion.outcome.scenario, {})
            counts[verdict.property] = counts.get(verdict.property, 0) + verdict.violations
    for scenario, counts in list(broken.items())[:MOST_LINES]:
        listed = ", ".join(f"{name} ({grouped(count)} times)" for name, count in counts.items())
        yield f"As intended, {_escaped(scenario)} violates {listed}."


def _replay_lines(run: RunConclusion) -> Iterator[str]:
    """One line for each failing scenario that runs its worst offender again."""
    replayed: dict[str, str] = {}
    for conclusion in run.variants:
        for verdict in conclusion.unexpected:
            if verdict.worst is not None and conclusion.outcome.scenario not in replayed:
                line = run.outcome.replay_line(conclusion.outcome, verdict.worst.customer)
                replayed[conclusion.outcome.scenario] = line
    for line in replayed.values():
        yield f"Replay: {_escaped(line)}"


def _escaped(text: str) -> str:
    """Text of others, kept from being read as markup."""
    from rich.markup import escape

    return escape(text)
