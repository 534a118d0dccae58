"""docker-compose.yml and what it mounts: everything pinned, watched and bound to loopback, and every command natively.

There is no Docker where these tests run. What can be checked without one is checked: the files against one another, by
Prometheus' own tool, and each service's command by running the same program with addresses of this machine.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from ruamel.yaml import YAML

from conformance.servers.metrics import Metrics
from tests.needed import STRIPE_MOCK_VERSION

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "gatefall.json"
PINNED = re.compile(r"(?:[a-z0-9.-]+/)?[a-z0-9-]+:v?\d+(?:\.\d+){1,2}(?:-[a-z]+)*")
START_TIMEOUT_S = 60.0


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


COMPOSE = read(ROOT / "docker-compose.yml")
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_the_services_are_those_that_were_asked_for() -> None:
    assert set(SERVICES) == {"stripe-mock", "postgresql", "redis", "gatefall", "prometheus", "grafana"}


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
class TestEachService:
    def test_is_pinned(self, service: dict[str, Any]) -> None:
        if "build" in service:
            bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
        else:
            bases = [service["image"]]
        assert bases
        assert [base for base in bases if not PINNED.fullmatch(base)] == []

    def test_has_a_health_check(self, service: dict[str, Any]) -> None:
        check = service["healthcheck"]
        assert check["test"][0] == "CMD"
        assert {"interval", "timeout", "retries"} <= set(check)

    def test_is_reached_from_this_machine_alone(self, service: dict[str, Any]) -> None:
        assert service["ports"]
        assert [port for port in service["ports"] if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []
        assert "network_mode" not in service

    def test_mounts_what_there_is(self, service: dict[str, Any]) -> None:
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]

    def test_waits_for_what_it_needs_to_be_healthy(self, service: dict[str, Any]) -> None:
        for name, condition in service.get("depends_on", {}).items():
            assert name in SERVICES
            assert condition == {"condition": "service_healthy"}


def test_no_port_is_bound_twice() -> None:
    ports = [port.split(":")[1] for service in SERVICES.values() for port in service["ports"]]
    assert len(ports) == len(set(ports))


@pytest.mark.parametrize("place", ["docker-compose.yml", ".ci/install"])
def test_there_is_one_version_of_stripe_mock(place: str) -> None:
    found = set(re.findall(r"v0\.\d+\.\d+", (ROOT / place).read_text(encoding="utf-8")))
    assert found == {STRIPE_MOCK_VERSION}


# --- Prometheus and Grafana -----------------------------------------------------------------------------------------


def exported_names() -> set[str]:
    """Every name that `gatefall serve` has at /metrics."""
    page = Metrics("1").page()[0].decode()
    families = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)
    buckets = {name + suffix for name, kind in families if kind == "histogram" for suffix in ("_bucket", "_count")}
    return {name for name, _ in families} | buckets


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:gatefall|pm)_\w+", expression))


def test_prometheus_scrapes_the_deployment_where_it_listens() -> None:
    config = read(DEPLOY / "prometheus.yml")
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    command = SERVICES["gatefall"]["command"]
    assert jobs["gatefall"] == [f"gatefall:{command[command.index('--port') + 1]}"]
    mounted = {mount.split(":")[1] for mount in SERVICES["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{file}" for file in ("prometheus.yml", *config["rule_files"])} == mounted


def test_alerts_look_at_what_is_exported() -> None:
    rules = [rule for group in read(DEPLOY / "alerts.yml")["groups"] for rule in group["rules"]]
    assert rules
    for rule in rules:
        assert names_in(rule["expr"])
        assert names_in(rule["expr"]) <= exported_names(), rule["alert"]


def test_the_dashboard_shows_what_is_exported() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    shown = [names_in(target["expr"]) for panel in panels for target in panel["targets"]]
    assert all(shown)
    assert set().union(*shown) <= exported_names()
    assert {"gatefall_requests_total", "pm_gate_rejections_total"} <= set().union(*shown)
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_grafana_knows_the_data_source_of_the_dashboard() -> None:
    (source,) = read(DEPLOY / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    used = {each["datasource"]["uid"] for panel in panels for each in (panel, *panel["targets"])}
    assert used == {source["uid"]}
    assert source["url"] == "http://prometheus:9090"
    (provider,) = read(DEPLOY / "grafana/provisioning/dashboards/gatefall.yml")["providers"]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounts["./docs/deploy/grafana/dashboards"] == provider["options"]["path"]


def test_prometheus_accepts_its_files(promtool: Path) -> None:
    done = run([promtool, "check", "config", DEPLOY / "prometheus.yml"])
    assert "2 rules found" in done.stdout  # promtool passes on files that it does not find


def test_the_alerts_fire_when_they_should(promtool: Path) -> None:
    run([promtool, "test", "rules", Path(__file__).with_name("alerts.test.yml")])


# --- the same commands, natively ------------------------------------------------------------------------------------


def run(command: list[Any]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def until_healthy(process: subprocess.Popen[bytes], check: list[str]) -> None:
    """Ask as Docker does: again and again, until the check passes or time is up."""
    give_up_s = time.monotonic() + START_TIMEOUT_S
    while subprocess.run(check, capture_output=True, check=False).returncode != 0:
        assert process.poll() is None, f"it ended with exit code {process.returncode}"
        assert time.monotonic() < give_up_s, f"still not healthy: {check}"
        time.sleep(0.1)


def natively(words: list[str], places: dict[str, str]) -> list[str]:
    """Words of a command with the addresses of this machine in the place of the containers'."""
    replaced = list(words)
    for old, new in places.items():
        assert any(old in word for word in words), f"{old} is not in {words}"
        replaced = [word.replace(old, new) for word in replaced]
    return replaced


def test_the_deployment_runs(postgresql_url: str, redis_url: str, promtool: Path) -> None:
    service = SERVICES["gatefall"]
    port = str(free_port())
    places = {
        "postgresql://gatefall:gatefall@postgresql:5432/gatefall": postgresql_url,
        "redis://redis:6379": redis_url,
        "0.0.0.0": "127.0.0.1",
        "8402": port,
        "8403": "0",
        "12112": "0",
    }
    command = [sys.executable, "-m", "gatefall", *natively(service["command"], places)]
    check = [sys.executable, *natively(service["healthcheck"]["test"][2:], {"8402": port})]
    with started(command) as process:
        until_healthy(process, check)
        address = f"http://127.0.0.1:{port}"
        made = httpx.post(f"{address}/__test__/accounts", json={"payment_method": "none"}, trust_env=False)
        assert made.status_code == 201, made.text
        metrics = httpx.get(f"{address}/metrics", trust_env=False).text
        assert exported_names() <= set(re.findall(r"^\w+", metrics, re.MULTILINE)) | set(
            re.findall(r"^# TYPE (\w+)", metrics, re.MULTILINE)
        )
        linted = subprocess.run(
            [promtool, "check", "metrics"], input=metrics, capture_output=True, text=True, check=False, timeout=60
        )
        assert linted.returncode == 0, linted.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert subprocess.run(check, capture_output=True, check=False).returncode != 0


def test_stripe_mock_runs(stripe_mock: Path) -> None:
    service = SERVICES["stripe-mock"]
    assert service["entrypoint"] == ["stripe-mock"]
    port = free_port()
    command = natively(service["command"], {":12111": f"127.0.0.1:{port}"})
    wget, *options, url = natively(service["healthcheck"]["test"][1:], {"12111": str(port)})
    header = options[options.index("--header") + 1]
    with started([str(stripe_mock), *command]) as process:
        # What wget does, as a machine without it can do it too.
        ask = "import sys, urllib.request as r; r.urlopen(r.Request(sys.argv[1], headers={sys.argv[2]: sys.argv[3]}))"
        assert wget == "wget"
        until_healthy(process, [sys.executable, "-c", ask, url, *header.split(": ")])


def test_redis_runs(redis_server: Path) -> None:
    port = free_port()
    name, *options = SERVICES["redis"]["command"]
    assert name == redis_server.name
    check = natively(
        SERVICES["redis"]["healthcheck"]["test"][1:], {"redis-cli": str(redis_server.with_name("redis-cli"))}
    )
    with started([str(redis_server), *options, "--port", str(port), "--bind", "127.0.0.1"]) as process:
        until_healthy(process, [*check[:1], "-p", str(port), *check[1:]])
        with redis.Redis(port=port) as client:
            assert client.config_get("save")["save"] == ""


def test_postgresql_runs(postgresql_url: str) -> None:
    """`.ci/services` starts it; here the health check of the container asks that one."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    program = shutil.which("pg_isready", path=os.pathsep.join([os.environ["PATH"], *map(str, folders)]))
    assert program is not None
    port = re.search(r":(\d+)/", postgresql_url)
    assert port is not None
    run([program, *SERVICES["postgresql"]["healthcheck"]["test"][2:], "--port", port[1]])


# --- the image ------------------------------------------------------------------------------------------------------


def test_what_the_image_copies_is_enough_to_install_and_run(tmp_path: Path) -> None:
    """The Dockerfile's own steps, in an empty folder; dependencies are those of this environment."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    let_in = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {f"!{name}" for name in copied} <= set(let_in)
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for name in copied:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"]
    run([*pip, "--no-deps", "--no-build-isolation", "--target", target, source])
    script = "import gatefall, sys; print(gatefall.__file__); from gatefall.command import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, "list", "scenarios"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(target)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(target))
    assert "premature-removal-legacy" in done.stdout


def test_the_image_has_the_stores() -> None:
    pinned = (ROOT / "requirements.txt").read_text(encoding="utf-8").lower()
    for package in ("psycopg", "sqlalchemy", "redis", "uvicorn", "starlette"):
        assert re.search(rf"^{package}(\[[a-z,-]+\])?==", pinned, re.MULTILINE), f"{package}: run `make lock`"
