"""A deployment that is killed while the conformance suite is at it: nothing is said to have held."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEYS = {"STAGING_PUBLISHABLE_KEY": "pk_test_gatefall", "STAGING_RESTRICTED_KEY": "sk_test_gatefall"}
LAST_LINE = "Stop it with Ctrl-C."
LONGEST_S = 120.0


@pytest.fixture
def deployment() -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`gatefall serve`, and its addresses by what they are of."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gatefall", "serve", "--phase", "2", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    addresses: dict[str, str] = {}
    try:
        for line in process.stdout:
            found = re.match(r"([a-z-]+) +(http://[0-9.:]+)", line)
            if found:
                addresses[found[1]] = found[2]
            if line.strip() == LAST_LINE:
                break
        yield process, addresses
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_nothing_is_said_to_have_held_of_a_deployment_that_was_killed(
    deployment: tuple[subprocess.Popen[str], dict[str, str]], tmp_path: Path
) -> None:
    process, addresses = deployment
    text = (ROOT / "docs" / "example-profile.toml").read_text(encoding="utf-8")
    text = text.replace("http://127.0.0.1:8402", addresses["gateway"])
    (tmp_path / "staging.toml").write_text(text.replace("http://127.0.0.1:8403", addresses["stripe"]), encoding="utf-8")
    arguments = ["--target", "staging.toml", "--customers", "2", "-k", "missing-payment-method", "--out", "out"]
    conforming = subprocess.Popen(
        [sys.executable, "-m", "gatefall", "conform", *arguments],
        cwd=tmp_path,
        env={**os.environ, **KEYS, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait_for_accounts(tmp_path, conforming)
        process.kill()
        said, _ = conforming.communicate(timeout=LONGEST_S)
    finally:
        conforming.kill()
    assert conforming.returncode in (3, 4), said
    assert " held: " not in said
    assert "✓" not in said
    assert "1 passed" not in said
    assert "Traceback" not in said


def _wait_for_accounts(directory: Path, conforming: subprocess.Popen[str]) -> None:
    """Until the first account is in the journal: from then on customers are about."""
    until_s = time.monotonic() + LONGEST_S
    while time.monotonic() < until_s and conforming.poll() is None:
        if any(path.stat().st_size for path in directory.glob("*.accounts*")):
            return
        time.sleep(0.01)
    pytest.fail("no account was made")
