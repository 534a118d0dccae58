"""The only way out: every request to a real deployment passes here, and every answer is looked at here.

Where a request goes is checked once more at the last moment, the rate is kept, nothing is bought before the interlock
is open, what an answer holds of secrets becomes known, and an answer of Stripe's in live mode stops everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from conformance.over_http.client import HttpAnswer, HttpClient
from conformance.real.interlock import Refused, check_address, check_livemode
from conformance.real.profile import Profile
from conformance.real.rate import Rate
from conformance.redaction import known_secrets, secrets_in

_LARGEST_LOOKED_INTO: Final = 1_000_000
"""Bytes of an answer that are searched for secrets. Assumption: no answer that holds any is larger."""


class GuardedClient:
    """An `HttpClient` for one profile. Once something live was seen, `refusal` is set, and nothing more is sent."""

    __slots__ = ("_client", "_profile", "_rate", "_stripe_host", "refusal", "sent")

    def __init__(self, client: HttpClient, profile: Profile) -> None:
        self._client = client
        self._profile = profile
        self._rate = Rate(profile.limits.requests_per_second)
        self._stripe_host = urlsplit(profile.stripe.url).netloc
        self.refusal: Refused | None = None
        self.sent = 0

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, timeout_s: float
    ) -> HttpAnswer:
        """Send one request. Raises Unanswered, Unreachable, Refused."""
        if self.refusal is not None:
            raise self.refusal
        check_address(self._profile, url)
        await self._rate.turn()
        self.sent += 1
        answer = await self._client.send(method, url, headers, content, timeout_s)
        if urlsplit(url).netloc == self._stripe_host:
            self._look_for_live_mode(answer, f"what {method} {urlsplit(url).path.split('_secret_')[0]} answered")
        self._learn(answer)
        return answer

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    def _look_for_live_mode(self, answer: HttpAnswer, what: str) -> None:
        try:
            check_livemode(answer, what)
        except Refused as refused:
            self.refusal = refused
            raise

    def _learn(self, answer: HttpAnswer) -> None:
        """Whatever the answer holds under a secret's name is one from now on."""
        if len(answer.content) <= _LARGEST_LOOKED_INTO and (b"secret" in answer.content or b"token" in answer.content):
            known_secrets.remember(*secrets_in(_json(answer.content)))


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
