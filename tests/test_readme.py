"""Every example in the README is run, in order, in an empty folder."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
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


PORT = re.compile(r"\b84\d\d\b")


def test_what_is_for_two_terminals_works_in_them(tmp_path: Path) -> None:
    """The server of the README on other ports, and the profile's commands against it."""
    consoles = [line for block in examples("console") for line in block.splitlines()]
    serve, serve_stripe, export, *commands = consoles
    assert serve_stripe.startswith("gatefall serve stripe ")
    ports = dict(zip(sorted(set(PORT.findall(serve))), free_ports(2), strict=True))

    def moved(text: str) -> str:
        return PORT.sub(lambda found: ports.get(found[0], found[0]), text)

    profile = tmp_path / "profile.toml"
    profile.write_text(moved((ROOT / "docs/example-profile.toml").read_text(encoding="utf-8")), encoding="utf-8")
    settings = dict(one.split("=") for one in export.removeprefix("export ").split())
    environment = {**os.environ, **settings}
    with subprocess.Popen([*GATEFALL, *shlex.split(moved(serve))[1:]], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert any(line.startswith("Stop it") for line in server.stdout)
            for command in commands:
                arguments = shlex.split(command.replace("docs/example-profile.toml", str(profile)))[1:]
                done = subprocess.run(
                    [*GATEFALL, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
                )
                assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        finally:
            server.terminate()
        assert server.wait(60) == 0


GATEFALL = (sys.executable, "-m", "gatefall")


def free_ports(count: int) -> list[str]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [str(one.getsockname()[1]) for one in sockets]
