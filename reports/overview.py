"""The first screen: the verdict in one sentence, the three numbers that matter, and the reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports.conclusion import RunConclusion
from reports.series import DEFAULT_REGIME, Series
from reports.statistics import Difference, Proportion, difference
from scenarios.phase import COMMITMENT_PHASE

MOST_REASONS: Final = 8

WORDS: Final = {"held": "Passed", "violated": "Violated", "inconclusive": "Inconclusive"}
MARKS: Final = {"held": "✓", "violated": "✗", "inconclusive": "?"}


@dataclass(frozen=True, slots=True)
class Number:
    """One of the numbers that matter: what it is, the number itself, and what it rests on."""

    title: str
    value: str
    note: str
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """The first screen. `headline` is the row that figures before and after removal are read from."""

    verdict: str
    word: str
    sentence: str
    numbers: tuple[Number, ...]
    reasons: tuple[str, ...]
    reasons_left: int
    headline: Series | None


def overview(run: RunConclusion, rows: Sequence[Series]) -> Overview:
    """What someone who reads nothing else must know."""
    headline = headline_of(rows)
    reasons = _reasons(run, headline)
    return Overview(
        verdict=run.verdict,
        word=WORDS[run.verdict],
        sentence=sentence(run),
        numbers=(_conversion(headline), _rejections(rows), _findings(run)),
        reasons=tuple(reasons[:MOST_REASONS]),
        reasons_left=max(0, len(reasons) - MOST_REASONS),
        headline=headline,
    )


def headline_of(rows: Sequence[Series]) -> Series | None:
    """The row that tells most: of those that ran both before and after removal, the one with the broadest mix.

    A negative control shows what must not be done, so it is not chosen; nor is an engine other than the default while
    there is another. The broadest mix is the one with the most different kinds of attempts, then the most attempts.
    """
    candidates = [row for row in rows if not row.is_control] or list(rows)
    usual = [row for row in candidates if row.conclusions[0].outcome.variant.regime == DEFAULT_REGIME]
    candidates = usual or candidates
    both = [row for row in candidates if row.first is not None and row.last is not None]
    return max(both or candidates, key=_breadth, default=None)


def sentence(run: RunConclusion) -> str:
    """The verdict in one sentence."""
    variants = run.variants
    total, scenarios = len(variants), len({conclusion.outcome.scenario for conclusion in variants})
    customers = sum(conclusion.outcome.customers for conclusion in variants)
    scope = f"{many(total, 'variant')} of {many(scenarios, 'scenario')} with {many(customers, 'customer')}"
    if run.outcome.trouble is not None:
        return f"The run did not come about ({run.outcome.trouble}), so it says nothing about the system."
    if run.verdict == "violated":
        bad = sum(conclusion.verdict == "violated" for conclusion in variants)
        return f"Not safe as it stands: {bad} of {scope} failed ({_what_broke(run)})."
    if run.verdict == "inconclusive":
        open_ones = sum(conclusion.verdict == "inconclusive" for conclusion in variants)
        return f"Not decided: nothing was found broken, but {open_ones} of {scope} could not be judged in full."
    controls = sum(conclusion.is_control for conclusion in variants)
    caught = f", and {many(controls, 'negative control')} failed just as intended" if controls else ""
    return f"Everything that was checked held in {scope}{caught}."


def _what_broke(run: RunConclusion) -> str:
    broken = {verdict.property for one in run.variants for verdict in one.unexpected}
    missed = {checked.expression for one in run.variants for checked in one.failed}
    parts = [f"{many(len(broken), 'property', 'properties')} broken"] if broken else []
    parts += [f"{many(len(missed), 'expectation')} not met"] if missed else []
    return " and ".join(parts)


def many(count: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun."""
    return f"{grouped(count)} {noun if count == 1 else plural or noun + 's'}"


def grouped(count: int) -> str:
    """A count with narrow spaces between its thousands, from five digits on."""
    return f"{count:,}".replace(",", "\u202f") if count >= 10_000 else str(count)


def percent(share: Proportion | float | None, digits: int = 0) -> str:
    """A share as people read it; a dash where there is none."""
    if share is None:
        return "–"
    value = share.value if isinstance(share, Proportion) else share
    return f"{value:.{digits}%}".replace("%", "\u202f%")


def interval(share: Proportion | None) -> str:
    """The interval of a share, in percent."""
    if share is None:
        return "no data"
    return f"{100 * share.low:.0f}–{percent(share.high)}"


def points(change: Difference) -> str:
    """A difference in percentage points, with its interval."""
    value, low, high = (100 * number for number in change)
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})".replace("-", "−")


def _breadth(row: Series) -> tuple[int, int]:
    kinds = {kind for one in row.conclusions for kind in one.outcome.metrics.attempts}
    return len(kinds), sum(one.outcome.metrics.attempt_count for one in row.conclusions)


def _conversion(headline: Series | None) -> Number:
    title = "Conversion"
    if headline is None:
        return Number(title, "–", "no scenario was run")
    if headline.first is None or headline.last is None:
        only = headline.conclusions[-1]
        share = only.outcome.metrics.conversion()
        phase = only.outcome.variant.phase
        return Number(
            title, percent(share), f"{headline.name}, phase {phase}: {interval(share)}; no phase to compare it with"
        )
    before, after = headline.first.outcome, headline.last.outcome
    first, last = before.metrics.conversion(), after.metrics.conversion()
    change = difference(last, first)
    note = (
        f"{headline.name}: phase {before.variant.phase} ({interval(first)}) to {after.variant.phase} ({interval(last)})"
    )
    good = None
    if change is not None:
        note += f"; {points(change)}"
        note += _lowest_between(headline)
        good = None if change.low < 0 < change.high else change.value >= 0
    return Number(title, f"{percent(first)} → {percent(last)}", note, good)


def _lowest_between(headline: Series) -> str:
    """Where conversion is lowest on the way, if that is lower than at both ends."""
    shares = [(share.value, phase) for phase in headline.phases if (share := headline.conversion(phase)) is not None]
    value, phase = min(shares)
    return "" if phase in (shares[0][1], shares[-1][1]) else f"; lowest on the way: {percent(value)} in phase {phase}"


def _rejections(rows: Sequence[Series]) -> Number:
    title = "402/1210 rejections"
    before = after = 0
    phases_seen: set[bool] = set()
    for row in rows:
        for phase, conclusion in row.by_phase.items():
            if conclusion.is_control:
                continue
            removed = phase >= COMMITMENT_PHASE
            phases_seen.add(removed)
            if removed:
                after += conclusion.outcome.metrics.rejection_count
            else:
                before += conclusion.outcome.metrics.rejection_count
    shown_before = grouped(before) if False in phases_seen else "–"
    shown_after = grouped(after) if True in phases_seen else "–"
    note = "in all scenarios but negative controls: phases 0 and 1, then from phase 2 on, where there must be none"
    return Number(title, f"{shown_before} → {shown_after}", note, after == 0 if True in phases_seen else None)


def _findings(run: RunConclusion) -> Number:
    count = sum(conclusion.finding_count for conclusion in run.variants)
    names = {verdict.property for one in run.variants for verdict in one.unexpected}
    intended = sum(verdict.violations for one in run.variants for verdict in one.intended)
    note = f"of {many(len(names), 'property', 'properties')}" if names else "no property was broken unexpectedly"
    if intended:
        note += f"; {grouped(intended)} more in negative controls, as intended"
    return Number("Findings", grouped(count), note, count == 0)


def _reasons(run: RunConclusion, headline: Series | None) -> list[str]:
    """Why: what broke, by property and by expectation, then what could not be judged, then where conversion drops."""
    broken: dict[str, list[str]] = {}
    missed: dict[str, list[str]] = {}
    undecided: dict[str, list[str]] = {}
    for conclusion in run.variants:
        place = f"{conclusion.outcome.scenario}, phase {conclusion.outcome.variant.phase}"
        for verdict in conclusion.unexpected:
            broken.setdefault(verdict.property, []).append(place)
        for checked in conclusion.failed:
            text = f"the control “{checked.expression}” did not bite" if checked.intent else checked.expression
            missed.setdefault(text, []).append(place)
        for item in conclusion.undecided:
            if item.counts:
                undecided.setdefault(item.name, []).append(place)
    reasons = [f"{name} is violated in {_places(places)}." for name, places in broken.items()]
    reasons += [f"Expectation not met: {text}, in {_places(places)}." for text, places in missed.items()]
    reasons += [f"Not decided: {name}, in {_places(places)}." for name, places in undecided.items()]
    reasons += _dips(headline)
    return reasons


def _places(places: Sequence[str]) -> str:
    if len(places) <= 2:
        return " and in ".join(places)
    return f"{places[0]} and {len(places) - 1} more variants"


def _dips(headline: Series | None) -> list[str]:
    """Phases of the headline scenario in which conversion is below the start beyond what chance explains."""
    if headline is None or headline.first is None:
        return []
    start_phase = headline.first.outcome.variant.phase
    start = headline.conversion(start_phase)
    found = []
    for phase in headline.phases:
        change = difference(headline.conversion(phase), start)
        if phase > start_phase and change is not None and change.high < 0:
            share = headline.conversion(phase)
            found.append(
                f"Conversion drops in phase {phase}: {percent(share)} against {percent(start)} in phase {start_phase} "
                f"of {headline.name}, {points(change)}."
            )
    return found
