"""A harness that was late itself makes a run inconclusive, at a real deployment and at the mock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

import gatefall.targets
from conformance.harness import HarnessNote, read_harness_note
from conformance.mock import LATENESS_BOUND_US
from conformance.over_http.lateness import Lateness
from gatefall.command import main
from tests.conformance.real.conftest import SCENARIO
from tests.conformance.real.stand_in import StandIn

BOUND_US: Final = 250_000
LATE_US: Final = 10_000_000
record_lateness = Lateness.record


@pytest.fixture
def lateness(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets how late every wake-up is taken to have been, whatever this machine is like."""

    def be(late_us: int) -> None:
        monkeypatch.setattr(Lateness, "record", lambda self, _: record_lateness(self, late_us))

    return be


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "quick.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return path


def left_open(out: Path) -> list[str]:
    [variant] = json.loads((out / "result.json").read_text(encoding="utf-8"))["scenarios"]
    return [one["reason"] for one in variant["inconclusive"] if one["name"] == "the harness" and one["counts"]]


@pytest.mark.parametrize(("late_us", "code"), [(LATE_US, 3), (BOUND_US, 0), (0, 0)])
def test_at_a_real_deployment(
    target: Any,
    deployment: StandIn,
    quick: Path,
    lateness: Any,
    monkeypatch: pytest.MonkeyPatch,
    late_us: int,
    code: int,
) -> None:
    monkeypatch.setattr(gatefall.targets, "real_target", lambda path, pace, chromium: target())
    lateness(late_us)
    assert main(["run", "quick.yaml", "--target", "staging.toml", "--out", "run", "--quiet"]) == code
    assert len(left_open(Path("run"))) == (1 if late_us == LATE_US else 0)
    note = read_harness_note(Path("run"))
    assert note is not None
    assert note.wake_ups > 0
    assert note.bound_us == BOUND_US
    if code == 3:
        assert "one wake-up in a hundred of gatefall's own" in left_open(Path("run"))[0]


@pytest.mark.parametrize(("late_us", "code"), [(LATE_US, 3), (0, 0)])
def test_at_the_mock_where_time_passes(quick: Path, lateness: Any, late_us: int, code: int) -> None:
    lateness(late_us)
    line = ["run", "quick.yaml", "--target", "mock", "--pace", "0.00001", "--out", "run", "--quiet"]
    assert main(line) == code
    note = read_harness_note(Path("run"))
    assert note is not None
    assert note.wake_ups > 0
    assert note.bound_us == LATENESS_BOUND_US
    assert len(left_open(Path("run"))) == (1 if code else 0)


def test_at_the_mock_without_time_nobody_can_be_late(quick: Path, lateness: Any) -> None:
    lateness(LATE_US)
    assert main(["run", "quick.yaml", "--target", "mock", "--out", "run", "--quiet"]) == 0
    assert read_harness_note(Path("run")) is None


def test_who_was_late_before_an_interruption_was_late(quick: Path, lateness: Any) -> None:
    line = ["run", "quick.yaml", "--target", "mock", "--pace", "0.00001", "--out", "run", "--quiet"]
    lateness(LATE_US)
    assert main(line) == 3
    lateness(0)
    assert main(["run", "--out", "run", "--resume", "--quiet"]) == 3
    assert main([*line, "--force"]) == 0


def test_both_parts_of_a_run_count() -> None:
    late, punctual = HarnessNote(3, 5, 9, 12, 7), HarnessNote(4, 1, 2, 30, 8)
    assert punctual.after(late) == late.after(punctual) == HarnessNote(7, 5, 9, 30, 7)
    assert punctual.after(None) == punctual
