"""What the command says without running anything: help, lists, mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gatefall import __version__, command
from gatefall.command import main
from gatefall.crash_log import crash_log

Output = pytest.CaptureFixture[str]

SUBCOMMANDS = (
    "run",
    "conform",
    "serve",
    "prove",
    "judge",
    "report",
    "replay",
    "check",
    "clean",
    "explain",
    "list",
    "schema",
)


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crash_log, "directory", None)


def test_help_names_every_subcommand_and_every_exit_code(capsys: Output) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in SUBCOMMANDS:
        assert f"\n  {name} " in text
    for code in ("0", "1", "2", "3", "4", "5", "130"):
        assert f" {code}  " in text


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_help_with_an_example(name: str, capsys: Output) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Example" in text
    assert f"  gatefall {name}" in text


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from gatefall.command import main; main(['--help']); "
        "names = {'numpy', 'pandas', 'pyarrow', 'pydantic', 'matplotlib', 'scipy', 'rich', 'simpy'}; "
        "heavy = names & set(sys.modules); "
        "sys.exit(f'imported: {sorted(heavy)}' if heavy else 0)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr


def test_version(capsys: Output) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"gatefall {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], 'there is no subcommand "rnu"; did you mean "run"?'),
        (["explain", "charged-onse"], 'there is no property "charged-onse"; did you mean "charged-once"?'),
        (["list", "scenario"], 'there is no list "scenario"; did you mean "scenarios"?'),
        (["judge", "nowhere"], "'nowhere' does not exist"),
        (["judge", "."], "holds no recorded run"),
        (["report", "."], "holds no recorded run"),
        (["replay", ".", "--customer", "1"], "holds no recorded run"),
        (["replay", "."], "Missing option '--customer'"),
        (["run", "--phase", "7"], '"7" given, expected a phase from 0 to 6'),
        (["run", "--phase", "3-1"], '"3-1" given, expected a phase from 0 to 6'),
        (["run", "--phase", "x"], '"x" given, expected a phase from 0 to 6'),
        (["run", "--workers", "0"], "0 is not in the range"),
        (["run", "--seed", "-1"], "-1 is not in the range"),
        (["run", "--customers", "many"], "'many' is not a valid integer"),
        (
            ["run", "--target", "staging.toml"],
            "staging.toml: there is no such file; docs/example-profile.toml shows one",
        ),
        (["run", "--target", "moon"], 'there is no target "moon"; `gatefall run --help` shows all'),
        (["run", "--target", "simulate"], 'there is no target "simulate"; did you mean "simulated"?'),
        (["check", "staging.toml"], "staging.toml: there is no such file"),
        (["clean", "staging.toml"], "staging.toml: there is no such file"),
        (["check"], "Missing argument 'PROFILE'"),
        (["run", "--resume"], "--resume needs --out"),
        (["run", "--resume", "--out", "x", "--force"], "use one of them"),
        (["run", "--resume", "--out", "x"], "holds no recorded run"),
        (["run", "no-such-scenario-at-all"], "no-such-scenario-at-all"),
        (["run", "--ouy", "x"], "No such option"),
    ],
)
def test_mistakes_end_with_code_2_and_one_message(arguments: list[str], message: str, capsys: Output) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_a_broken_settings_file_is_told_before_anything_else(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "gatefall.toml").write_text("worker = 3", encoding="utf-8")
    assert main(["list"]) == 2
    assert 'there is no setting "worker"; did you mean "workers"?' in capsys.readouterr().err


def test_variables_and_settings_give_way_to_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    (tmp_path / "gatefall.toml").write_text('target = "from-the-file"', encoding="utf-8")
    assert main(["run"]) == 2
    assert "from-the-file" in capsys.readouterr().err
    monkeypatch.setenv("GATEFALL_TARGET", "from-the-environment")
    assert main(["run"]) == 2
    assert "from-the-environment" in capsys.readouterr().err
    assert main(["run", "--target", "from-the-flag"]) == 2
    assert "from-the-flag" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("properties", "no-entitlement-without-payment"),
        ("phases", "irreversible"),
        ("parameters", "assumption"),
        ("products", "workers_paid"),
        ("metrics", "conversion"),
        ("defects", "signature-not-checked"),
        ("scenarios", "premature-removal"),
    ],
)
def test_lists_are_one_row_a_line(what: str, expected: str, capsys: Output) -> None:
    assert main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(expected in line for line in lines)
    assert all(line == line.rstrip() and line for line in lines)


def test_what_can_be_listed_is_listed(capsys: Output) -> None:
    assert main(["list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [
        "scenarios",
        "probing",
        "probes",
        "properties",
        "phases",
        "parameters",
        "products",
        "metrics",
        "defects",
    ]


def test_every_property_can_be_explained(capsys: Output) -> None:
    from conformance.evidence import EVIDENCE
    from conformance.properties import PROPERTIES

    assert main(["explain"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(PROPERTIES)
    for name, prop in PROPERTIES.items():
        assert main(["explain", name]) == 0
        text = " ".join(capsys.readouterr().out.split())
        evidence = EVIDENCE[name]
        outside = (evidence.outside, evidence.blind or "", ", ".join(evidence.to_hold))
        for part in (prop.statement, prop.why, prop.evidence, prop.example, ", ".join(prop.tiers), *outside):
            assert " ".join(part.split()) in text


def test_the_schema_is_json_schema(capsys: Output) -> None:
    assert main(["schema"]) == 0
    assert "$schema" in json.loads(capsys.readouterr().out)


def test_an_unexpected_error_is_one_message_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def break_(_: object) -> None:
        raise KeyError("a defect")

    monkeypatch.setattr(command, "check_variables", break_)
    monkeypatch.setattr(crash_log, "directory", tmp_path)
    assert main(["list"]) == 4
    printed = capsys.readouterr().err
    assert "unexpected error: KeyError: 'a defect'" in printed
    assert "Traceback" not in printed
    assert str(tmp_path / "crash.log") in printed
    log = (tmp_path / "crash.log").read_text(encoding="utf-8")
    assert "Traceback" in log
    assert __version__ in log


def test_a_crash_without_a_run_goes_to_a_temporary_directory(capsys: Output) -> None:
    path = crash_log.write(RuntimeError("x"), "0")
    assert path.read_text(encoding="utf-8").endswith("RuntimeError: x\n")


def test_interruption_has_its_own_code(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "check_variables", interrupt)
    assert main(["list"]) == 130
    assert capsys.readouterr().err.strip() == "gatefall: interrupted"


def test_a_closed_pipe_is_no_reason_to_complain() -> None:
    program = f"{sys.executable} -m gatefall list parameters | head -c 1; exit ${{PIPESTATUS[0]}}"
    finished = subprocess.run(
        ["bash", "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert finished.returncode in (0, 141)
    assert finished.stderr == ""
