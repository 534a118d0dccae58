"""Secrets are planted in odd places; then everything that a run leaves and prints is searched for them."""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pyarrow.parquet as parquet
import pytest

from conformance.over_http.client import HttpAnswer, Unanswered
from conformance.real.check import check
from conformance.real.cleaning import clean
from conformance.real.target import RealTarget
from gatefall import command
from gatefall.command import main
from gatefall.crash_log import crash_log
from tests.conformance.real.conftest import PROFILE, SCENARIO
from tests.conformance.real.hurried_loop import HurriedLoop
from tests.conformance.real.stand_in import Seen, StandIn, answered

SECRETS = {
    "STAGING_PK": "pk_test_Publishable0Planted",
    "STAGING_RK": "rk_test_Restricted0Planted",
    "STAGING_PROVISIONING": "Bearer provisioning-Planted/+=&?",
    "STAGING_ACCESS": 'access "Planted" ümläut',
}
VALUES = (*SECRETS.values(), "provisioning-Planted/+=&?")
CLIENT_SECRET = "pi_malformed-secret-Planted"
TOKEN = "tok-Planted-of-the-account"


def written(secret: str) -> set[str]:
    """The ways in which a secret may be written down."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    quoted = orjson.dumps(secret).decode()[1:-1]
    return {secret, quote(secret), quote(secret, safe=""), quoted, repr(secret)[1:-1], encoded}


def everything_in(folder: Path) -> str:
    """All files of a folder as text, Parquet read."""
    texts = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            texts.append(repr(parquet.read_table(path).to_pydict()))
        if path.is_file():
            texts.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(texts)


def assert_nothing_planted(text: str) -> None:
    for secret in (*VALUES, TOKEN, CLIENT_SECRET):
        for form in written(secret):
            assert form not in text, f"{form} is in …{text[max(0, text.index(form) - 200) : text.index(form) + 80]}…"
    position = text.find("Planted")
    assert position < 0, text[max(0, position - 200) : position + 100]


class Planting(StandIn):
    """A deployment that repeats whatever it was told, wherever it can."""

    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.fails = fails
        self.answer_instead = self.plant
        self.real_tokens: dict[str, str] = {}

    async def send(self, method: str, url: str, headers: Any, content: bytes | None, timeout_s: float) -> HttpAnswer:
        names = {name.lower(): value for name, value in headers.items()}
        bearer = names.get("authorization", "").removeprefix("Bearer ")
        known = {"rk_test_Restricted0Planted": "sk_test_gatefall", "pk_test_Publishable0Planted": "pk_test_gatefall"}
        actual = self.real_tokens.get(bearer) or known.get(bearer)
        if actual is not None:
            names["authorization"] = f"Bearer {actual}"
        answer = await super().send(method, url, names, content, timeout_s)
        return self._spoilt(answer, url, names)

    def plant(self, seen: Seen) -> HttpAnswer | None:
        if self.fails and seen.path.endswith("/bulk/subscriptions"):
            raise RuntimeError(f"broken by {SECRETS['STAGING_ACCESS']} at {seen.url}?token={TOKEN}")
        if seen.path.endswith("/payment-methods") and seen.method == "GET":
            return answered(500, {"error": f"with {dict(seen.headers)} and {' '.join(VALUES)}"})
        if seen.path.endswith("/billing/history"):
            raise Unanswered(f"no answer from {seen.url}?key={quote(SECRETS['STAGING_ACCESS'])}")
        return None

    def _spoilt(self, answer: HttpAnswer, url: str, headers: dict[str, str]) -> HttpAnswer:
        if url.endswith("/__test__/accounts"):
            body = orjson.loads(answer.content)
            token = f"{TOKEN}-{len(self.real_tokens)}-{body['account_id']}"
            self.real_tokens[token] = body["token"]
            return answered(201, {**body, "token": token, "note": token})
        if url.endswith("/bulk/subscriptions"):
            body = orjson.loads(answer.content)
            body["messages"] = [{"code": 1, "message": f"hello {TOKEN} {headers['authorization']}"}]
            body["result"]["subscriptions"][0]["frequency"] = f"monthly {VALUES[3]}"
            body["result"]["client_secrets"].append(CLIENT_SECRET)
            return answered(200, body)
        return answer


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Planting:
    deployment = Planting(request.param)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(crash_log, "directory", None)
    made = RealTarget.__init__

    def make(target: RealTarget, *arguments: Any, **named: Any) -> None:
        made(target, *arguments, **{**named, "client": deployment.client})
        deployment.clocks.append(target.clock)

    monkeypatch.setattr(RealTarget, "__init__", make)
    monkeypatch.setattr(check, "__defaults__", (deployment.client,))
    monkeypatch.setattr(clean, "__defaults__", (deployment.client,))
    monkeypatch.setattr(asyncio.events, "new_event_loop", lambda: HurriedLoop(deployment.clocks))
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    profile = PROFILE.replace("[stripe]", '[gateway.headers_from_env]\nX-Access = "STAGING_ACCESS"\n\n[stripe]')
    (tmp_path / "staging.toml").write_text(profile, encoding="utf-8")
    scenario = SCENARIO.replace("count: 4", "count: 2")
    (tmp_path / "quick.yaml").write_text(scenario, encoding="utf-8")
    return deployment


@pytest.mark.parametrize("deployed", [False], indirect=True)
def test_nothing_that_a_run_leaves_or_prints_holds_a_secret(
    deployed: Planting, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = main(["run", "quick.yaml", "--target", "staging.toml", "--out", "run", "--jsonl"])
    assert code in (1, 3)
    assert main(["judge", "run"]) in (1, 3)
    assert main(["report", "run"]) in (1, 3)
    main(["replay", "run", "--customer", "0"])
    main(["check", "staging.toml"])
    main(["clean", "staging.toml"])
    printed = capfd.readouterr()
    left = everything_in(tmp_path)
    assert "bulk_create" in left
    assert_nothing_planted(printed.out + printed.err)
    assert_nothing_planted(left)


@pytest.mark.parametrize("deployed", [True], indirect=True)
def test_nor_does_what_a_failure_leaves_or_prints(
    deployed: Planting, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "quick.yaml", "--target", "staging.toml", "--out", "run"]) == 4
    printed = capfd.readouterr()
    assert "broken by" in printed.err
    assert_nothing_planted(printed.out + printed.err)
    left = everything_in(tmp_path)
    assert "Traceback" in left
    assert_nothing_planted(left)


@pytest.mark.parametrize("deployed", [False], indirect=True)
def test_a_defect_of_our_own_tells_no_secret_either(
    deployed: Planting, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["run", "quick.yaml", "--target", "staging.toml", "--out", "run"])
    capfd.readouterr()

    def break_(_: object) -> None:
        raise KeyError(f"{VALUES[2]} {next(iter(deployed.real_tokens))}")

    monkeypatch.setattr(command, "check_variables", break_)
    monkeypatch.setattr(sys, "argv", ["gatefall", "run", SECRETS["STAGING_RK"]])
    monkeypatch.setattr(crash_log, "directory", tmp_path)
    assert main(["list"]) == 4
    printed = capfd.readouterr()
    log = (tmp_path / "crash.log").read_text(encoding="utf-8")
    assert "KeyError" in printed.err
    assert_nothing_planted(printed.err)
    assert_nothing_planted(log)


@pytest.mark.parametrize("deployed", [False], indirect=True)
@pytest.mark.parametrize(
    "line",
    [
        'restricted_key_env = "rk_test_NewPlanted0123"',
        'name = "rk_test_NewPlanted0123',
        'token = "NewPlanted0123"',
        'url = "https://user:NewPlanted0123@x.staging.test"',
    ],
)
def test_a_mistake_in_a_profile_repeats_no_secret(
    deployed: Planting, tmp_path: Path, capfd: pytest.CaptureFixture[str], line: str
) -> None:
    text = (tmp_path / "staging.toml").read_text(encoding="utf-8")
    (tmp_path / "staging.toml").write_text(text.replace("[backend]", f"[backend]\n{line}"), encoding="utf-8")
    assert main(["check", "staging.toml"]) == 2
    assert "Planted" not in capfd.readouterr().err
