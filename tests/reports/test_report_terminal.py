"""The summary on a terminal: what it says at each width, and in colour only where there is any."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from reports.outcome import RunOutcome
from reports.series import series_of
from reports.terminal import print_summary


def printed(run: RunOutcome, width: int, **more: Any) -> str:
    text = io.StringIO()
    print_summary(Console(file=text, width=width, **more), run)
    return text.getvalue()


def test_many_variants_take_one_row_a_scenario(library_run: RunOutcome) -> None:
    text = printed(library_run, 130)
    rows = [line for line in text.splitlines() if line.startswith((" a-normal-week", " special-case", " premature"))]
    assert len(rows) == 6
    assert "60   60  ✗45   70   85   85   85" in rows[0]
    assert "72" not in rows[0]
    assert "✗ violated" in rows[1]
    assert "✓ intended" in rows[4]
    assert max(len(line) for line in rows) <= 130


def test_few_variants_have_a_row_each_with_everything(library_run: RunOutcome) -> None:
    text = printed(replace(library_run, variants=library_run.variants[:7]), 130)
    (row,) = [line for line in text.splitlines() if "continuation, inline" in line]
    assert " ".join(row.split()) == (
        "a-normal-week 3 continuation, inline 180 70 % (63–76 %) 0 64 s / 104 s 0 ✓ passed"
    )


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_any_width_says_what_failed_and_what_to_type_next(library_run: RunOutcome, width: int) -> None:
    text = printed(library_run, width)
    assert "charged-once (critical) in special-case-1, phase-2-continuation, customer 9" in text
    assert "the worst of " in text
    assert "twice for one cart" in text
    assert "not met in a-normal-week, phase-2-continuation and 3 more: expected conversion >= 0.5, found 0.45" in text
    assert (
        "Replay: gatefall replay out/run --scenario special-case-1 --variant phase-2-continuation --customer 9" in text
    )
    assert "✗ Violated. Not safe as it stands" in text
    assert "seed 1" in text
    assert len(text.splitlines()) < 40


def test_the_verdict_comes_last_and_success_names_seed_and_target(
    run_of: Any, variant: Any, outcome: Any, story: Any
) -> None:
    text = printed(run_of(outcome(variant(), [story().bought()])), 100)
    assert text.index("✓ Passed. Everything that was checked held in 1 variant of 1 scenario") > text.index("plain")
    assert "gatefall 0.1.0 · seed 1 · target simulated" in text


def test_the_gravest_comes_first(run_of: Any, variant: Any, outcome: Any, story: Any, judged: Any, found: Any) -> None:
    """Whatever the order of the properties is."""
    told = story().bought()
    slip = found(told, "pm-saved-as-side-effect", "a slip")._replace(severity="minor")
    minor = judged("pm-saved-as-side-effect", slip)
    critical = judged("charged-once", found(told, "charged-once", "a calamity"))
    text = printed(run_of(outcome(variant(), [told], [minor, critical])), 100)
    assert text.index("a calamity") < text.index("a slip")
    assert "the only one" in text


def test_what_negative_controls_break_is_named(library_run: RunOutcome) -> None:
    text = printed(library_run, 100)
    assert "As intended, premature-removal" in text
    assert "violates no-entitlement-without-payment (" in text


def test_nothing_recorded_is_not_nothing_to_judge(run_of: Any, variant: Any, outcome: Any, judged: Any) -> None:
    text = printed(run_of(outcome(variant(), [], [judged("charged-once")], complete=False)), 100)
    assert "Had nothing to judge" not in text


def test_colour_only_where_there_is_any(library_run: RunOutcome, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in printed(library_run, 100)
    assert "\x1b[" in printed(library_run, 100, force_terminal=True, color_system="truecolor")
    monkeypatch.setenv("NO_COLOR", "1")
    coloured = printed(library_run, 100, force_terminal=True)
    assert "\x1b[3" not in coloured


def test_markup_in_names_is_text(run_of: Any, variant: Any, outcome: Any, story: Any, judged: Any, found: Any) -> None:
    breach = found(story().bought(), "charged-once", "a [bold]proof[/] of [/nothing]")
    text = printed(run_of(outcome(variant(), [story().bought()], [judged("charged-once", breach)])), 100)
    assert "a [bold]proof[/] of [/nothing]" in text


def test_rows_gather_what_differs_in_its_phase_alone(variant: Any, outcome: Any, run_of: Any) -> None:
    from reports.conclusion import conclude_run

    variants = [variant(phase=0), variant(phase=2), variant(phase=2, regime="legacy")]
    off = variant(phase=1).model_copy(update={"pm_gate": False})
    gone = variant(phase=3).model_copy(update={"pm_gate": False})
    rows = series_of(conclude_run(run_of(*(outcome(one, []) for one in (*variants, off, gone)))).variants)
    assert [(row.label, row.phases) for row in rows] == [("", [0, 2, 3]), ("legacy", [2]), ("gate off", [1])]


def test_importing_reports_is_quick(library_run: RunOutcome) -> None:
    """Plots and statistics packages are imported when they are needed, and not before."""
    heavy = "{'matplotlib', 'scipy', 'pandas', 'numpy', 'jinja2', 'rich'}"
    program = (
        "import sys, reports.metrics, reports.terminal, reports.result, reports.html, reports.junit; "
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
