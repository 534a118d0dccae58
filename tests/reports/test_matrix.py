"""The matrix as it is read: nothing is left out, and what is wrong is said first in words."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from conformance.defects import Defect
from conformance.proving.matrix import Matrix, Row, clean_of
from conformance.proving.trial import Accusation, TrialResult
from reports.matrix.html import page, write_html
from reports.matrix.markdown import write_markdown
from reports.matrix.result import write_result
from reports.matrix.terminal import print_matrix

SECRET = "pi_1_secret_abcdefgh"


def defect(name: str, **settings: Any) -> Defect:
    usual: dict[str, Any] = {
        "title": f"The bug <{name}>.",
        "plant": lambda patches: None,
        "finds": ("charged-once",),
        "also": ("stores-agree",),
        "shown_by": ("busy-hour",),
    }
    return Defect(name=name, **{**usual, **settings})


def accused(name: str, outside: int = 1, exact: int = 1) -> Accusation:
    return Accusation(name, outside, exact, "busy-hour (phase=4), customer 3", f"it was charged twice with {SECRET}")


def result(name: str | None, *accusations: Accusation, failures: tuple[str, ...] = ()) -> TrialResult:
    return TrialResult(name, 4, "continuation", 1, 50, 500, accusations, failures)


ROWS = (
    Row(defect("good"), "money", result("good", accused("charged-once"), accused("stores-agree"))),
    Row(defect("silent"), "money", result("silent")),
    Row(defect("noisy"), "carts", result("noisy", accused("charged-once"), accused("no-rollback", outside=0))),
    Row(
        defect("hidden", unseen={"charged-once": "nobody lists it"}),
        "carts",
        result("hidden", accused("charged-once", outside=0)),
    ),
    Row(defect("broken"), "carts", result("broken", failures=("busy-hour: it broke",))),
)
WRONG = Matrix("0", "simulated", 1, ROWS, clean_of([result(None, accused("no-rollback"))]))
RIGHT = Matrix("0", "simulated", 1, (ROWS[0], ROWS[3]), clean_of([result(None)]))


def printed(matrix: Matrix, width: int = 300) -> str:
    text = StringIO()
    print_matrix(Console(file=text, width=width), matrix, Path("out/prove.html"))
    return text.getvalue()


def test_the_terminal_says_what_came_of_each() -> None:
    lines = printed(WRONG).splitlines()
    assert "  ✓ good    charged-once  (and stores-agree)" in lines
    assert "      not found from outside by charged-once" in lines
    assert any(
        "accused by no-rollback (in 1 variant, exactly), which the catalogue does not name" in one for one in lines
    )
    assert "      charged-once finds it in the exact facts; from outside: nobody lists it" in lines
    assert "      could not be run: busy-hour: it broke" in lines
    assert "  ✗ phase 4, continuation: 1 seed, 50 variants: 1 false alarm" in lines
    assert (
        "✗ Not proven. 1 of 5 defects found from outside by what they break; 1 that nobody outside can see; "
        "1 not found; 1 accused of what they do not break; 1 false alarm in 1 clean deployment; "
        "1 thing could not be run." in lines
    )


def test_what_is_proven_is_said_with_what_cannot_be_seen() -> None:
    lines = printed(RIGHT).splitlines()
    assert (
        "✓ Proven. 1 of 2 defects found from outside by what they break; 1 that nobody outside can see; "
        "no false alarm in 1 clean deployment." in lines
    )
    assert "Matrix: out/prove.html" in lines


def test_a_defect_that_is_seen_after_all_is_told() -> None:
    seen = Row(ROWS[3].defect, "carts", result("hidden", accused("charged-once")))
    assert "charged-once sees it after all" in printed(Matrix("0", "simulated", 1, (seen,), ()))


@pytest.mark.parametrize("matrix", [WRONG, RIGHT], ids=["wrong", "right"])
def test_no_secret_is_printed_or_written(matrix: Matrix, tmp_path: Path) -> None:
    write_html(tmp_path / "prove.html", matrix)
    write_markdown(tmp_path / "defects.md", matrix)
    write_result(tmp_path / "prove.json", matrix)
    for text in (printed(matrix), *(path.read_text("utf-8") for path in tmp_path.iterdir())):
        assert SECRET not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["defects.md", "prove.html", "prove.json"]


def test_the_result_tells_machines_the_same(tmp_path: Path) -> None:
    write_result(tmp_path / "prove.json", WRONG)
    found = json.loads((tmp_path / "prove.json").read_text("utf-8"))
    assert found["proven"] is False
    assert found["counts"] == {"found": 1, "missed": 1, "accused_wrongly": 1, "unseen": 1, "failed": 1}
    assert [one["verdict"] for one in found["defects"]] == ["found", "missed", "accused wrongly", "unseen", "failed"]
    assert found["clean"][0]["accusations"][0]["property"] == "no-rollback"


def test_the_page_has_a_cell_for_each_pair_and_loads_nothing() -> None:
    html = page(WRONG)
    assert html.count('<td class="cell') == 5 * 3
    assert 'title="charged-once: in 1 variant from outside, 1 exactly; what it breaks">●' in html
    assert 'title="charged-once: in 1 variant, exactly; what it breaks">◌' in html
    assert 'title="charged-once: not found">✗' in html
    assert "The bug &lt;good&gt;." in html
    assert "http" not in html
