"""The plots of the report, drawn by matplotlib as inline SVG with real text: small, sharp, the same at every run."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reports.palette import AFTER, BEFORE, BLACK, GREY, OF_PHASE, VERMILION
from reports.statistics import Proportion
from scenarios.phase import COMMITMENT_PHASE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_STYLE: Final[Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": BLACK,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.constrained_layout.use": True,
}
_WIDTH_IN: Final = 5.4
"""Narrow on purpose: at this width the text is still readable on a phone, and two plots fit side by side on a desk."""

_LONGEST_LABEL: Final = 34


class Compared(NamedTuple):
    """One thing before removal and after; either may be missing."""

    label: str
    before: Proportion | None
    after: Proportion | None


class Spread(NamedTuple):
    """How one phase's times are spread: the 5th, 25th, 50th, 75th and 95th percentile in seconds."""

    phase: int
    percentiles: tuple[float, float, float, float, float]


def conversion_by_phase(lines: Sequence[tuple[str, Mapping[int, Proportion]]]) -> str:
    """Conversion from phase to phase, one line for each of a few rows, with intervals as bars."""
    with _figure("conversion_by_phase", 3.1) as (figure, axes):
        _mark_removal(axes, [phase for _, shares in lines for phase in shares])
        for position, (label, shares) in enumerate(lines):
            phases = sorted(shares)
            offset = 0.08 * (position - (len(lines) - 1) / 2)
            axes.errorbar(
                [phase + offset for phase in phases],
                [shares[phase].value for phase in phases],
                yerr=[
                    [shares[phase].value - shares[phase].low for phase in phases],
                    [shares[phase].high - shares[phase].value for phase in phases],
                ],
                marker="os^D"[position % 4],
                markersize=5,
                linewidth=1.6,
                capsize=3,
                color=(AFTER, GREY, VERMILION, BLACK)[position % 4],
                label=_cut(label),
            )
        _share_axis(axes.yaxis)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("phase")
        axes.set_ylabel("attempts that convert")
        if len(lines) > 1:
            axes.legend(loc="lower right")
        return _svg(figure, "Conversion by phase, with 95 % intervals")


def before_and_after(name: str, rows: Sequence[Compared], before: str | None, after: str) -> str:
    """One row for each thing: where it was before removal, where it comes to, each with its interval.

    Without a `before` there is nothing to compare with, and only where it comes to is drawn.
    """
    with _figure(name, 0.75 + 0.27 * len(rows)) as (figure, axes):
        for position, row in enumerate(rows):
            if row.before is not None and row.after is not None:
                axes.plot(
                    [row.before.value, row.after.value], [position, position], color="#c8c8c8", linewidth=3, zorder=1
                )
            for share, colour, marker, shift in (
                (row.before, BEFORE, "o", -0.13),
                (row.after, AFTER, "s", 0.13),
            ):
                if share is not None:
                    axes.errorbar(
                        share.value,
                        position + (shift if before is not None else 0),
                        xerr=[[share.value - share.low], [share.high - share.value]],
                        marker=marker,
                        markersize=4.5,
                        linewidth=1.2,
                        capsize=2,
                        color=colour,
                    )
        axes.set_yticks(range(len(rows)), [_cut(row.label) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(0, 1.01)
        _share_axis(axes.xaxis)
        handles = [
            axes.plot([], [], marker=marker, linestyle="none", color=colour, label=label)[0]
            for marker, colour, label in (("o", BEFORE, before), ("s", AFTER, after))
            if label is not None
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=2)
        says = "Conversion" if before is None else "Conversion before and after removal"
        return _svg(figure, f"{says}: {name.replace('_', ' ')}")


def funnel(phase: int, steps: Sequence[tuple[str, int]], attempts: int) -> str:
    """One phase's funnel: the share of attempts that entered each step."""
    with _figure(f"funnel_{phase}", 1.55, 2.5) as (figure, axes):
        shares = [entered / attempts if attempts else 0.0 for _, entered in steps]
        axes.barh(range(len(steps)), shares, color=OF_PHASE[phase % len(OF_PHASE)], height=0.72)
        for position, share in enumerate(shares):
            inside = share > 0.8
            axes.text(
                share - 0.02 if inside else share + 0.02,
                position,
                f"{share:.0%}",
                va="center",
                ha="right" if inside else "left",
                fontsize=8,
                color=BLACK,
                bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.6},
            )
        axes.set_yticks(range(len(steps)), [step for step, _ in steps])
        axes.set_ylim(len(steps) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        axes.grid(visible=False)
        for side in ("bottom", "left"):
            axes.spines[side].set_visible(False)
        axes.tick_params(length=0)
        return _svg(figure, f"Funnel of phase {phase}")


def rejections_by_phase(shares: Mapping[int, Proportion]) -> str:
    """The share of purchases and changes that the gate refused, phase by phase, with intervals."""
    with _figure("rejections_by_phase", 2.6) as (figure, axes):
        _mark_removal(axes, list(shares))
        phases = sorted(shares)
        values = [shares[phase].value for phase in phases]
        axes.bar(phases, values, color=[BEFORE if phase < COMMITMENT_PHASE else AFTER for phase in phases], width=0.6)
        axes.errorbar(
            phases,
            values,
            yerr=[
                [shares[phase].value - shares[phase].low for phase in phases],
                [shares[phase].high - shares[phase].value for phase in phases],
            ],
            linestyle="none",
            color=BLACK,
            capsize=3,
            linewidth=1,
        )
        for phase, value in zip(phases, values, strict=True):
            axes.annotate(
                f"{value:.0%}" if value else "0",
                (phase, shares[phase].high),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        _share_axis(axes.yaxis)
        axes.set_ylim(0, max(0.05, *(share.high for share in shares.values())) * 1.18)
        axes.set_xlabel("phase")
        axes.set_ylabel("answers that are 402/1210")
        return _svg(figure, "Share of answers that are 402/1210, by phase")


def rejections_over_time(lines: Mapping[int, Sequence[tuple[float, float]]], unit: str) -> str:
    """The share of answers that were 402/1210 as time went by: points (time, share) for each phase."""
    with _figure("rejections_over_time", 2.6) as (figure, axes):
        for phase, points in sorted(lines.items()):
            axes.plot(
                [time for time, _ in points],
                [share for _, share in points],
                color=OF_PHASE[phase % len(OF_PHASE)],
                linewidth=1.6,
                linestyle=("-", "--", "-.", ":")[phase % 4],
                marker="os^DvPX"[phase % 7],
                markersize=3.5,
                markevery=max(1, len(points) // 12),
                label=f"phase {phase}",
            )
        _share_axis(axes.yaxis)
        highest = max((share for points in lines.values() for _, share in points), default=0.0)
        axes.set_ylim(-0.02 * max(highest, 0.05), max(0.05, highest * 1.12))
        axes.set_xlabel(f"time since the start ({unit})")
        axes.set_ylabel("answers that are 402/1210")
        figure.legend(loc="outside upper center", ncols=4)
        return _svg(figure, "Share of answers that are 402/1210 over time, by phase")


def time_to_payment(rows: Sequence[Spread]) -> str:
    """How the time to payment is spread in each phase: thin the 5th to the 95th percentile, thick the middle half."""
    from matplotlib.ticker import NullLocator

    with _figure("time_to_payment", 0.8 + 0.3 * len(rows)) as (figure, axes):
        for position, row in enumerate(rows):
            p5, p25, p50, p75, p95 = (max(value, 0.1) for value in row.percentiles)
            colour = OF_PHASE[row.phase % len(OF_PHASE)]
            axes.plot([p5, p95], [position, position], color=colour, linewidth=1.6)
            axes.plot([p25, p75], [position, position], color=colour, linewidth=7, solid_capstyle="butt")
            axes.plot(p50, position, marker="|", markersize=13, markeredgewidth=2.2, color=BLACK)
        axes.set_xscale("log")
        axes.set_yticks(range(len(rows)), [f"phase {row.phase}" for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.6)
        axes.grid(visible=False, axis="y")
        low, high = min(row.percentiles[0] for row in rows), max(row.percentiles[4] for row in rows)
        ticks = [tick for tick in _TICKS_S if max(low, 0.1) / 2 <= tick <= max(high, 0.1) * 2]
        ticks = ticks[:: max(1, -(-len(ticks) // _MOST_TICKS))]
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(ticks, [_duration(tick) for tick in ticks])
        axes.set_xlabel("from the start of an attempt to its payment")
        return _svg(figure, "Time to payment by phase")


def failure_codes(rows: Sequence[tuple[str, float, float]], before: str | None, after: str) -> str:
    """Failed payments for each hundred attempts, by code, before removal and after; without a `before`, after only."""
    with _figure("failure_codes", 0.8 + 0.34 * len(rows)) as (figure, axes):
        positions = range(len(rows))
        shift = 0.0 if before is None else 0.19
        if before is not None:
            axes.barh([p - shift for p in positions], [row[1] for row in rows], height=0.36, color=BEFORE, label=before)
        axes.barh([p + shift for p in positions], [row[2] for row in rows], height=0.36, color=AFTER, label=after)
        axes.set_yticks(positions, [_cut(row[0].replace("_", " ")) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("failed payments for each 100 attempts")
        figure.legend(loc="outside upper right", ncols=2)
        return _svg(figure, "Failed payments by code")


@contextmanager
def _figure(name: str, height_in: float, width_in: float = _WIDTH_IN) -> Iterator[tuple[Figure, Axes]]:
    """A figure of its own, without any global state; ids in it are derived from its name."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(width_in, height_in))
        yield figure, figure.add_subplot()


def _mark_removal(axes: Axes, phases: Sequence[int]) -> None:
    """A line where the gate goes: between what can be undone and what cannot."""
    axes.set_xticks(sorted(set(phases)))
    axes.grid(visible=False, axis="x")
    if phases and min(phases) < COMMITMENT_PHASE <= max(phases):
        axes.axvline(COMMITMENT_PHASE - 0.5, color=VERMILION, linewidth=1, linestyle="--")
        axes.annotate(
            "gate removed",
            (COMMITMENT_PHASE - 0.5, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -2),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=VERMILION,
        )


def _share_axis(axis: Any) -> None:
    axis.set_major_formatter(lambda value, _: f"{value:.0%}")


_TICKS_S: Final = (0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 900, 3_600, 14_400, 43_200, 86_400)
_MOST_TICKS: Final = 7


def _duration(seconds: float) -> str:
    for unit_s, unit in ((86_400, "day"), (3_600, "h"), (60, "min")):
        if seconds >= unit_s:
            return f"{seconds / unit_s:g} {unit}"
    return f"{seconds:g} s"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


_HEAD: Final = re.compile(r"^.*?(<svg\b[^>]*>)", re.DOTALL)
_METADATA: Final = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_ID: Final = re.compile(r' id="([^"]+)"')
_FONT: Final = re.compile(r"'DejaVu Sans'(?:, '[^']+')*(?:, [a-z-]+)*")
_INDENTED: Final = re.compile(r"\n\s*")
_SIZE: Final = re.compile(r'<svg [^>]*?viewBox="0 0 ([0-9.]+) ([0-9.]+)"[^>]*>')


def _svg(figure: Figure, label: str) -> str:
    """The figure as an element for a page: no prologue, no ids that nothing refers to, the page's own font."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = _METADATA.sub("", _HEAD.sub(r"\1", buffer.getvalue(), count=1))
    text = _ID.sub(lambda match: match[0] if f"#{match[1]}" in text else "", text)
    text = _INDENTED.sub("\n", _FONT.sub("system-ui, sans-serif", text))
    return _SIZE.sub(
        lambda match: (
            f'<svg class="plot" role="img" aria-label="{label}" viewBox="0 0 {match[1]} {match[2]}" '
            f'style="max-width:{float(match[1]) * 4 / 3:.0f}px">'
        ),
        text,
        count=1,
    )
