"""Stripe's API as it is read (and, where the profile allows, tidied) with the profile's restricted test key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from conformance.over_http.client import HttpAnswer
from conformance.over_http.wire import stripe_request
from conformance.real.deployment import Deployment, SetUpFailed, shown
from conformance.real.patience import with_patience
from sim.messages import NO_HEADERS, Request

_PAGE: Final = 100
_PAGES_MAX: Final = 50
"""Five thousand objects of one customer are more than any run makes."""


class NotPermitted(Exception):
    """The key may not do that, or there is no key. The message names the operation."""


class StripeApi:
    """Requests with the restricted key."""

    __slots__ = ("_deployment", "_headers", "_url")

    def __init__(self, deployment: Deployment) -> None:
        key = deployment.credentials.restricted_key
        if key is None:
            raise NotPermitted("the profile names no restricted key (stripe.restricted_key_env)")
        self._deployment = deployment
        self._url = deployment.profile.stripe.url
        self._headers = {"authorization": f"Bearer {key}"}

    async def get(self, path: str, query: Mapping[str, Any] = NO_HEADERS) -> Mapping[str, Any]:
        """One object or list. Raises NotPermitted, SetUpFailed."""
        answer = await with_patience(lambda: self.send("GET", path, None, query))
        return self._read(answer, f"GET {path}")

    async def find(self, path: str) -> Mapping[str, Any] | None:
        """One object; None where Stripe knows none of that id. Raises NotPermitted, SetUpFailed."""
        answer = await with_patience(lambda: self.send("GET", path))
        return None if answer.status == 404 else self._read(answer, f"GET {path}")

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change something. Raises NotPermitted, SetUpFailed."""
        answer = await with_patience(lambda: self.send("POST", path, body))
        return self._read(answer, f"POST {path}")

    async def listed(
        self,
        path: str,
        filters: Mapping[str, Any] | None = None,
        *,
        most: int | None = None,
        down_to_s: int | None = None,
    ) -> list[Mapping[str, Any]]:
        """The objects of a list, newest first: all, the first `most`, or those made at `down_to_s` or later.

        Raises NotPermitted, SetUpFailed.
        """
        found: list[Mapping[str, Any]] = []
        query: dict[str, Any] = {**(filters or {}), "limit": str(_PAGE if most is None else min(most, _PAGE))}
        for _ in range(_PAGES_MAX):
            page = await self.get(path, query)
            data = page.get("data")
            if not isinstance(data, list) or not all(isinstance(one, dict) and "id" in one for one in data):
                raise SetUpFailed(f"GET {path}: the answer is no list of Stripe's")
            found += data if down_to_s is None else [one for one in data if int(one.get("created", 0)) >= down_to_s]
            past = down_to_s is not None and bool(data) and int(data[-1].get("created", 0)) < down_to_s
            if past or not page.get("has_more") or not data or (most is not None and len(found) >= most):
                return found
            query["starting_after"] = str(data[-1]["id"])
        raise SetUpFailed(f"GET {path}: has no end after {len(found)} objects")

    async def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, Any] = NO_HEADERS
    ) -> HttpAnswer:
        """One request. Raises Unanswered, Refused."""
        method, target, headers, content = stripe_request(Request(method, path, body, self._headers, query))
        timeout_s = self._deployment.profile.limits.timeout_s
        return await self._deployment.client.send(method, self._url + target, headers, content, timeout_s)

    def _read(self, answer: HttpAnswer, what: str) -> Mapping[str, Any]:
        if answer.status in (401, 403):
            raise NotPermitted(f"{what}: Stripe answered {answer.status}: the restricted key may not do that")
        try:
            body = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            body = None
        if answer.status != 200 or not isinstance(body, dict):
            raise SetUpFailed(f"{what}: Stripe answered {answer.status} {shown(answer)}")
        return body
