"""`result.json`: everything a run comes to, for programs. The same run gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson

from conformance.finding import Finding
from conformance.redaction import redacted, redacted_value
from conformance.verdict import PropertyVerdict
from reports.conclusion import Conclusion, conclude_run
from reports.metrics import Metrics
from reports.outcome import RunOutcome
from reports.statistics import Proportion
from sim.facts import Fact
from sim.time import rfc3339

FORMAT: Final = 1
"""Raised whenever a member changes its meaning or goes; new members may come at any time."""

_DIGITS: Final = 6


def write_result(path: Path, outcome: RunOutcome) -> None:
    """Write `result.json`, at once or not at all."""
    data = orjson.dumps(result(outcome), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def result(outcome: RunOutcome) -> dict[str, Any]:
    """The members of `result.json`, in their order."""
    conclusion = conclude_run(outcome)
    document: dict[str, Any] = {
        "gatefall": outcome.version,
        "format": FORMAT,
        "seed": outcome.seed,
        "target": outcome.target,
        "scenarios": [_variant(variant) for variant in conclusion.variants],
        "facts_sha256": outcome.facts_sha256,
        "complete": outcome.complete,
        "verdict": conclusion.verdict,
        "exit_code": conclusion.exit_code,
    }
    for name in ("started", "finished", "trouble"):
        if getattr(outcome, name) is not None:
            document[name] = getattr(outcome, name)
    if outcome.left_out:
        document["left_out"] = [
            {"name": one.scenario, "slug": one.slug, "because": one.because} for one in outcome.left_out
        ]
    return document


def _variant(conclusion: Conclusion) -> dict[str, Any]:
    outcome, metrics = conclusion.outcome, conclusion.outcome.metrics
    variant = outcome.variant
    return {
        "name": outcome.scenario,
        "title": variant.scenario.title,
        "file": variant.file,
        "variant": {
            "phase": variant.phase,
            "regime": variant.regime,
            "front_end": variant.front_end,
            "pm_gate": variant.pm_gate,
            "slug": outcome.slug,
        },
        "customers": outcome.customers,
        "attempts": metrics.attempt_count,
        "conversion": _proportion(metrics.conversion()),
        "pm_gate_rejections": _rejections(metrics),
        "time_to_payment_s": {
            "p50": _rounded(metrics.time_to_payment_s(0.5)),
            "p95": _rounded(metrics.time_to_payment_s(0.95)),
        },
        "funnel": [flow._asdict() for flow in metrics.steps()],
        "metrics": {name: _rounded(value) for name, value in metrics.values().items()},
        "expectations": [
            {"expression": checked.expression, "actual": _rounded(checked.actual), "verdict": checked.verdict}
            for checked in conclusion.expectations
        ],
        "properties": {verdict.property: verdict.value for verdict in outcome.verdicts},
        "findings": [
            *_findings(conclusion.unexpected, intended=False),
            *_findings(conclusion.intended, intended=True),
        ],
        "inconclusive": [
            {"name": item.name, "reason": redacted(item.reason), "counts": item.counts} for item in conclusion.undecided
        ],
        "noted": _noted(outcome.verdicts),
        "facts_sha256": outcome.facts_sha256,
        "complete": outcome.complete,
        "verdict": conclusion.verdict,
        "reasons": [redacted(reason) for reason in conclusion.reasons],
    }


def _rejections(metrics: Metrics) -> dict[str, Any]:
    by_operation: dict[str, int] = {}
    by_client: dict[str, int] = {}
    for kind, count in metrics.rejections().items():
        by_operation[kind.operation] = by_operation.get(kind.operation, 0) + count
        by_client[kind.actor] = by_client.get(kind.actor, 0) + count
    rate = metrics.rejection_rate()
    return {
        "count": metrics.rejection_count,
        "rate": None if rate is None else _rounded(rate.value),
        "by_operation": dict(sorted(by_operation.items())),
        "by_client": dict(sorted(by_client.items())),
        "over_time": {
            "bin_us": metrics.bin_us,
            "bins": [
                {"bin": position, "answers": answers, "rejections": metrics.rejected_by_bin.get(position, 0)}
                for position, answers in sorted(metrics.gated_by_bin.items())
            ],
        },
    }


def _findings(verdicts: tuple[PropertyVerdict, ...], intended: bool) -> list[dict[str, Any]]:
    return [
        {
            "property": verdict.property,
            "tier": tier.tier,
            "severity": verdict.severity,
            "count": tier.violations,
            "first": _finding(tier.first),
            "worst": _finding(tier.worst),
            "proof": redacted(tier.worst.proof),
            "expected": intended,
        }
        for verdict in verdicts
        for tier in verdict.by_tier
    ]


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "customer": finding.customer,
        "account": finding.account,
        "time": rfc3339(finding.time_us),
        "time_us": finding.time_us,
        "proof": redacted(finding.proof),
        "magnitude": _rounded(finding.magnitude),
        "facts": [_fact(fact) for fact in finding.facts],
    }


def _fact(fact: Fact) -> dict[str, Any]:
    """A fact that proves a finding, without the columns that it leaves empty."""
    columns = fact._asdict()
    return {name: redacted_value(columns[name]) for name in sorted(columns) if columns[name] is not None}


def _noted(verdicts: Any) -> dict[str, dict[str, int]]:
    """What properties note besides findings, such as who met a 1210."""
    return {verdict.property: dict(verdict.noted) for verdict in verdicts if verdict.noted}


def _proportion(share: Proportion | None) -> dict[str, Any]:
    if share is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {
        "value": _rounded(share.value),
        "low": _rounded(share.low),
        "high": _rounded(share.high),
        "n": share.n,
    }


def _rounded(value: Any) -> Any:
    """Six decimals: more than any figure is known to, and few enough for every machine to agree on them."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, _DIGITS)
    return value
