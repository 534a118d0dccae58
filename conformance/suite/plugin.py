"""The suite as a plugin of pytest: `pytest conformance --target …`, which `gatefall conform` calls too.

Items and their outcomes are pytest's, and so are -k, --last-failed, -n, -x and --junitxml; what they record is a run of
Gatefall's, and the exit code is Gatefall's.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from conformance.redaction import redacted
from conformance.run_directory import DirectoryInUse, claim, next_free_directory
from conformance.running import Plan
from conformance.suite.items import SUITE_FILE, Run, SuiteFile, VariantItem
from conformance.suite.selection import DEFAULT_PHASE, DEFAULT_REGIME
from conformance.suite.suite_run import Settings, SuiteRun, item_name, with_status
from conformance.suite.summary import Summary, summarize
from conformance.suite.trouble import (
    INCONCLUSIVE,
    INTERRUPTED,
    PASSED,
    REFUSED,
    SET_UP_FAILED,
    USAGE,
    VIOLATED,
    Trouble,
)

_RUN: Final = pytest.StashKey[Run]()
_SESSION: Final = "gatefall-suite"
_OUT: Final = "gatefall_out"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The suite's own options. `--strict` is pytest's, and means besides that nothing may be left unexercised."""
    group = parser.getgroup("gatefall", "Gatefall's conformance suite")
    group.addoption(
        "--target", default="mock", metavar="NAME", help="simulated, mock, or the profile of a deployment (*.toml)"
    )
    group.addoption(
        "--phase",
        type=int,
        metavar="N",
        help=f"the phase that the target is in  [default: what its profile says, else {DEFAULT_PHASE}]",
    )
    group.addoption(
        "--regime", metavar="NAME", help=f"its engine regime  [default: what its profile says, else {DEFAULT_REGIME}]"
    )
    group.addoption("--seed", type=int, default=1, metavar="S", help="the same seed, the same customers  [default: 1]")
    group.addoption(
        "--customers",
        type=int,
        metavar="N",
        help="customers in each scenario  [default: as many as meet every name of its mixes]",
    )
    group.addoption("--out", metavar="DIR", help="where to record the run  [default: runs/001, runs/002, …]")
    group.addoption("--force", action="store_true", help="replace the run that is recorded in --out")


def pytest_configure(config: pytest.Config) -> None:
    """One session's suite, in the process that leads it."""
    if not hasattr(config, "workerinput") and not config.pluginmanager.has_plugin(_SESSION):
        config.pluginmanager.register(SuiteSession(config), _SESSION)


def pytest_sessionstart(session: pytest.Session) -> None:
    """A worker works in the directory that the leading process has claimed."""
    workerinput = getattr(session.config, "workerinput", None)
    if workerinput is not None and _OUT in workerinput:
        session.config.stash[_RUN] = Run(SuiteRun(_settings(session.config)), Path(workerinput[_OUT]))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """The suite is collected from its own file, where it is asked for."""
    if file_path != SUITE_FILE:
        return None
    collected: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    collected.run = parent.config.stash[_RUN]
    return collected


def pytest_unconfigure() -> None:
    """Take back what collecting the suite did to the collector of garbage."""
    gc.unfreeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Carry an item's own outcome in its report, from process to process too."""
    report: Any = yield
    if isinstance(item, VariantItem) and item.conclusion is not None:
        report.gatefall = item.conclusion
    return report


def pytest_report_teststatus(report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Inconclusive is an outcome of its own: neither passed nor skipped."""
    if getattr(report, "gatefall", None) == "inconclusive" and report.skipped:
        return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
    return None


class SuiteSession:
    """What the leading process does: claim a directory, write the manifest, fold what was recorded, tell it."""

    begun: ClassVar[bool] = False
    """Whether a session has begun in this process: pytest found nothing wrong with its arguments."""
    recorded: ClassVar[Path | None] = None
    """Where the last session of this process recorded a run."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._run: Run | None = None
        self._plan: Plan | None = None
        self._problems: set[int] = set()
        self._summary: Summary | None = None
        self._left: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Begin the run, before anything is collected. Ends the session where there can be none."""
        SuiteSession.begun = True
        try:
            suite = SuiteRun(_settings(self._config))
            self._check_processes(suite)
            assert suite.variants is not None  # whatever is wrong with scenarios is told before a directory is claimed
            self._run = Run(suite, Path() if self._only_collects else self._claimed())
        except Trouble as trouble:
            pytest.exit(redacted(str(trouble)), trouble.exit_code)
        self._config.stash[_RUN] = self._run

    @property
    def _only_collects(self) -> bool:
        return bool(self._config.getoption("collectonly", False))

    def _check_processes(self, suite: SuiteRun) -> None:
        processes = self._config.getoption("numprocesses", None)
        if suite.in_one_process and processes is not None and processes > 1:
            raise Trouble(
                f"-n {processes}: a deployment's cap, rate and journal are for all customers together, so that one "
                "process runs them; leave -n out (limits.concurrency says how many customers come at once)"
            )

    def _claimed(self) -> Path:
        named = self._config.getoption("out")
        out = (Path(named) if named else next_free_directory()).absolute()
        try:
            claim(out, self._config.getoption("force"))
        except DirectoryInUse as error:
            raise Trouble(str(error)) from error
        return out

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where the run is recorded."""
        assert self._run is not None
        node.workerinput[_OUT] = str(self._run.out)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Workers collect; what they found is known before the first item is run."""
        self._write_plan([one.partition("::")[2] for one in ids if one.partition("::")[0].endswith(SUITE_FILE.name)])

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What is left after -k and the like is the plan."""
        if self._run is not None:
            self._write_plan([item.name for item in session.items if isinstance(item, VariantItem)])

    def _write_plan(self, names: Sequence[str]) -> None:
        run = self._run
        if run is None or self._plan is not None or not names or self._only_collects:
            return
        variants = run.suite.variants
        chosen = [one for one in variants if f"conforms[{item_name(one, variants)}]" in names]
        try:
            self._plan = run.suite.plan(chosen)
        except Trouble as trouble:
            self._problems.add(trouble.exit_code)
            pytest.exit(redacted(str(trouble)), trouble.exit_code)
        self._plan.manifest.write(run.out)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Remember what could not be carried out."""
        conclusion = getattr(report, "gatefall", None)
        if conclusion in ("refused", "set-up failed"):
            self._problems.add(REFUSED if conclusion == "refused" else SET_UP_FAILED)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fold what was recorded, and say what it comes to."""
        if self._run is None or self._only_collects:
            return
        if self._plan is None:
            with contextlib.suppress(OSError):  # it was claimed for nothing
                self._run.out.rmdir()
        else:
            interrupted = exitstatus == pytest.ExitCode.INTERRUPTED and not session.shouldstop
            status = "interrupted" if interrupted else "failed" if self._problems else "complete"
            self._plan = with_status(self._plan, status)
            self._left = self._run.suite.end(self._run.out)
            self._plan.manifest.write(self._run.out)
            SuiteSession.recorded = self._run.out
            self._summary = summarize(self._plan, self._run.out, self._run.suite.left_out)
        session.exitstatus = self._exit_code(session, exitstatus)

    def _exit_code(self, session: pytest.Session, exitstatus: int) -> int:
        if exitstatus == pytest.ExitCode.INTERRUPTED and not session.shouldstop and not self._problems:
            return INTERRUPTED
        for code in (REFUSED, SET_UP_FAILED, USAGE):
            if code in self._problems:
                return code
        if exitstatus == pytest.ExitCode.INTERNAL_ERROR:
            return SET_UP_FAILED
        if self._summary is None:
            return USAGE
        value = self._summary.value
        if value == "violated":
            return VIOLATED
        if session.testsfailed:
            return SET_UP_FAILED
        if value == "inconclusive":
            return INCONCLUSIVE
        return VIOLATED if self._strict and self._summary.gaps else PASSED

    @property
    def _strict(self) -> bool:
        try:
            return bool(self._config.getini("strict"))
        except ValueError:  # pytest before 9
            return bool(self._config.getoption("strict", False))

    def pytest_report_header(self) -> str | None:
        """Nothing is known before collection; the target at least."""
        return f"gatefall: target {self._config.getoption('target')}, seed {self._config.getoption('seed')}"

    def pytest_terminal_summary(self, terminalreporter: Any, exitstatus: int) -> None:
        """The table of properties, coverage, and what to type next."""
        if self._run is None:
            return
        if self._summary is None:
            if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not self._problems:
                terminalreporter.write_line(self._nothing_selected(), red=True)
            return
        self._summary.write(terminalreporter, strict=self._strict, left=self._left)

    def _nothing_selected(self) -> str:
        assert self._run is not None
        keyword = self._config.getoption("keyword", "")
        named = f' "{keyword}"' if keyword else ""
        return (
            f"no scenario of the suite matches{named}; `pytest conformance --collect-only -q` or "
            "`gatefall conform --collect-only -q` shows their names"
        )


def _settings(config: pytest.Config) -> Settings:
    option = config.getoption
    customers = option("customers")
    if customers is not None and customers < 1:
        raise Trouble(f"--customers {customers}: expected a number from 1 on")
    if option("seed") < 0:
        raise Trouble(f"--seed {option('seed')}: expected a number from 0 on")
    return Settings(option("target"), option("phase"), option("regime"), option("seed"), customers)
