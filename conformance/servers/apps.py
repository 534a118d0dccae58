"""The deployment's own services as ASGI applications."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

from starlette.types import Receive, Scope, Send

from conformance.over_http.wire import (
    INTERNAL_HEADER,
    read_asked_request,
    read_json_request,
    read_webhook_request,
)
from conformance.servers.request_body import Unreadable
from conformance.servers.service_app import Answering, Page, ServiceApp
from sim.gateway import operation_of
from sim.messages import Request
from sim.subscriptions_api.asked import Asked

TEST_SUPPORT_PREFIX: Final = "/__test__/"


def _read_named(
    method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], content: bytes
) -> Request:
    """A customer's or administrator's request, with the name of its operation: for counters and for faults."""
    request = read_json_request(method, path, query, headers, content)
    request.operation = operation_of(method, path)
    return request


class GatewayApp:
    """The gateway, and test support under its own prefix at the same address."""

    __slots__ = ("_gateway", "_test_support")

    def __init__(self, gateway: Answering, test_support: Answering, pages: Mapping[str, Page] | None = None) -> None:
        self._gateway = ServiceApp(_read_named, gateway, pages)
        self._test_support = ServiceApp(read_json_request, test_support)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_test = scope.get("path", "").startswith(TEST_SUPPORT_PREFIX)
        await (self._test_support if is_test else self._gateway)(scope, receive, send)


def webhooks_app(webhooks: Answering, pages: Mapping[str, Page] | None = None) -> ServiceApp:
    """billing-webhooks."""
    return ServiceApp(read_webhook_request, webhooks, pages)


def api_app(api: Answering, secret: str, pages: Mapping[str, Page] | None = None) -> ServiceApp:
    """subscriptions-api, which believes nobody but the gateway of its own deployment."""

    def read(
        method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], content: bytes
    ) -> Asked | Request:
        if not hmac.compare_digest(headers.get(INTERNAL_HEADER, "").encode(), secret.encode()):
            raise Unreadable(401, "this service answers the gateway alone: send your request there")
        try:
            return read_asked_request(method, path, query, headers, content)
        except KeyError as error:
            raise Unreadable(400, f"header {error.args[0]}: is missing") from None

    return ServiceApp(read, api, pages)
