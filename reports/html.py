"""`report.html`: one self-contained page for people who decide, from the first sentence down to the single fact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from conformance.manifest import LeftOut
from conformance.proof import FRESH_ACCOUNT
from conformance.redaction import redacted
from reports.cards import control_cards, finding_cards
from reports.conclusion import Conclusion, RunConclusion, conclude_run, shown
from reports.metrics import Metrics
from reports.outcome import RunOutcome
from reports.overview import MARKS, WORDS, grouped, interval, many, overview, percent
from reports.plots import (
    Compared,
    Spread,
    before_and_after,
    conversion_by_phase,
    failure_codes,
    funnel,
    rejections_by_phase,
    rejections_over_time,
    time_to_payment,
)
from reports.series import Series, comparable, pooled_conversion, series_of
from reports.statistics import Proportion
from reports.tables import (
    Table,
    consumers_table,
    conversion_table,
    dimension_table,
    duration,
    events_table,
    funnel_table,
    named,
    phases_of,
    spread_table,
)
from scenarios.parameters import PARAMETERS
from scenarios.phase import phase_named
from sim.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US

_DIMENSIONS: Final = (
    ("client", "By client"),
    ("product", "By product"),
    ("pm_on_file", "By payment method on file"),
    ("pays_with", "By how they pay"),
    ("region", "By region"),
)
_MOST_BARS: Final = 24
"""Rows of a plot beyond which it is no longer read; the table below it has them all."""

_MOST_STRETCHES: Final = 20
"""Points of a line over time: few enough that each rests on more than a handful of answers."""

_PERCENTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


def write_html(path: Path, outcome: RunOutcome) -> None:
    """Write `report.html`, at once or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(page(outcome), encoding="utf-8")
    partial.replace(path)


def page(outcome: RunOutcome) -> str:
    """The whole page."""
    return str(_template().render(_context(conclude_run(outcome))))


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    source = files("reports").joinpath("page", "report.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)


def _context(run: RunConclusion) -> dict[str, Any]:
    from markupsafe import Markup

    rows = series_of(run.variants)
    first = overview(run, rows)
    headline = first.headline
    findings, controls = finding_cards(run), control_cards(run)
    undecided, passive = _undecided(run)
    outcome = run.outcome
    context: dict[str, Any] = {
        "css": Markup(files("reports").joinpath("page", "report.css").read_text("utf-8")),
        "version": outcome.version,
        "seed": outcome.seed,
        "target": outcome.target,
        "started": outcome.started,
        "complete": outcome.complete,
        "command": outcome.command,
        "facts_sha256": outcome.facts_sha256,
        "words": WORDS,
        "marks": MARKS,
        "first": first,
        "headline": None if headline is None else headline.name,
        "plots": {name: Markup(svg) for name, svg in _plots(rows, headline).items()},
        "captions": _captions(headline),
        "conversion_table": conversion_table(rows, _anchor),
        "dimensions": [] if headline is None else list(_dimensions(headline)),
        "funnels": [] if headline is None else list(_funnels(headline)),
        "funnel_table": None if headline is None else funnel_table(headline),
        "consumers": consumers_table(rows),
        "spread_table": _EMPTY if headline is None else spread_table(headline),
        "events": _EMPTY if headline is None else events_table(headline),
        "findings": [_with_markup(card) for card in findings],
        "controls": [_with_markup(card) for card in controls],
        "scenarios": list(_scenarios(rows)),
        "undecided": undecided,
        "passive": passive,
        "left_out": _left_out(outcome.left_out),
        "assumptions": [
            {"name": one.name, "value": f"{one.default:g} {one.unit}", "meaning": one.meaning}
            for one in PARAMETERS.values()
            if one.grade == "assumption"
        ],
        "parameter_count": len(PARAMETERS),
        "fresh_account": FRESH_ACCOUNT,
    }
    context["sections"] = _sections(context)
    return context


_EMPTY: Final = Table("", (), ())


def _sections(context: dict[str, Any]) -> list[tuple[str, str]]:
    present = {
        "mix": context["dimensions"],
        "funnel": context["funnels"],
        "time": context["spread_table"].rows,
    }
    sections = (
        ("conversion", "Conversion"),
        ("mix", "Client, product, payment method"),
        ("funnel", "Funnel"),
        ("gate", "402 / 1210"),
        ("time", "Time to payment"),
        ("failures", "Failures"),
        ("findings", f"Findings ({len(context['findings'])})"),
        ("scenarios", "Scenarios"),
        ("inconclusive", "Not judged"),
        ("assumptions", "Assumptions"),
        ("again", "Run it again"),
    )
    return [(link, title) for link, title in sections if present.get(link, True)]


def _with_markup(card: Any) -> Any:
    from dataclasses import replace

    from markupsafe import Markup

    return replace(card, diagram=Markup(card.diagram))


def _anchor(row: Series) -> str:
    return f"scenario-{row.scenario}"


# ---- plots ----

_PLOTS: Final = (
    "conversion",
    "scenarios",
    "rejections_by_phase",
    "rejections_over_time",
    "time_to_payment",
    "failure_codes",
)
"""What the page has a place for; what there is nothing to draw for stays empty."""


def _plots(rows: Sequence[Series], headline: Series | None) -> dict[str, str]:
    plots = dict.fromkeys(_PLOTS, "")
    if headline is None:
        return plots
    lines = [(headline.title, _shares(headline))]
    usual = [row for row in rows if not row.is_control]
    together = comparable(rows)
    if len(together) > 1:
        pooled = {phase: pooled_conversion(together, phase) for phase in phases_of(together)}
        name = f"{len(together)} scenarios together"
        lines.append((name, {phase: share for phase, share in pooled.items() if share is not None}))
    if any(shares for _, shares in lines):
        plots["conversion"] = conversion_by_phase(lines)
    compared = [_compared(row) for row in usual if row.first is not None and row.last is not None]
    if len(compared) > 1:
        plots["scenarios"] = before_and_after(
            "scenarios", sorted(compared, key=_gain)[:_MOST_BARS], "before removal", "last phase"
        )
    rates = {phase: rate for phase in headline.phases if (rate := _rejection_rate(headline, phase)) is not None}
    if rates:
        plots["rejections_by_phase"] = rejections_by_phase(rates)
        plots["rejections_over_time"] = _over_time(headline)
    spreads = list(_spreads(headline))
    if spreads:
        plots["time_to_payment"] = time_to_payment(spreads)
    codes = _codes(headline)
    if codes:
        plots["failure_codes"] = failure_codes(codes, *_two_phases(headline))
    return plots


def _captions(headline: Series | None) -> dict[str, str]:
    name = "" if headline is None else headline.name
    first, last = _two_phases(headline) if headline is not None else (None, "")
    return {
        "conversion": "What to see: whether the line is lower anywhere to the right of the removal than before it. "
        "Bars are 95 % intervals; where they overlap widely, chance explains the difference.",
        "scenarios": "Each scenario before the gate went (circle) and in the last phase (square), largest loss on top. "
        "What to see: any square to the left of its circle.",
        "rejections_by_phase": f"{name}. What to see: nothing at all to the right of the removal.",
        "rejections_over_time": f"{name}. What to see: whether rejections pile up at any time, and that they are 0 "
        "from phase 2 on.",
        "time_to_payment": f"{name}. The black stroke is the median, the thick bar the middle half, the thin line "
        "nine of ten customers. What to see: whether paying takes longer once the gate is gone.",
        "failure_codes": f"{name}, {last}. What to see: which codes weigh most."
        if first is None
        else f"{name}, {first} and {last}. What to see: codes that grow once people pay at the checkout.",
    }


def _shares(row: Series) -> dict[int, Proportion]:
    return {phase: share for phase in row.phases if (share := row.conversion(phase)) is not None}


def _compared(row: Series) -> Compared:
    before = None if row.first is None else row.first.outcome.metrics.conversion()
    after = None if row.last is None else row.last.outcome.metrics.conversion()
    return Compared(row.name, before, after)


def _gain(row: Compared) -> tuple[float, str]:
    if row.before is None or row.after is None:
        return 2.0, row.label
    return row.after.value - row.before.value, row.label


def _rejection_rate(row: Series, phase: int) -> Proportion | None:
    return row.by_phase[phase].outcome.metrics.rejection_rate()


def _over_time(headline: Series) -> str:
    """The share of rejections in each stretch of time, one line for each phase."""
    widest_us = max(headline.by_phase[phase].outcome.metrics.bin_us for phase in headline.phases)
    unit_us, unit = next(
        ((us, name) for us, name in ((DAY_US, "days"), (HOUR_US, "hours"), (MINUTE_US, "minutes")) if widest_us >= us),
        (SECOND_US, "seconds"),
    )
    lines = {}
    for phase in headline.phases:
        metrics = headline.by_phase[phase].outcome.metrics
        points = [(moment_us / unit_us, rejections / answers) for moment_us, answers, rejections in _stretches(metrics)]
        if points:
            lines[phase] = points
    return rejections_over_time(lines, unit)


def _stretches(metrics: Metrics) -> Iterator[tuple[float, int, int]]:
    """The middle (in microseconds), the answers and the rejections of at most `_MOST_STRETCHES` stretches of time."""
    width = -(-(max(metrics.gated_by_bin, default=0) + 1) // _MOST_STRETCHES)
    answers: dict[int, int] = {}
    rejections: dict[int, int] = {}
    for position, count in metrics.gated_by_bin.items():
        stretch = position // width
        answers[stretch] = answers.get(stretch, 0) + count
        rejections[stretch] = rejections.get(stretch, 0) + metrics.rejected_by_bin.get(position, 0)
    for stretch, count in sorted(answers.items()):
        yield (stretch + 0.5) * width * metrics.bin_us, count, rejections[stretch]


def _spreads(headline: Series) -> Iterator[Spread]:
    for phase in headline.phases:
        values = [headline.by_phase[phase].outcome.metrics.time_to_payment_s(share) for share in _PERCENTILES]
        p5, p25, p50, p75, p95 = values
        if p5 is not None and p25 is not None and p50 is not None and p75 is not None and p95 is not None:
            yield Spread(phase, (p5, p25, p50, p75, p95))


def _two_phases(headline: Series) -> tuple[str | None, str]:
    """The phases that plots of before and after compare: the first, None if there is but one, and the last."""
    first, last = headline.phases[0], headline.phases[-1]
    return None if first == last else f"phase {first}", f"phase {last}"


_CODE_NAMES: Final = {
    "payment_intent_authentication_failure": "3DS challenge failed (payment)",
    "setup_intent_authentication_failure": "3DS challenge failed (set-up)",
}
"""Stripe's codes that are too long for a plot, and that only people who know Stripe understand."""


def _codes(headline: Series) -> list[tuple[str, float, float]]:
    before = headline.conclusions[0].outcome.metrics
    after = headline.conclusions[-1].outcome.metrics
    codes = sorted({*before.failures, *after.failures})
    rows = [
        (
            _CODE_NAMES.get(code, code),
            100 * before.failures.get(code, 0) / max(1, before.attempt_count),
            100 * after.failures.get(code, 0) / max(1, after.attempt_count),
        )
        for code in codes
    ]
    return sorted(rows, key=lambda row: (-max(row[1], row[2]), row[0]))[:_MOST_BARS]


# ---- what the page lists ----


def _dimensions(headline: Series) -> Iterator[dict[str, Any]]:
    from markupsafe import Markup

    before, after = headline.conclusions[0].outcome.metrics, headline.conclusions[-1].outcome.metrics
    for dimension, title in _DIMENSIONS:
        table = dimension_table(headline, dimension, title)
        if len(table.rows) < 2:
            continue
        names = _two_phases(headline)
        first = before.conversion_by(dimension) if names[0] is not None else {}
        last = after.conversion_by(dimension)
        rows = [Compared(named(value), first.get(value), last.get(value)) for value in sorted({*first, *last})]
        rows.sort(key=lambda row: -max(share.n for share in (row.before, row.after) if share is not None))
        yield {
            "title": title,
            "table": table,
            "plot": Markup(before_and_after(dimension, rows[:_MOST_BARS], *names)),
            "caption": f"{title}. What to see: which groups convert least."
            if names[0] is None
            else f"{title}. What to see: any square to the left of its circle: a group that converts less than before.",
        }


def _funnels(headline: Series) -> Iterator[dict[str, Any]]:
    from markupsafe import Markup

    for phase in headline.phases:
        metrics = headline.by_phase[phase].outcome.metrics
        if not metrics.attempt_count:
            continue
        steps = [(flow.step, flow.entered) for flow in metrics.steps()]
        yield {
            "title": f"Phase {phase}: {phase_named(phase).title}",
            "plot": Markup(funnel(phase, steps, metrics.attempt_count)),
        }


def _scenarios(rows: Sequence[Series]) -> Iterator[dict[str, Any]]:
    """One entry for each scenario, with all its variants."""
    by_scenario: dict[str, list[Series]] = {}
    for row in rows:
        by_scenario.setdefault(row.scenario, []).append(row)
    for name, group in by_scenario.items():
        conclusions = [conclusion for row in group for conclusion in row.conclusions]
        scenario = conclusions[0].outcome.variant.scenario
        values = {conclusion.verdict for conclusion in conclusions}
        verdict = next(value for value in ("violated", "inconclusive", "held") if value in values)
        control = "negative control, " if any(row.is_control for row in group) else ""
        customers = sum(conclusion.outcome.customers for conclusion in conclusions)
        yield {
            "anchor": f"scenario-{name}",
            "title": scenario.title,
            "description": scenario.description,
            "file": conclusions[0].outcome.variant.file,
            "verdict": verdict,
            "note": f"{control}{many(len(conclusions), 'variant')}, {many(customers, 'customer')}",
            "variants": [_variant(conclusion) for conclusion in conclusions],
        }


def _variant(conclusion: Conclusion) -> dict[str, Any]:
    outcome, metrics = conclusion.outcome, conclusion.outcome.metrics
    share = metrics.conversion()
    return {
        "slug": outcome.slug,
        "verdict": conclusion.verdict,
        "customers": grouped(outcome.customers),
        "conversion": percent(share),
        "interval": interval(share),
        "rejections": grouped(metrics.rejection_count),
        "p50": duration(metrics.time_to_payment_s(0.5)),
        "p95": duration(metrics.time_to_payment_s(0.95)),
        "expectations": [
            {"expression": one.expression, "verdict": one.verdict, "actual": shown(one.actual)}
            for one in conclusion.expectations
        ],
        "reasons": [redacted(reason) for reason in (*conclusion.broken, *conclusion.left_open)],
    }


def _left_out(variants: Sequence[LeftOut]) -> list[dict[str, Any]]:
    """What cannot be run at the target, by reason."""
    by_reason: dict[str, list[str]] = {}
    for one in variants:
        by_reason.setdefault(one.because, []).append(one.scenario)
    return [
        {"because": because, "count": len(names), "where": ", ".join(dict.fromkeys(names))}
        for because, names in by_reason.items()
    ]


def _undecided(run: RunConclusion) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What could not be judged: what makes variants inconclusive, and what changes nothing, each once."""
    grouped_items: dict[tuple[bool, str], list[tuple[str, str]]] = {}
    for conclusion in run.variants:
        for item in conclusion.undecided:
            place = f"{conclusion.outcome.scenario}, {conclusion.outcome.slug}"
            grouped_items.setdefault((item.counts, item.name), []).append((place, item.reason))
    entries = [
        {
            "name": name,
            "counts": counts,
            "reason": redacted(cases[0][1]),
            "where": cases[0][0] if len(cases) == 1 else many(len(cases), "variant"),
        }
        for (counts, name), cases in grouped_items.items()
    ]
    return [one for one in entries if one["counts"]], [one for one in entries if not one["counts"]]
