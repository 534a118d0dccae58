"""The suite's items: each variant is one. Its customers are run as its set-up, and judged as its test.

So an item that fails is a finding, and one that could not be carried out is an error, as pytest's users expect.
"""

from __future__ import annotations

import gc
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from _pytest._code.code import ExceptionInfo, TerminalRepr

from conformance.judging import Judging
from conformance.redaction import redacted
from conformance.running import CellResult, Plan
from conformance.suite.suite_run import SuiteRun, item_name, judging_of, slug_of
from conformance.suite.trouble import SET_UP_FAILED, Trouble
from conformance.verdict import PropertyVerdict
from scenarios.scenario import Variant

SUITE_FILE: Final = Path(__file__)
"""The file that pytest collects the suite from."""
UNSEEN: Final = ("nothing_observed", "not_applicable")
"""Ways to be inconclusive that say that a scenario was not about a property."""


class Violated(Exception):
    """Properties are violated. The message is the argument."""


class Run:
    """What the items of one process share: the suite, and where it is recorded."""

    def __init__(self, suite: SuiteRun, out: Path) -> None:
        self.suite = suite
        self.out = out
        self._plan: Plan | None = None

    @property
    def plan(self) -> Plan:
        """The plan of all variants: a cell's facts depend on its variant alone, whatever else is chosen."""
        if self._plan is None:
            suite = self.suite
            self._plan = Plan(suite.manifest_of(suite.variants), suite.variants)
        return self._plan


class SuiteFile(pytest.File):
    """Collects the variants."""

    run: Run

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each variant, named `conforms[scenario]`."""
        variants = self.run.suite.variants
        for number, variant in enumerate(variants):
            name = f"conforms[{item_name(variant, variants)}]"
            # The whole id at once: else the cache of pytest reads it back otherwise than it wrote it.
            item: VariantItem = VariantItem.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}")
            item.take(self.run, number, variant)
            yield item
        gc.freeze()  # each item collects garbage to the end; what is there by now would be looked at every time


class VariantItem(pytest.Item):
    """One variant."""

    run: Run
    number: int
    variant: Variant
    conclusion: str | None = None
    """"inconclusive", "refused" or "set-up failed", where it neither passed nor failed."""

    def take(self, run: Run, number: int, variant: Variant) -> None:
        """Say which one it is."""
        self.run, self.number, self.variant = run, number, variant
        self._results: list[CellResult] = []
        self.keywords[variant.scenario.name] = True

    def setup(self) -> None:
        """Let the customers loose on the target, and record what happens. Raises Trouble."""
        try:
            self._results = self.run.suite.carry_out(self.run.plan, self.number, self.run.out)
        except Trouble as trouble:
            self.conclusion = "set-up failed" if trouble.exit_code == SET_UP_FAILED else "refused"
            if self.run.suite.in_one_process:  # the next would fail at the same
                self.session.shouldstop = redacted(str(trouble).partition("\n")[0])
            raise

    def runtest(self) -> None:
        """Judge what was recorded. Raises Violated."""
        judging = judging_of(self.variant)
        for result in self._results:
            [folded] = result.folds
            assert isinstance(folded, Judging)
            judging.merge(folded)
        verdicts = judging.verdicts()
        violated = [verdict for verdict in verdicts if verdict.value == "violated"]
        if violated:
            raise Violated("\n\n".join(self._argument(verdict) for verdict in violated))
        open_ones = list(left_open(verdicts))
        if open_ones:
            self.conclusion = "inconclusive"
            pytest.skip(redacted("; ".join(open_ones)))

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], *arguments: Any) -> str | TerminalRepr:
        """An argument, or what kept the item from being run; a traceback only for a defect of Gatefall."""
        if isinstance(excinfo.value, Violated | Trouble):
            return redacted(str(excinfo.value))
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The headline of the item in a report: what the scenario is about."""
        return self.path, None, f"{self.name}: {self.variant.scenario.title}"

    def _argument(self, verdict: PropertyVerdict) -> str:
        finding = verdict.worst
        assert finding is not None
        head = f"{verdict.property} ({verdict.severity}) is violated: {verdict.reason}"
        who = f"customer {finding.customer}, account {finding.account}: {finding.proof}"
        return f"{head}\n  {who}\n  replay: {self.replay_line(finding.customer)}"

    def replay_line(self, customer: int) -> str:
        """The command that runs a customer again and tells everything."""
        names = ["--scenario", self.variant.scenario.name, "--variant", slug_of(self.variant)]
        return shlex.join(["gatefall", "replay", _short(self.run.out), *names, "--customer", str(customer)])


def left_open(verdicts: Iterable[PropertyVerdict]) -> Iterator[str]:
    """What should have been judged and could not be, in words."""
    checked = False
    for verdict in verdicts:
        checked = checked or verdict.checks > 0
        if verdict.value == "inconclusive" and verdict.because not in UNSEEN:
            yield f"{verdict.property}: {verdict.reason}"
    if not checked:
        yield "not one of the properties had anything to check"


def _short(path: Path) -> str:
    """A path as seen from the current directory, if it lies inside."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
