"""`gatefall serve stripe` as a process: what it says, how it stops, and what it refuses."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

LIMIT_S = 60.0
ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": os.environ.get("HOME", "/")}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gatefall", "serve", "stripe", *arguments]


@contextmanager
def served(tmp_path: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The process, and the lines that it said before it waits."""
    process = subprocess.Popen(
        command("--port", "0", *arguments),
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith("Stop it"):
                    break
            yield process, lines
        finally:
            process.kill()


def refused(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    """The exit code and what was said on stderr."""
    done = subprocess.run(
        command(*arguments), cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped_and_that_is_no_failure(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path, "-v", "--seed", "7") as (process, lines):
        url = lines[0].split()[-1]
        answer = httpx.post(f"{url}/v1/customers", auth=("sk_test_gatefall", ""), data={"name": "Jenny"})
        assert answer.status_code == 200
        process.send_signal(number)
        _, log = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0
    assert "POST /v1/customers 200" in log
    assert "Jenny" not in log
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_what_it_prints_can_be_pasted(tmp_path: Path) -> None:
    with served(tmp_path, "--webhook", "http://127.0.0.1:9/hook", "--webhook-secret", "whsec_mine") as (_, lines):
        said = "\n".join(lines)
        assert "http://127.0.0.1:9/hook" in said
        assert "whsec_mine" in said
        start = next(index for index, line in enumerate(lines) if line.strip().startswith("curl"))
        words = shlex.split("\n".join(lines[start : start + 2]))
        assert words[0] == "curl"
        form = "&".join(words[index + 1] for index, word in enumerate(words) if word == "-d")
        user = words[words.index("-u") + 1].removesuffix(":")
        answer = httpx.post(
            words[1], auth=(user, ""), content=form, headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert answer.json()["status"] == "succeeded"


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = refused(tmp_path, "--port", str(port))
    assert code == 4
    assert f"cannot listen on 127.0.0.1:{port}" in said


@pytest.mark.parametrize("option", ["--secret-key", "--publishable-key"])
def test_a_live_key_is_refused_and_not_repeated(tmp_path: Path, option: str) -> None:
    live = ("sk" if option == "--secret-key" else "pk") + "_live_" + "of0nobody0at0all"
    code, said = refused(tmp_path, option, live)
    assert code == 5
    assert option in said
    assert "of0nobody" not in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--webhook", "not-an-address"], "expected an address such as"),
        (["--webhook", "ftp://127.0.0.1/"], "expected an address such as"),
        (["--webhook", "http://me:hunter2@127.0.0.1/"], "without user and password"),
        (["--webhook", "ftp://me:hunter2@127.0.0.1/"], "ftp://me:…@127.0.0.1/"),
        (["--secret-key", "pk_test_x"], "expected a key that starts with sk_test_"),
        (["--webhook-secret", "secret"], "expected a key that starts with whsec_"),
        (["--duplicate", "1.5"], "1.5"),
        (["--port", "70000"], "70000"),
        (["--host", "203.0.113.1", "--port", "0"], "203.0.113.1"),
    ],
)
def test_a_wrong_value_is_told(tmp_path: Path, arguments: list[str], expected: str) -> None:
    code, said = refused(tmp_path, *arguments)
    assert code in (2, 4)
    assert expected in said
    assert "hunter2" not in said
