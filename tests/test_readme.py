"""Every example in the README is run, in order, in an empty folder."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatefall.command import gatefall

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def examples(language: str) -> list[str]:
    return [body for name, body in BLOCKS if name == language]


def test_every_example_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file in examples("yaml"):
        path = Path(file.splitlines()[0].removeprefix("# "))
        path.parent.mkdir(exist_ok=True)
        path.write_text(file, encoding="utf-8")
    lines = [line for block in examples("sh") for line in block.splitlines()]
    assert len(lines) >= 10
    printed: set[str] = set()
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "gatefall"
        result = CliRunner().invoke(gatefall, arguments)
        assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"
        printed.update(" ".join(row.split()) for row in result.output.splitlines())
    shown = [" ".join(row.split()) for block in examples("text") for row in block.splitlines()]
    assert [row for row in shown if row not in printed and "─" not in row] == []


@pytest.mark.parametrize("target", ["run", "test"])
def test_the_two_commands_exist(target: str) -> None:
    assert f"make {target}" in README
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_first_ten_lines_say_what_it_is_for() -> None:
    first = " ".join(README.splitlines()[:10])
    assert "402" in first
    assert "safe" in first


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / link).exists(), link
