"""`gatefall prove` as its user meets it: exit codes, files, mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.proving import proving
from conformance.proving.trial import Accusation, Trial, TrialResult
from gatefall.command import main

Output = pytest.CaptureFixture[str]
DEFECT = "signature-not-checked"


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def comes_to(
    monkeypatch: pytest.MonkeyPatch, *accused: str, without: tuple[str, ...] = (), fails: bool = False
) -> None:
    """Every trial of a defect comes to these accusations, and every other to those `without` one."""

    def try_out(trial: Trial) -> TrialResult:
        names = without if trial.defect is None else accused
        found = tuple(Accusation(name, 1, 1, "somewhere", "because") for name in names)
        failures = ("it broke",) if fails else ()
        return TrialResult(trial.defect, trial.phase, trial.regime, trial.seed, 1, 1, found, failures)

    monkeypatch.setattr(proving, "try_out", try_out)


def proven(*arguments: str) -> int:
    return main(["prove", *arguments, "--workers", "1", "-q"])


@pytest.mark.parametrize(
    ("accused", "settings", "code"),
    [
        (("webhook-authentic",), {}, 0),
        ((), {}, 1),
        (("webhook-authentic", "zone-activated"), {}, 1),
        (("webhook-authentic",), {"without": ("zone-activated",)}, 1),
        (("webhook-authentic",), {"fails": True}, 4),
    ],
    ids=["found", "missed", "accused of something else", "false alarm", "failed"],
)
def test_the_exit_code_says_what_it_came_to(
    accused: tuple[str, ...], settings: dict[str, Any], code: int, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    comes_to(monkeypatch, *accused, **settings)
    assert proven(DEFECT) == code
    assert ("✓ Proven." if code == 0 else "✗ Not proven.") in capsys.readouterr().out


def test_everything_is_tried_if_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    comes_to(monkeypatch)
    assert proven("--seeds", "2", "--docs", "here.md") == 1
    found = json.loads(Path("runs/prove/prove.json").read_text("utf-8"))
    assert len(found["defects"]) > 60
    assert [one["seeds"] for one in found["clean"]] == [[1, 2]] * len(proving.CLEAN)
    assert Path("here.md").read_bytes() == Path("runs/prove/defects.md").read_bytes()
    assert Path("runs/prove/prove.html").exists()


def test_what_is_named_is_tried_once_and_so_is_the_deployment_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    comes_to(monkeypatch, "webhook-authentic")
    assert proven(DEFECT, DEFECT, "--out", "there") == 0
    found = json.loads(Path("there/prove.json").read_text("utf-8"))
    assert [one["name"] for one in found["defects"]] == [DEFECT]
    assert [(one["phase"], one["regime"], one["seeds"]) for one in found["clean"]] == [(4, "continuation", [1])]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["signature-not-cheked"], f'did you mean "{DEFECT}"?'),
        (["--target", "staging.toml"], "staging.toml"),
        (["--seeds", "-1"], "-1"),
    ],
)
def test_mistakes_are_told(arguments: list[str], words: str, capsys: Output) -> None:
    assert proven(*arguments) == 2
    assert words in capsys.readouterr().err
