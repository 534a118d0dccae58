"""`.ci/services`: servers of one's own for the length of a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

SERVICES = Path(__file__).parent.parent / ".ci" / "services"
TELL = """
import json, os, pathlib, psycopg, redis
with psycopg.connect(os.environ["TEST_POSTGRESQL"]) as connection:
    (folder,) = connection.execute("SHOW data_directory").fetchone()
postgresql = pathlib.Path(folder, "postmaster.pid").read_text().split()[0]
with redis.Redis.from_url(os.environ["TEST_REDIS"]) as connection:
    processes = [int(postgresql), connection.info("server")["process_id"]]
print(json.dumps({**os.environ, "folder": folder, "processes": processes}))
"""


@pytest.fixture
def told(postgresql_url: str, redis_url: str) -> dict[str, Any]:
    """What a command was told by `.ci/services`, which has ended since. Asks for the fixtures: both are installed."""
    asked = {name: value for name, value in os.environ.items() if not name.startswith("TEST_")}
    command = [str(SERVICES), sys.executable, "-c", TELL]
    done = subprocess.run(command, env=asked, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    environment: dict[str, Any] = json.loads(done.stdout)
    return environment


def test_both_servers_are_on_loopback_and_gone_afterwards(told: dict[str, Any]) -> None:
    for variable, scheme in (("TEST_POSTGRESQL", "postgresql"), ("TEST_REDIS", "redis")):
        address = urlsplit(told[variable])
        assert (address.scheme, address.hostname) == (scheme, "127.0.0.1")
        assert told[variable] != os.environ[variable]
    # Their ports may be somebody else's by now, so the processes are asked for.
    assert [number for number in told["processes"] if _runs(number)] == []
    assert not Path(told["folder"]).parent.exists()


def _runs(process: int) -> bool:
    """Whether it is there, and not only its number, which whoever started it has not taken note of."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_nothing_is_told_that_gatefall_would_take_for_a_setting(told: dict[str, Any]) -> None:
    before = {name for name in os.environ if name.startswith("GATEFALL_")}
    assert {name for name in told if name.startswith("GATEFALL_")} == before


def test_the_exit_code_is_that_of_the_command(postgresql_url: str) -> None:
    done = subprocess.run([str(SERVICES), "sh", "-c", "exit 7"], check=False, timeout=120, capture_output=True)
    assert done.returncode == 7
