"""`gatefall conform`: the conformance suite, run by pytest, which `pytest conformance` does from a checkout."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from gatefall.exit_codes import ExitCode

_SETTINGS: Final = {"ignore_unknown_options": True, "allow_extra_args": True}
_PLUGIN: Final = "conformance.suite.plugin"
_PYTEST_USAGE_ERROR: Final = 4
"""pytest's exit code for a mistake in its arguments."""


@click.command(
    short_help="Run the conformance suite against a target.", context_settings=_SETTINGS, add_help_option=False
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("-h", "--help", "wants_help", is_flag=True, help="Show this message and exit.")
@click.pass_context
def conform(context: click.Context, arguments: tuple[str, ...], wants_help: bool) -> int:
    """Run the conformance suite against a target in one phase: every scenario, with a few customers each.

    It ends with a table of properties and with what was never exercised. What happened is recorded as any run is.

    \b
    Options:
      --target NAME      simulated, mock, or the profile of a deployment (*.toml)  [default: mock]
      --phase N          the phase that the target is in  [default: what its profile says, else 4]
      --regime NAME      its engine regime  [default: what its profile says, else continuation]
      --customers N      customers in each scenario  [default: as many as meet every name of its mixes]
      --seed S           the same seed, the same customers  [default: 1]
      --out DIR          where to record the run  [default: runs/001, runs/002, …]
      --force            replace the run that is recorded in --out
      --strict           fail if anything was never exercised

    \b
    It is pytest that runs it, and takes its own options too, among them:
      -k WORDS           only scenarios whose name matches:  -k "paypal and not refused"
      --last-failed      only what failed at the last time
      -x                 stop at the first failure
      -n 2               on so many processes; never at a real deployment
      --junitxml FILE    results for continuous integration
      -v                 a line for each scenario
      --collect-only -q  the names of the scenarios, without running any

    \b
    Examples:
      gatefall conform
      gatefall conform --target staging.toml --out runs/staging
      gatefall conform --phase 2 -k paypal -v
    """
    if wants_help:
        click.echo(context.get_help())
        return ExitCode.PASSED
    import pytest

    suite = Path(str(files("conformance"))) / "suite"
    # No pytest.ini, pyproject.toml or conftest.py of whoever happens to own the current directory has a say here.
    isolated = ["-c", os.fspath(suite / "pytest.ini"), "--rootdir", os.fspath(Path.cwd()), "-p", _PLUGIN]
    code = int(pytest.main([*isolated, os.fspath(suite), *arguments]))
    from conformance.suite.plugin import SuiteSession

    if SuiteSession.recorded is not None:
        _write_reports(SuiteSession.recorded)
    return ExitCode.USAGE if code == _PYTEST_USAGE_ERROR and not SuiteSession.begun else code


def _write_reports(out: Path) -> None:
    """result.json, report.html and junit.xml; what they say, the terminal has been told."""
    from gatefall.reading import fold_recorded
    from gatefall.telling import write_reports

    page = write_reports(*fold_recorded(out, workers=1, quiet=True))
    click.echo(f"report: {page}")
