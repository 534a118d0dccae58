"""Telling what a run came to: on the terminal, and in its files."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from conformance.running import Plan, RunRecord
from gatefall.outcome import outcome_of
from reports.conclusion import conclude_run
from reports.outcome import RunOutcome
from reports.result import write_result
from reports.terminal import print_summary


def tell(record: RunRecord, plan: Plan, out: Path) -> int:
    """Write all reports, print the summary, and return the exit code."""
    outcome = outcome_of(record, plan, out)
    return _print(outcome, _write(outcome, out))


def write_reports(record: RunRecord, plan: Plan, out: Path) -> Path:
    """Write all reports and print nothing; the page."""
    return _write(outcome_of(record, plan, out), out)


def _write(outcome: RunOutcome, out: Path) -> Path:
    from reports.html import write_html
    from reports.junit import write_junit

    write_result(out / "result.json", outcome)
    write_junit(out / "junit.xml", outcome)
    page = out / "report.html"
    write_html(page, outcome)
    return page


def write_verdict(record: RunRecord, plan: Plan, out: Path) -> int:
    """Write result.json, print the summary, and return the exit code."""
    outcome = outcome_of(record, plan, out)
    write_result(out / "result.json", outcome)
    return _print(outcome)


def _print(outcome: RunOutcome, page: Path | None = None) -> int:
    print_summary(Console(), outcome, page)
    return conclude_run(outcome).exit_code
