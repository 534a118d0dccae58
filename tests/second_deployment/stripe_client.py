"""Stripe's API as this deployment calls it: forms over httpx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx

Object = dict[str, Any]


class StripeAway(Exception):
    """No answer that says what became of a request."""


class StripeRefused(Exception):
    """A 4xx of Stripe's."""

    def __init__(self, status: int, error: Object) -> None:
        super().__init__(str(error.get("message", status)))
        self.status = status
        self.error = error

    @property
    def is_decline(self) -> bool:
        return self.error.get("type") == "card_error"

    @property
    def decline_code(self) -> str:
        return str(self.error.get("decline_code") or self.error.get("code") or "generic_decline")


class StripeClient:
    def __init__(self, url: str, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=url, headers={"authorization": f"Bearer {key}"}, transport=transport, timeout=20.0, trust_env=False
        )

    async def get(self, path: str, **query: Any) -> Object:
        return await self._ask("GET", path, query=query)

    async def post(self, path: str, form: Object | None = None, key: str | None = None) -> Object:
        return await self._ask("POST", path, form=form or {}, key=key)

    async def delete(self, path: str) -> Object:
        return await self._ask("DELETE", path)

    async def close(self) -> None:
        await self._http.aclose()

    async def _ask(
        self, method: str, path: str, query: Object | None = None, form: Object | None = None, key: str | None = None
    ) -> Object:
        headers = {} if key is None else {"idempotency-key": key}
        content = None
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            content = urlencode(list(_flat(form)))
        try:
            answer = await self._http.request(method, path, params=query or None, content=content, headers=headers)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise StripeAway(str(error)) from None
        if answer.status_code >= 500 or answer.status_code in (409, 429):
            raise StripeAway(f"answered {answer.status_code}")
        if answer.status_code >= 400:
            raise StripeRefused(answer.status_code, body.get("error") or {})
        return dict(body)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Stripe's form encoding: brackets for what is nested."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _flat(member, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for position, member in enumerate(value):
            yield from _flat(member, f"{name}[{position}]")
    elif value is not None:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)
