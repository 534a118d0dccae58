"""From what was recorded and folded to what reports are made from."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from conformance.harness import read_harness_note
from conformance.judging import Judging
from conformance.manifest import Manifest, StoredScenario, StoredSuite
from conformance.running import Plan, RunRecord, VariantRecord, find_customers
from conformance.simulated import NAME as SIMULATED
from conformance.verdict import PropertyVerdict
from reports.metrics import Metrics
from reports.outcome import RunOutcome, VariantOutcome
from scenarios.library import library_files
from sim.facts import Fact

_WHY_INCOMPLETE: Final = {
    "running": "the run was stopped before it ended",
    "interrupted": "the run was interrupted",
    "failed": "the run failed",
    "complete": "recorded files are missing",
}


def outcome_of(record: RunRecord, plan: Plan, out: Path) -> RunOutcome:
    """The outcome of a run, with the whole stories of the customers that findings name."""
    manifest = record.manifest
    return RunOutcome(
        version=manifest.gatefall,
        seed=manifest.seed,
        target=manifest.target,
        variants=[_variant(record, number, plan, out) for number in range(len(record.variants))],
        facts_sha256=record.facts_sha256,
        out=str(out),
        command=repeating_line(manifest),
        left_out=manifest.left_out,
    )


def repeating_line(manifest: Manifest) -> str:
    """The command that makes the same run again."""
    if manifest.suite is not None:
        return _conforming_line(manifest, manifest.suite)
    words = ["gatefall", "run"]
    if [one.name for one in manifest.scenarios] != list(library_files()):
        words += [_as_named(one) for one in manifest.scenarios]
    if manifest.target != SIMULATED:
        words += ["--target", manifest.target]
    if manifest.phases:
        words += ["--phase", ",".join(map(str, manifest.phases))]
    if manifest.customers is not None:
        words += ["--customers", str(manifest.customers)]
    return shlex.join([*words, "--seed", str(manifest.seed)])


def _conforming_line(manifest: Manifest, suite: StoredSuite) -> str:
    """The same for a run of the conformance suite. What -k chose is not in it: the whole suite shows the same."""
    words = ["gatefall", "conform", "--target", manifest.target]
    words += ["--phase", str(suite.phase), "--regime", suite.regime]
    if manifest.customers is not None:
        words += ["--customers", str(manifest.customers)]
    return shlex.join([*words, "--seed", str(manifest.seed)])


def _as_named(stored: StoredScenario) -> str:
    """A scenario of the library by its name, which means the same wherever Gatefall is installed."""
    path = library_files().get(stored.name)
    try:
        return stored.name if path is not None and path.read_text(encoding="utf-8") == stored.text else stored.file
    except (OSError, UnicodeDecodeError):
        return stored.file


def _variant(record: RunRecord, number: int, plan: Plan, out: Path) -> VariantOutcome:
    variant = record.variants[number]
    judging, metrics = variant.folds
    assert isinstance(judging, Judging)
    assert isinstance(metrics, Metrics)
    verdicts = judging.verdicts()
    note = read_harness_note(out)
    return VariantOutcome(
        variant=variant.variant,
        slug=variant.slug,
        customers=variant.customers,
        verdicts=verdicts,
        metrics=metrics,
        facts_sha256=variant.facts_sha256,
        complete=variant.complete,
        harness_late=None if note is None else note.too_late,
        incomplete_because=None if variant.complete else _why_incomplete(record, variant),
        stories=_stories(verdicts, plan, out, number),
    )


def _why_incomplete(record: RunRecord, variant: VariantRecord) -> str:
    return "; ".join(variant.damaged) or _WHY_INCOMPLETE[record.manifest.status]


def _stories(verdicts: Sequence[PropertyVerdict], plan: Plan, out: Path, variant: int) -> Mapping[int, Sequence[Fact]]:
    findings = [finding for verdict in verdicts for finding in (verdict.first, verdict.worst) if finding is not None]
    customers = sorted({finding.customer for finding in findings})
    found = find_customers(plan, out, variant, customers) if customers else {}
    return {number: recorded.facts for number, recorded in found.items()}
