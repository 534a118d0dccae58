"""`gatefall serve` as its user meets it: what it prints works when pasted, it stops cleanly, and mistakes are told."""

from __future__ import annotations

import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import orjson
import pytest
from click.testing import CliRunner

from gatefall.command import gatefall
from gatefall.exit_codes import ExitCode

LAST_LINE = "Stop it with Ctrl-C."


@contextmanager
def served(*arguments: str, stop: int = signal.SIGTERM) -> Iterator[str]:
    """What `gatefall serve` printed, while it serves; at the end it must stop with 0 and without a word on stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gatefall", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = ""
    try:
        for line in process.stdout:
            printed += line
            if line.strip() == LAST_LINE:
                break
        else:
            raise AssertionError(f"it ended by itself: {process.communicate()}")
        yield printed
    finally:
        process.send_signal(stop)
        _, said = process.communicate(timeout=60)
    assert process.returncode == ExitCode.PASSED
    assert said == ""


def pasted(printed: str, **places: str) -> list[list[str]]:
    """The curl commands in what was printed, with what the reader is to put in."""
    joined = printed.replace("\\\n", " ")
    for name, value in places.items():
        joined = joined.replace(name, value)
    return [shlex.split(line) for line in joined.splitlines() if line.strip().startswith("curl ")]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_what_is_printed_can_be_pasted(stop: int) -> None:
    with served("--port", "0", "--phase", "2", stop=stop) as printed:
        make, _ = pasted(printed)
        made = orjson.loads(subprocess.run(make, capture_output=True, check=True).stdout)
        _, buy = pasted(printed, TOKEN=made["token"])
        bought = orjson.loads(subprocess.run(buy, capture_output=True, check=True).stdout)
        assert bought["success"] is True
        assert len(bought["result"]["client_secrets"]) == 1


def test_every_address_that_is_printed_answers() -> None:
    with served("--port", "0") as printed:
        urls = set(re.findall(r"http://127\.0\.0\.1:\d+", printed))
        assert len(urls) == 4
        for url in urls:
            assert httpx.get(url + "/healthz", trust_env=False).json() == {"status": "ok"}


def test_the_double_alone_can_be_pasted_too() -> None:
    with served("stripe", "--port", "0") as printed:
        [pay] = pasted(printed)
        intent = orjson.loads(subprocess.run([*pay, "--silent"], capture_output=True, check=True).stdout)
        assert intent["status"] == "succeeded"


def test_a_defect_is_switched_on_and_said_so() -> None:
    forged = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}
    answers: dict[bool, int] = {}
    for defect in (False, True):
        with served("--port", "0", *(["--defect", "signature-not-checked"] if defect else [])) as printed:
            assert ("DEFECT SWITCHED ON signature-not-checked: " in printed) is defect
            [url] = re.findall(r"billing-webhooks +(http://\S+)", printed)
            answers[defect] = httpx.post(url, json=forged, trust_env=False).status_code
    assert answers == {False: 400, True: 200}


def refused(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(gatefall, ["serve", *arguments], standalone_mode=False)
    error = result.exception
    assert error is not None, result.output
    return getattr(error, "exit_code", -1), str(getattr(error, "message", error))


def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, message = refused("--port", str(taken.getsockname()[1]))
    assert code == ExitCode.SET_UP_FAILED
    assert "Choose another port" in message


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--gate", "pm-gaet=off"], ExitCode.USAGE, "pm-gate"),
        (["--gate", "pm-gate"], ExitCode.USAGE, "pm-gate=off"),
        (["--defect", "signature-not-cheked"], ExitCode.USAGE, "signature-not-checked"),
        (["--phase", "7"], ExitCode.USAGE, "7"),
        (["--faults", "webhooks-lat"], ExitCode.USAGE, "webhooks-late"),
        (["--faults", "missing-payment-method"], ExitCode.USAGE, "no faults and no storm"),
        (["--faults", "webhooks-forged"], ExitCode.USAGE, "yourself"),
        (["--stripe", "https://api.stripe.com"], ExitCode.REFUSED, "gatefall serve stripe"),
        (["--stripe", "localhost"], ExitCode.USAGE, "http://127.0.0.1:12112"),
        (["--stripe", "http://me:hunter2@127.0.0.1:1"], ExitCode.USAGE, "without user and password"),
        (["--database", "mysql://x"], ExitCode.USAGE, "postgresql://"),
        (["--port", "0", "--redis", "redis://127.0.0.1:1"], ExitCode.SET_UP_FAILED, "no Redis answers"),
        (["--port", "0", "--database", "postgresql://127.0.0.1:1/x"], ExitCode.SET_UP_FAILED, "start it, or correct"),
        (["strip"], ExitCode.USAGE, "stripe"),
        (["stripe", "--secret-key", "sk_live_123"], ExitCode.REFUSED, "live key"),
    ],
)
def test_mistakes_are_told(arguments: list[str], code: ExitCode, words: str) -> None:
    assert refused(*arguments)[0] == code
    assert words in refused(*arguments)[1]
