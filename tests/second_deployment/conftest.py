"""The second deployment in a loop in which nobody waits, and the target that its profile describes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.real.target import RealTarget
from conformance.redaction import known_secrets
from sim.stripe.credentials import READING_KEY
from tests.conformance.real.hurried_loop import HurriedLoop
from tests.second_deployment.app import ADMIN_SECRET, OPS_CREDENTIAL, WEBHOOK_SECRET
from tests.second_deployment.in_process import InProcess

PROFILE = Path(__file__).with_name("profile.toml")
ENVIRONMENT = {
    "SECOND_PUBLISHABLE_KEY": "pk_test_second",
    "SECOND_RESTRICTED_KEY": READING_KEY,
    "SECOND_OPERATORS": OPS_CREDENTIAL,
    "SECOND_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "SECOND_ADMIN_SECRET": ADMIN_SECRET,
}


@pytest.fixture(autouse=True)
def _no_secret_is_known_before_or_after() -> Iterator[None]:
    known_secrets.forget()
    yield
    known_secrets.forget()


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Makes the deployment, with slips if asked for, and the target of its profile."""

    def make(*slips: str, profile: str | None = None) -> tuple[InProcess, RealTarget]:
        deployment = InProcess(slips)
        monkeypatch.setattr(asyncio.events, "new_event_loop", lambda: HurriedLoop(deployment.clocks))
        path = tmp_path / "second.toml"
        path.write_text(profile or PROFILE.read_text(encoding="utf-8"), encoding="utf-8")
        target = RealTarget(path, environment=ENVIRONMENT, client=deployment.client)
        deployment.clocks.append(target.clock)
        return deployment, target

    return make
