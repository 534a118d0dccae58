"""The conformance suite as those who run it see it: exit code first, then what it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
FEW = ("-k", "mixed-cart or paypal-finished")


def run(
    *arguments: str | Path, cwd: Path, plant: str | None = None, by_pytest: bool = False
) -> subprocess.CompletedProcess[str]:
    """`gatefall conform` (or `pytest conformance`) in a directory of its own."""
    command = ["pytest", str(ROOT / "conformance")] if by_pytest else ["gatefall", "conform"]
    planting = ["-p", "plant"] if plant is not None else []
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}", "PLANT": plant or "", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", *command, *planting, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def simulated(*arguments: str | Path, cwd: Path, plant: str | None = None) -> subprocess.CompletedProcess[str]:
    return run("--target", "simulated", "--customers", "4", *arguments, cwd=cwd, plant=plant)


def test_a_clean_target_passes_and_the_run_can_be_judged_reported_and_replayed(tmp_path: Path) -> None:
    done = simulated(*FEW, "--out", "out", "-n", "2", "--junitxml", "junit.xml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "✓ charged-once" in done.stdout
    assert "never exercised: " in done.stdout
    cases = ElementTree.parse(tmp_path / "junit.xml").findall(".//testcase")
    assert sorted(case.get("name") or "" for case in cases) == ["conforms[mixed-cart]", "conforms[paypal-finished]"]
    result = json.loads((tmp_path / "out" / "result.json").read_bytes())
    assert [one["name"] for one in result["scenarios"]] == ["mixed-cart", "paypal-finished"]
    assert result["exit_code"] == 0
    again = subprocess.run(
        [sys.executable, "-m", "gatefall", "judge", "out", "-q"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    replayed = subprocess.run(
        [sys.executable, "-m", "gatefall", "replay", "out", "--scenario", "mixed-cart", "--customer", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "facts are those that were recorded" in replayed.stdout


def test_pytest_does_the_same_and_processes_change_no_fact(tmp_path: Path) -> None:
    arguments = ("--target", "simulated", "--customers", "4", "--seed", "3", *FEW)
    alone = run(*arguments, "--out", "alone", cwd=tmp_path)
    by_pytest = run(*arguments, "--out", tmp_path / "two", "-n", "2", cwd=ROOT, by_pytest=True)
    assert (alone.returncode, by_pytest.returncode) == (0, 0), by_pytest.stdout + by_pytest.stderr
    found = {
        folder.name: sorted(path.read_bytes() for path in folder.rglob("*.parquet"))
        for folder in (tmp_path / "alone", tmp_path / "two")
    }
    assert found["alone"] == found["two"] != []


def test_a_defect_turns_items_red_with_an_argument_and_last_failed_takes_them_up(tmp_path: Path) -> None:
    plant = "more-collected-than-shown"
    chosen = ("-k", "mixed-cart or profile")
    done = simulated(*chosen, "--out", "out", "--junitxml", "junit.xml", cwd=tmp_path, plant=plant)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAILED" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert "amounts-agree (critical) is violated" in done.stdout
    assert "too much." in done.stdout
    assert "gatefall replay out --scenario mixed-cart --variant phase-4-continuation-new --customer" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert re.search(r"items\.py:\d", done.stdout) is None
    [failure] = ElementTree.parse(tmp_path / "junit.xml").findall(".//failure")
    assert (failure.get("message") or "").startswith("amounts-agree (critical) is violated")
    again = simulated(*chosen, "--last-failed", "--out", "again", cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "1 passed" in again.stdout


def test_strict_fails_where_something_was_never_exercised(tmp_path: Path) -> None:
    done = simulated("-k", "mixed-cart", "--strict", cwd=tmp_path)
    assert done.returncode == 1
    assert "--strict: " in done.stdout
    assert "1 passed" in done.stdout
    assert (tmp_path / "runs" / "001" / "run.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--target", "mok"), 'did you mean "mock"?'),
        (("--target", "absent.toml"), "absent.toml: there is no such file"),
        (("--phase", "7"), "--phase 7: expected a phase from 0 to 6"),
        (("--regime", "continuaton"), 'did you mean "continuation"?'),
        (("--customers", "0"), "--customers 0: expected a number from 1 on"),
        (("--phaze", "3"), "unrecognized arguments: --phaze"),
        (("-k", "no-such-scenario"), 'no scenario of the suite matches "no-such-scenario"'),
        (("--out", "used"), "used: holds files, but no recorded run"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.glob("runs/*"))


def test_names_are_listed_without_running_any(tmp_path: Path) -> None:
    done = run("--collect-only", "-q", "-k", "mixed-cart", cwd=tmp_path)
    assert done.returncode == 0
    assert "conforms[mixed-cart]" in done.stdout
    assert list(tmp_path.iterdir()) in ([], [tmp_path / ".pytest_cache"])
