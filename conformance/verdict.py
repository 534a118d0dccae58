"""Verdicts have three values, and inconclusive never hides violated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from conformance.finding import Finding, Severity, Tier

Value = Literal["held", "violated", "inconclusive"]
Because = Literal["found", "checked", "nothing_observed", "not_applicable", "undecided", "crashed"]


@dataclass(frozen=True, slots=True)
class TierVerdict:
    """The findings of one property at one tier: how many, the first, and the worst."""

    tier: Tier
    violations: int
    first: Finding
    worst: Finding


@dataclass(frozen=True, slots=True)
class PropertyVerdict:
    """What was judged of one property over all histories.

    `because` tells apart the ways to be inconclusive: `not_applicable` and `nothing_observed` say that the run was not
    about this, `undecided` and `crashed` that it should have been. `reason` says it in words. `noted` counts what the
    property notes besides findings. `crash` is the text of the first crash.
    """

    property: str
    severity: Severity
    value: Value
    because: Because
    reason: str
    histories: int
    checks: int
    violations: int
    offending_customers: int
    undecided_histories: int
    crashes: int
    crash: str | None
    first: Finding | None
    worst: Finding | None
    by_tier: tuple[TierVerdict, ...]
    offenders: tuple[int, ...]
    noted: tuple[tuple[str, int], ...]


def overall(values: Iterable[Value]) -> Value:
    """Several verdicts in one: violated if any is; else inconclusive if any is, or if there are none; else held."""
    seen: Value | None = None
    for value in values:
        if value == "violated":
            return "violated"
        if value == "inconclusive" or seen is None:
            seen = value
    return seen or "inconclusive"
