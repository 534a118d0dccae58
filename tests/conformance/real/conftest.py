"""A deployment without a network, a profile of it, and a scenario whose customers are quick."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.real.target import RealTarget
from conformance.redaction import known_secrets
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variants
from tests.conformance.real.hurried_loop import HurriedLoop
from tests.conformance.real.stand_in import GATEWAY, MARKER, STRIPE, StandIn

ENVIRONMENT = {
    "STAGING_PK": "pk_test_gatefall",
    "STAGING_RK": "sk_test_gatefall",
    "STAGING_PROVISIONING": "Bearer provisioning-credential",
}

PROFILE = f"""\
name = "staging"
allowed_hosts = ["*.staging.test", "hooks.stripe.test"]

[test_environment]
url = "{MARKER}"
member = "environment"
equals = "staging"

[limits]
customers = 20
requests_per_second = 5000

[gateway]
url = "{GATEWAY}"

[stripe]
url = "{STRIPE}"
publishable_key_env = "STAGING_PK"
restricted_key_env = "STAGING_RK"
pages = "request"

[accounts]
provisioning = "contract"
credential_env = "STAGING_PROVISIONING"

[backend]
phase = 2
"""

SCENARIO = """\
name: quick-checkout
title: Customers who do not take their time
customers:
  count: 4
  pays_with: card
  first_card: succeeds
  front_end: new
  parameters:
    poll_interval_s: 0.02
backend:
  phase: 2
"""


@pytest.fixture(autouse=True)
def _no_secret_is_known_before_or_after() -> Iterator[None]:
    known_secrets.forget()
    yield
    known_secrets.forget()


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The deployment, in a world in which nobody has to wait."""
    stand_in = StandIn()
    monkeypatch.setattr(asyncio.events, "new_event_loop", lambda: HurriedLoop(stand_in.clocks))
    return stand_in


@pytest.fixture
def write_profile(tmp_path: Path) -> Any:
    """Writes the profile, with some texts in it replaced, and returns its path."""

    def write(**replaced: str) -> Path:
        text = PROFILE
        for old, new in replaced.pop("pairs", {}).items():  # type: ignore[attr-defined]
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "staging.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def scenario(tmp_path: Path) -> Any:
    """The variants of a scenario, the quick one with some texts replaced."""

    def read(replaced: dict[str, str] | None = None) -> list[Variant]:
        text = SCENARIO
        for old, new in (replaced or {}).items():
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "scenario.yaml"
        path.write_text(text, encoding="utf-8")
        return variants(read_scenarios([str(path)]))

    return read


@pytest.fixture
def target(write_profile: Any, deployment: StandIn) -> Any:
    """Makes the target of the profile."""

    def make(replaced: dict[str, str] | None = None, environment: dict[str, str] | None = None) -> RealTarget:
        path = write_profile(pairs=replaced or {})
        made = RealTarget(path, environment={**ENVIRONMENT, **(environment or {})}, client=deployment.client)
        deployment.clocks.append(made.clock)
        return made

    return make
