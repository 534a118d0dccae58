"""Whole runs through the command, small ones: what is printed, written, resumed, judged and replayed."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from conformance import running
from conformance.manifest import read_manifest
from gatefall.command import main
from gatefall.crash_log import crash_log
from gatefall.outcome import repeating_line

Output = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]

PAYS = """\
name: pays
title: Everybody pays at once
customers:
  count: 12
  pays_with: card
  first_card: succeeds
  abandons_at: never
  payment_step: before_submit
  challenge: passed
backend:
  phase: 4
properties: [charged-once, no-rollback, amounts-agree]
expect:
  - thresholds: ["conversion >= 0.9"]
"""
NEVER = PAYS.replace("name: pays", "name: never").replace(">= 0.9", "< 0.1")
UNMEASURED = PAYS.replace("name: pays", "name: unmeasured").replace("[charged-once,", "[zone-activated, charged-once,")
CONTROL = """\
name: control
title: The gate is gone, the engine grants first
customers:
  count: 12
  pays_with: card
  first_card: succeeds
backend:
  phase: 2
  regime: legacy
properties: [no-entitlement-without-payment]
expect:
  - violated: [no-entitlement-without-payment]
"""


@pytest.fixture(autouse=True)
def _workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """An empty directory with the scenarios; without `draws_the_page`, no time is spent on plots."""
    if "draws_the_page" not in request.fixturenames:
        monkeypatch.setattr("reports.html.page", lambda _: "<!doctype html>")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crash_log, "directory", None)
    monkeypatch.setenv("GATEFALL_WORKERS", "1")
    for name, text in (("pays", PAYS), ("never", NEVER), ("unmeasured", UNMEASURED), ("control", CONTROL)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def draws_the_page() -> None:
    """The whole report is wanted."""


def result(out: str | Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((Path(out) / "result.json").read_bytes())
    return loaded


def fact_files(out: str | Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(Path(out).glob("facts/**/*.parquet"))}


@pytest.mark.usefixtures("draws_the_page")
def test_a_run_that_holds_prints_what_it_was_and_writes_its_files(capsys: Output) -> None:
    assert main(["run", "pays.yaml", "--out", "out", "--seed", "7"]) == 0
    printed = capsys.readouterr()
    for part in ("seed 7", "simulated", "0.1.0"):
        assert part in printed.out
    assert "out/report.html" in printed.out
    assert "Traceback" not in printed.err
    names = sorted(str(path.relative_to("out")) for path in Path("out").rglob("*") if path.is_file())
    assert names == [
        "facts/pays/phase-4-continuation-new/part-00000.parquet",
        "junit.xml",
        "report.html",
        "result.json",
        "run.json",
    ]
    written = result("out")
    assert (written["verdict"], written["exit_code"], written["seed"]) == ("held", 0, 7)
    assert written["scenarios"][0]["customers"] == 12
    assert len(written["facts_sha256"]) == 64


def test_the_line_that_repeats_a_run_is_complete(capsys: Output) -> None:
    main(["run", "pays.yaml", "control.yaml", "--out", "out", "--phase", "2-4", "--customers", "3", "-q"])
    line = repeating_line(read_manifest(Path("out")))
    assert line == "gatefall run pays.yaml control.yaml --phase 2,3,4 --customers 3 --seed 1"
    main([*line.split()[1:], "--out", "again", "-q"])
    assert fact_files("again") == fact_files("out")


def test_a_terminal_without_our_letters_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", bare)
    assert main(["run", "pays.yaml", "--out", "out", "-q"]) == 0
    bare.seek(0)
    assert "? Passed." in bare.read()


def test_quiet_says_nothing_on_stderr(capsys: Output) -> None:
    assert main(["run", "pays.yaml", "--out", "out", "-q"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("files", "code", "verdict"),
    [
        (["control"], 0, "held"),
        (["never"], 1, "violated"),
        (["unmeasured"], 3, "inconclusive"),
        (["pays", "unmeasured"], 3, "inconclusive"),
        (["unmeasured", "never", "pays"], 1, "violated"),
    ],
)
def test_exit_codes_follow_the_verdict(files: list[str], code: int, verdict: str) -> None:
    assert main(["run", *(f"{name}.yaml" for name in files), "--out", "out", "-q"]) == code
    assert result("out")["verdict"] == verdict
    assert main(["judge", "out", "-q"]) == code
    assert main(["report", "out", "-q"]) == code


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(capsys: Output) -> None:
    arguments = ["run", "pays.yaml", "control.yaml", "--customers", "1100", "-q"]
    main([*arguments, "--out", "one"])
    main([*arguments, "--out", "two", "--workers", "2"])
    main([*arguments, "--out", "other", "--seed", "2", "--customers", "5"])
    assert len(fact_files("one")) == 4
    assert fact_files("one") == fact_files("two")
    assert result("one")["facts_sha256"] == result("two")["facts_sha256"] != result("other")["facts_sha256"]
    one, two = (Path(out, "result.json").read_text().replace(f"replay {out}", "") for out in ("one", "two"))
    assert one == two


def test_without_a_directory_runs_are_numbered(capsys: Output) -> None:
    main(["run", "pays.yaml", "-q"])
    main(["run", "pays.yaml", "-q"])
    assert sorted(path.name for path in Path("runs").iterdir()) == ["001", "002"]


def test_a_recorded_run_is_not_written_over_by_accident(capsys: Output) -> None:
    main(["run", "pays.yaml", "--out", "out", "-q"])
    before = fact_files("out")
    capsys.readouterr()
    assert main(["run", "control.yaml", "--out", "out", "-q"]) == 2
    message = capsys.readouterr().err
    assert "--resume" in message
    assert "--force" in message
    assert fact_files("out") == before
    assert main(["run", "control.yaml", "--out", "out", "-q", "--force"]) == 0
    assert list(fact_files("out")) == ["facts/control/phase-2-legacy-old/part-00000.parquet"]


def test_nothing_runs_while_a_scenario_is_wrong(capsys: Output) -> None:
    Path("wrong.yaml").write_text(PAYS.replace("count: 12", "count: twelve"), encoding="utf-8")
    assert main(["run", "pays.yaml", "wrong.yaml", "--out", "out"]) == 2
    message = capsys.readouterr().err
    assert "1 mistake in scenario files; nothing was run" in message
    assert "wrong.yaml:4" in message
    assert not Path("out").exists()


def test_a_phase_that_no_scenario_has_is_told(capsys: Output) -> None:
    assert main(["run", "pays.yaml", "--phase", "0-2"]) == 2
    assert "none of the scenarios has a variant in phase 0, 1, 2" in capsys.readouterr().err


def test_settings_and_variables_apply_to_runs(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    Path("gatefall.toml").write_text('seed = 5\ncustomers = 3\nphase = "4"\nquiet = true\n', encoding="utf-8")
    monkeypatch.setenv("GATEFALL_SEED", "6")
    main(["run", "pays.yaml", "control.yaml", "--out", "out", "--customers", "2"])
    manifest = read_manifest(Path("out"))
    assert (manifest.seed, manifest.customers, manifest.phases) == (6, 2, (4,))
    assert [planned.scenario for planned in manifest.variants] == ["pays"]
    assert capsys.readouterr().err == ""


def test_facts_can_be_read_by_people(capsys: Output) -> None:
    main(["run", "pays.yaml", "--out", "out", "--jsonl", "-q"])
    lines = Path("out/jsonl/pays/phase-4-continuation-new.jsonl").read_bytes().splitlines()
    first = orjson.loads(lines[0])
    assert first["at"].startswith("2026-01-05T")
    assert {"customer", "account", "time_us", "source", "actor", "kind", "subject"} <= set(first)
    assert len({orjson.loads(line)["customer"] for line in lines}) == 12


def interrupted_run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run with a Ctrl-C after the first cell."""
    original = running.in_order

    def results(*args: Any) -> Any:
        cells = original(*args)
        yield next(cells)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running, "in_order", results)
        return main(["run", *arguments])


@pytest.mark.usefixtures("draws_the_page")
def test_an_interrupted_run_is_incomplete_until_it_is_resumed(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    main(["run", "pays.yaml", "control.yaml", "--out", "whole", "-q"])
    assert interrupted_run(monkeypatch, "pays.yaml", "control.yaml", "--out", "out") == 130
    assert "`gatefall run --out out --resume` completes the run" in capsys.readouterr().err
    assert result("out")["complete"] is False
    assert main(["judge", "out"]) == 3
    printed = capsys.readouterr()
    assert "incomplete: 12 of 24 customers" in printed.err
    assert "interrupted" in Path("out/result.json").read_text(encoding="utf-8")
    assert main(["report", "out", "-q"]) == 3
    assert "incomplete" in Path("out/report.html").read_text(encoding="utf-8").lower()

    assert main(["run", "--out", "out", "--resume", "-q"]) == 0
    assert fact_files("out") == fact_files("whole")
    assert result("out")["facts_sha256"] == result("whole")["facts_sha256"]
    assert result("out")["complete"] is True


def test_violated_is_not_hidden_by_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    assert interrupted_run(monkeypatch, "never.yaml", "control.yaml", "--out", "out", "-q") == 130
    assert main(["judge", "out", "-q"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "8"], "was begun with --seed 1, not with --seed 8; leave --seed out"),
        (["--customers", "8"], "was begun without --customers, not with --customers 8; leave --customers out"),
        (["--phase", "2"], "was begun without --phase, not with --phase 2; leave --phase out"),
        (["control.yaml"], "was begun with other scenarios"),
    ],
)
def test_a_run_is_resumed_only_as_it_was_begun(arguments: list[str], message: str, capsys: Output) -> None:
    main(["run", "pays.yaml", "--out", "out", "-q"])
    assert main(["run", "pays.yaml", "--seed", "1", "--out", "out", "--resume", "-q"]) == 0
    capsys.readouterr()
    assert main(["run", *arguments, "--out", "out", "--resume", "-q"]) == 2
    assert message in capsys.readouterr().err


def test_a_run_of_another_model_is_not_resumed(capsys: Output) -> None:
    main(["run", "pays.yaml", "--out", "out", "-q"])
    manifest = json.loads(Path("out/run.json").read_bytes())
    Path("out/run.json").write_text(json.dumps({**manifest, "model": "0" * 64}), encoding="utf-8")
    assert main(["run", "--out", "out", "--resume", "-q"]) == 2
    assert "another version of the model" in capsys.readouterr().err
    assert main(["judge", "out", "-q"]) == 0


def test_a_recorded_run_needs_its_scenario_files_no_more(capsys: Output) -> None:
    main(["run", "pays.yaml", "--out", "out", "-q"])
    before = result("out")
    Path("pays.yaml").unlink()
    assert main(["judge", "out", "-q"]) == 0
    assert result("out") == before


@pytest.mark.usefixtures("draws_the_page")
def test_judge_and_report_write_what_the_run_wrote(capsys: Output) -> None:
    main(["run", "pays.yaml", "control.yaml", "--out", "out", "-q"])
    summary = capsys.readouterr().out
    before = {name: Path("out", name).read_bytes() for name in ("result.json", "report.html", "junit.xml")}
    for name in before:
        Path("out", name).unlink()
    main(["report", "out", "-q"])
    assert capsys.readouterr().out == summary
    assert {name: Path("out", name).read_bytes() for name in before} == before


def test_a_damaged_file_makes_the_verdict_inconclusive(capsys: Output) -> None:
    main(["run", "pays.yaml", "--out", "out", "-q"])
    [name] = fact_files("out")
    content = Path("out", name).read_bytes()
    Path("out", name).write_bytes(content[:-30])
    assert main(["judge", "out", "-q"]) == 3
    assert "cannot be read" in Path("out/result.json").read_text(encoding="utf-8")
    assert main(["run", "--out", "out", "--resume", "-q"]) == 0
    assert Path("out", name).read_bytes() == content


def offender(out: str) -> int:
    customer: int = next(
        finding["worst"]["customer"] for scenario in result(out)["scenarios"] for finding in scenario["findings"]
    )
    return customer


def test_a_replay_tells_everything_and_whether_it_is_still_so(capsys: Output) -> None:
    main(["run", "pays.yaml", "control.yaml", "--out", "out", "-q"])
    capsys.readouterr()
    customer = str(offender("out"))
    assert main(["replay", "out", "--scenario", "control", "--customer", customer]) == 1
    text = capsys.readouterr().out
    assert "still failing: no-entitlement-without-payment: " in text
    assert "Promised: At every instant" in text
    assert 'curl -sS -X POST "$GATEWAY_URL"/api/v4/' in text
    assert "facts are those that were recorded" in text
    assert "nothing is left to happen" in text
    assert "seed 1" in text

    assert main(["replay", "out", "--scenario", "pays", "--customer", "3"]) == 0
    assert "no property is violated for this customer" in capsys.readouterr().out


def test_a_replay_tells_what_has_changed_since(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    main(["run", "control.yaml", "--out", "out", "-q"])
    customer = str(offender("out"))
    original = running.run_alone

    def better(*args: Any) -> Any:
        account, facts = original(*args)
        return account, [fact for fact in facts if fact.kind not in ("entitlement", "final_entitlement")]

    monkeypatch.setattr(running, "run_alone", better)
    capsys.readouterr()
    assert main(["replay", "out", "--customer", customer]) == 0
    text = capsys.readouterr().out
    assert "fixed: no-entitlement-without-payment" in text
    assert "the facts differ from those that were recorded" in text
    assert "then: " in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--customer", "12"], "name one with --scenario: pays, control"),
        (["--scenario", "pay", "--customer", "1"], 'there is no scenario "pay"; did you mean "pays"?'),
        (["--scenario", "pays", "--customer", "12"], "there is no customer 12; expected a number from 0 to 11"),
        (["--scenario", "pays", "--variant", "phase-4", "--customer", "1"], 'there is no variant "phase-4"'),
        (["--customer", "-1"], "-1 is not in the range"),
    ],
)
def test_mistakes_in_replays_are_told(arguments: list[str], message: str, capsys: Output) -> None:
    main(["run", "pays.yaml", "control.yaml", "--out", "out", "-q"])
    capsys.readouterr()
    assert main(["replay", "out", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_replay_asks_which_variant(capsys: Output) -> None:
    Path("phases.yaml").write_text(PAYS.replace("phase: 4", "phase: null"), encoding="utf-8")
    text = PAYS.replace("backend:\n  phase: 4\n", "matrix:\n  phase: [4, 5]\n")
    Path("phases.yaml").write_text(text, encoding="utf-8")
    main(["run", "phases.yaml", "--out", "out", "-q"])
    capsys.readouterr()
    assert main(["replay", "out", "--customer", "1"]) == 2
    assert "--variant: phase-4-continuation-new, phase-5-continuation-new" in capsys.readouterr().err


def test_a_model_that_breaks_is_told_in_one_message(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    from conformance.simulated import SimulatedTarget

    def break_(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(SimulatedTarget, "run", break_)
    assert main(["run", "pays.yaml", "--out", "out", "-q"]) == 4
    message = capsys.readouterr().err
    assert "scenario pays, variant phase-4-continuation-new, customers 0-11: a defect" in message
    assert "Traceback" not in message
    assert "ZeroDivisionError" in Path("out/crash.log").read_text(encoding="utf-8")
    assert read_manifest(Path("out")).status == "failed"


def test_a_model_that_breaks_in_a_replay_is_told_in_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    from conformance.simulated import SimulatedTarget

    def break_(*_: Any) -> None:
        raise ZeroDivisionError("a defect")

    main(["run", "pays.yaml", "--out", "out", "-q"])
    capsys.readouterr()
    monkeypatch.setattr(SimulatedTarget, "run", break_)
    assert main(["replay", "out", "--customer", "3"]) == 4
    message = capsys.readouterr().err
    assert "the replay failed in scenario pays, customer 3: a defect\nThe details are in " in message
    assert "Traceback" not in message


def test_a_replay_says_what_shows_why_there_is_no_record(capsys: Output) -> None:
    main(["run", "pays.yaml", "--out", "out", "-q"])
    [part] = Path("out").glob("facts/*/*/*.parquet")
    part.write_bytes(b"not Parquet")
    capsys.readouterr()
    assert main(["replay", "out", "--customer", "3"]) == 0
    assert "`gatefall judge out` says what is missing or damaged" in capsys.readouterr().out


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GATEFALL_WORKERS": "2"}
    return subprocess.Popen(
        [sys.executable, "-m", "gatefall", "run", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_first_part(out: Path, process: subprocess.Popen[str]) -> None:
    while not list(out.glob("facts/*/*/part-*.parquet")):
        assert process.poll() is None, process.communicate()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_a_stopped_command_leaves_no_process_and_can_be_resumed(
    tmp_path: Path, sent: signal.Signals, code: int, capsys: Output
) -> None:
    arguments = ("pays.yaml", "--customers", "60000", "--out", "out")
    with start(*arguments) as process:
        wait_for_first_part(tmp_path / "out", process)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(sent)
        _, errors = process.communicate()
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    status = read_manifest(tmp_path / "out").status
    assert status == ("running" if sent == signal.SIGKILL else "interrupted")
    assert main(["judge", "out", "-q"]) == 3
    assert 0 < result("out")["scenarios"][0]["customers"] < 60_000


def refuse_to_write(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files whose name begins so cannot be written, as on a full disk (tests may run as somebody who may write all)."""
    original = Path.write_text, Path.write_bytes

    def refusing(method: Any) -> Any:
        def write(path: Path, *arguments: Any, **more: Any) -> Any:
            if path.name.startswith(name):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            return method(path, *arguments, **more)

        return write

    monkeypatch.setattr(Path, "write_text", refusing(original[0]))
    monkeypatch.setattr(Path, "write_bytes", refusing(original[1]))


def test_a_disk_that_is_full_is_not_a_defect_of_gatefall(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    main(["run", "pays.yaml", "--out", "out", "-q"])
    capsys.readouterr()
    with monkeypatch.context() as full:
        refuse_to_write(".result.json", full)
        assert main(["judge", "out", "-q"]) == 4
    message = capsys.readouterr().err
    assert "cannot go on: out/.result.json" in message
    assert "No space left on device; what was recorded before is kept" in message
    assert "defect" not in message
    assert main(["judge", "out", "-q"]) == 0


def test_only_a_report_of_this_very_verdict_is_pointed_at(capsys: Output) -> None:
    main(["run", "pays.yaml", "--out", "out", "-q"])
    assert "Report: out/report.html" in capsys.readouterr().out
    main(["judge", "out", "-q"])
    assert "Report:" not in capsys.readouterr().out


def test_scenarios_of_the_library_are_run_again_by_name(tmp_path: Path) -> None:
    main(["run", "upgrade-only", "pays.yaml", "--customers", "2", "--phase", "4", "--out", "out", "-q"])
    line = repeating_line(read_manifest(tmp_path / "out"))
    assert line == "gatefall run upgrade-only pays.yaml --phase 4 --customers 2 --seed 1"


def test_a_wrong_value_is_looked_for_where_it_is_set(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    assert main(["run", "pays.yaml", "--seed", "-1"]) == 2
    assert "The value is set" not in capsys.readouterr().err
    Path("gatefall.toml").write_text("seed = -1\n", encoding="utf-8")
    assert main(["run", "pays.yaml"]) == 2
    assert "The value is set in gatefall.toml." in capsys.readouterr().err
    monkeypatch.setenv("GATEFALL_SEED", "many")
    assert main(["run", "pays.yaml"]) == 2
    assert "The value is set by the environment variable GATEFALL_SEED." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pace", "1"], "--pace needs a target over HTTP"),
        (["--browser"], "--browser needs a target over HTTP"),
        (["--target", "mokc"], 'did you mean "mock"?'),
    ],
)
def test_what_virtual_time_has_no_use_for_is_refused(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "missing-payment-method", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
