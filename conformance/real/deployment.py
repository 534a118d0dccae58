"""A real deployment as a profile describes it: its test support, its marker, and what customers' requests look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from conformance.over_http.client import HttpAnswer, Unanswered
from conformance.over_http.wire import JSON
from conformance.real.credentials import Credentials
from conformance.real.guarded_client import GuardedClient
from conformance.real.interlock import Refused, check_marker
from conformance.redaction import redacted
from scenarios.scenario import Variant

CONFIG_PATH: Final = "/__test__/config"
CLOCK_PATH: Final = "/__test__/clock"
_LONGEST_SHOWN: Final = 200


class SetUpFailed(Exception):
    """The deployment could not be reached, or did not do what a run needs. The message says what to look at."""


class Settings(NamedTuple):
    """How a deployment says that it is set."""

    phase: int
    regime: str
    pm_gate: bool


class Deployment:
    """Asks the deployment for everything that is not a customer's own request."""

    __slots__ = ("client", "credentials", "profile")

    def __init__(self, credentials: Credentials, client: GuardedClient) -> None:
        self.profile = credentials.profile
        self.credentials = credentials
        self.client = client

    async def ask(
        self, method: str, url: str, body: Any = None, authorization: str | None = None, what: str = "the deployment"
    ) -> HttpAnswer:
        """Send one request of JSON. Raises SetUpFailed where no answer comes."""
        headers: dict[str, str] = {}
        if authorization is not None:
            headers["authorization"] = authorization
        content = None
        if body is not None:
            content = orjson.dumps(body)
            headers["content-type"] = JSON
        try:
            return await self.client.send(method, url, headers, content, self.profile.limits.timeout_s)
        except Unanswered as error:
            raise SetUpFailed(redacted(f"{what}: {error}; check the address and that it is running")) from None

    async def check_marker(self) -> HttpAnswer:
        """Make sure that this is a test environment. Raises Refused, SetUpFailed."""
        marker = self.profile.test_environment
        if marker is None:
            raise Refused(["test_environment: the profile has no marker that only a test environment has"])
        authorization = self.credentials.of(marker.credential_env)
        answer = await self.ask("GET", marker.url, None, authorization, "test_environment")
        check_marker(marker, answer)
        return answer

    async def support(self, method: str, path: str, body: Any = None) -> HttpAnswer:
        """Ask the deployment's test support. Raises SetUpFailed."""
        authorization = self.credentials.of(self.profile.accounts.credential_env)
        return await self.ask(method, self.profile.accounts_url + path, body, authorization, "test support")

    async def settings(self) -> Settings:
        """How the deployment says that it is set. Raises SetUpFailed."""
        read = self._read(await self.support("GET", CONFIG_PATH), f"GET {CONFIG_PATH}")
        gates = read.get("gates")
        phase, regime = read.get("phase"), read.get("regime")
        if type(phase) is not int or not isinstance(regime, str):
            raise SetUpFailed(
                f"GET {CONFIG_PATH}: phase {phase!r} and regime {regime!r}, expected a number from 0 to 6 and a name; "
                "tell them in [backend] instead"
            )
        return Settings(phase, regime, gates.get("pm-gate", True) if isinstance(gates, Mapping) else True)

    async def configure(self, settings: Settings) -> None:
        """Set the deployment. Raises SetUpFailed."""
        body = {"phase": settings.phase, "regime": settings.regime, "gates": {"pm-gate": settings.pm_gate}}
        self._read(await self.support("PUT", CONFIG_PATH, body), f"PUT {CONFIG_PATH}")
        now = await self.settings()
        if now != settings:
            raise SetUpFailed(f"PUT {CONFIG_PATH}: the deployment is set to {tuple(now)}, not {tuple(settings)}")

    async def move_clock(self, seconds: int) -> None:
        """Move the deployment's clock on. Raises SetUpFailed."""
        self._read(await self.support("POST", CLOCK_PATH, {"advance_seconds": seconds}), f"POST {CLOCK_PATH}")

    def _read(self, answer: HttpAnswer, what: str) -> Mapping[str, Any]:
        """The object in an answer, taken out of the envelope if it is in one. Raises SetUpFailed."""
        try:
            body = orjson.loads(answer.content) if answer.content else None
        except orjson.JSONDecodeError:
            body = None
        if not 200 <= answer.status < 300 or not isinstance(body, dict):
            raise SetUpFailed(f"{what}: answered {answer.status} {shown(answer)}; expected 200 and an object")
        return unwrapped(body)


def told_settings(variant: Variant) -> Settings:
    """How a deployment has to be set for a variant."""
    return Settings(variant.phase, variant.regime, variant.scenario.backend.gates.get("pm-gate", True))


def unwrapped(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The result in an envelope, or the body itself: whether test support answers in the envelope is left open."""
    result = body.get("result")
    return result if isinstance(result, dict) and "success" in body else body


def shown(answer: HttpAnswer) -> str:
    """An answer's body as it may be repeated in a message."""
    text = redacted(answer.content[:2_000].decode("utf-8", "replace")).strip()
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")
