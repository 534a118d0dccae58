"""Programs that tests talk to and that are not Python packages: where they are, or a skip that says how to get them.

Each is named by an environment variable; `.ci/services` starts them and sets all of the variables. (They do not begin
with GATEFALL_: the command refuses such variables where they are no settings of its own.) What is absent makes
a test skip, with the reason in pytest's summary; in CI (variable CI) it makes the test fail, so that nothing goes
untested unnoticed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

STRIPE_MOCK_VERSION = "v0.203.0"
"""The newest that the Go module proxy has (November 2026)."""

_NPM_PROGRAMS = Path(__file__).parent.parent / "node_modules" / ".bin"
_REDIS_COUNTER = "gatefall-tests:databases-taken"


def missing(what: str, variable: str, how: str) -> NoReturn:
    """Skip the test, or fail it in CI, saying how to get what it needs."""
    message = f"needs {what}: set {variable}, or {how}"
    if os.environ.get("CI"):
        pytest.fail(f"CI {message}", pytrace=False)
    pytest.skip(message)


def address(what: str, variable: str) -> str:
    """The URL of a running server."""
    url = os.environ.get(variable)
    if not url:
        missing(what, variable, "run the tests as `.ci/services make test`, which starts one of its own")
    return url


def program(what: str, variable: str, names: tuple[str, ...], how: str) -> Path:
    """The path of a program: what the variable says, else where such programs are installed to."""
    named = os.environ.get(variable)
    if named:
        if not os.access(named, os.X_OK):
            pytest.fail(f"{variable} is {named!r}, which is not a program", pytrace=False)
        return Path(named)
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_go_programs(), str(_NPM_PROGRAMS)])
    for name in names:
        found = shutil.which(name, path=path)
        if found:
            return Path(found)
    missing(what, variable, how)


def _go_programs() -> list[str]:
    """Where `go install` puts programs."""
    try:
        asked = subprocess.run(
            ["go", "env", "GOBIN", "GOPATH"], capture_output=True, text=True, check=False, timeout=60
        )
    except OSError:
        return [str(Path.home() / "go" / "bin")]
    programs, _, workspace = asked.stdout.partition("\n")
    return [folder for folder in (programs.strip(), str(Path(workspace.strip()) / "bin")) if folder]


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """An empty PostgreSQL database of the test's own, `postgresql://…`; dropped afterwards."""
    server = address("PostgreSQL", "TEST_POSTGRESQL")
    import psycopg
    from psycopg import sql

    name = f"gatefall_test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    scheme, _, rest = server.partition("://")
    authority, _, path = rest.partition("/")
    _, mark, options = path.partition("?")
    yield f"{scheme}://{authority}/{name}{mark}{options}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def redis_url() -> Iterator[str]:
    """An empty Redis database of the test's own, `redis://…/number`; emptied afterwards.

    Only a database that was empty is taken, so that a Redis with other people's data loses nothing.
    """
    server = address("Redis", "TEST_REDIS").rstrip("/")
    import redis

    with redis.Redis.from_url(server) as counter:
        databases = int(counter.config_get("databases")["databases"])
        for _ in range(databases):
            number = 1 + int(counter.incr(_REDIS_COUNTER)) % (databases - 1)
            with redis.Redis.from_url(f"{server}/{number}") as mine:
                if mine.dbsize() == 0:
                    yield f"{server}/{number}"
                    mine.flushdb()
                    return
    pytest.fail(f"all databases of the Redis at {server} hold keys", pytrace=False)


@pytest.fixture(scope="session")
def redis_server() -> Path:
    """The program, for a test that kills a Redis of its own."""
    return program("redis-server", "TEST_REDIS_SERVER", ("redis-server",), "install it (Debian: redis-server)")


@pytest.fixture(scope="session")
def stripe_mock() -> Path:
    """The program stripe-mock, Stripe's own stateless stand-in."""
    how = f"install it: go install github.com/stripe/stripe-mock@{STRIPE_MOCK_VERSION}"
    return program("stripe-mock", "TEST_STRIPE_MOCK", ("stripe-mock",), how)


@pytest.fixture(scope="session")
def stripe_cli() -> Path:
    """The program `stripe`, Stripe's own command line."""
    how = "install it: npm install --global @stripe/cli"
    return program("Stripe's command line", "TEST_STRIPE_CLI", ("stripe",), how)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The system's Chromium, for Playwright's `executable_path`."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return program("Chromium", "TEST_CHROMIUM", names, "install it (Debian: chromium)")


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The program promtool, which checks Prometheus files."""
    return program("promtool", "TEST_PROMTOOL", ("promtool",), "install it (Debian: prometheus)")
