"""Requests about webhook endpoints."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import urlsplit

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.errors import invalid_request, missing_parameter, no_such
from sim.stripe.event import API_VERSION
from sim.stripe.listing import PAGING, page
from sim.stripe.webhook_endpoint import WebhookEndpoint

MOST_ENDPOINTS: Final = 16
"""Source: Stripe's page "Add a webhook endpoint"."""
_EVENT_TYPE: Final = re.compile(r"(\*|[a-z0-9_]+(\.[a-z0-9_]+)+)\Z")


def _event_type(value: Any, name: str) -> str:
    """A reader. Types that the double never sends may be subscribed to; texts that can be no type may not."""
    given = parameters.text(value, name)
    if _EVENT_TYPE.match(given) is None:
        raise invalid_request(f"Invalid {name}: {given!r} is no type of event, such as charge.succeeded", param=name)
    return given


def _web_address(value: Any, name: str) -> str:
    given = parameters.url(value, name)
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise invalid_request(
            f"Invalid URL: {given!r} must start with http:// or https://", param=name, code="url_invalid"
        )
    return given


UPDATE: Final[parameters.Specification] = {
    "url": _web_address,
    "enabled_events": parameters.listed(_event_type),
    "description": parameters.clearable(parameters.text),
    "disabled": parameters.boolean,
    "metadata": parameters.metadata,
    "expand": parameters.listed(parameters.text),
}
CREATE: Final[parameters.Specification] = {
    **{name: reader for name, reader in UPDATE.items() if name != "disabled"},
    "api_version": parameters.choice(API_VERSION),
}
LIST: Final = PAGING


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    for name in ("url", "enabled_events"):
        if not values.get(name):
            raise missing_parameter(name)
    webhooks = context.merchant.webhooks
    if len(webhooks.endpoints) >= MOST_ENDPOINTS:
        raise invalid_request(f"You have reached the maximum of {MOST_ENDPOINTS} test webhook endpoints.")
    endpoint_id = context.owner(None).next_id("we")
    secret = "whsec_" + blake2b(endpoint_id.encode(), key=context.merchant.secret_seed, digest_size=16).hexdigest()
    endpoint = WebhookEndpoint(endpoint_id, context.now_s, values["url"], values["enabled_events"], secret)
    endpoint.api_version = values.get("api_version")
    _apply(endpoint, values)
    webhooks.add(endpoint)
    return {**endpoint.render(), "secret": secret}


def retrieve(context: Context, values: Mapping[str, Any], endpoint_id: str) -> dict[str, Any]:
    return _found(context, endpoint_id).render()


def update(context: Context, values: Mapping[str, Any], endpoint_id: str) -> dict[str, Any]:
    endpoint = _found(context, endpoint_id)
    if "enabled_events" in values and not values["enabled_events"]:
        raise missing_parameter("enabled_events")
    endpoint.send_to(values.get("url", endpoint.url))
    endpoint.subscribe(values.get("enabled_events", endpoint.enabled_events))
    endpoint.disabled = values.get("disabled", endpoint.disabled)
    _apply(endpoint, values)
    context.merchant.webhooks.changed()
    return endpoint.render()


def delete(context: Context, values: Mapping[str, Any], endpoint_id: str) -> dict[str, Any]:
    endpoint = _found(context, endpoint_id)
    context.merchant.webhooks.remove(endpoint)
    return {"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    return page(list(context.merchant.webhooks.endpoints.values()), values, "/v1/webhook_endpoints")


def _apply(endpoint: WebhookEndpoint, values: Mapping[str, Any]) -> None:
    if "description" in values:
        endpoint.description = values["description"] or None
    if "metadata" in values:
        endpoint.metadata = parameters.merged(endpoint.metadata, values["metadata"])


def _found(context: Context, endpoint_id: str) -> WebhookEndpoint:
    endpoint = context.merchant.webhooks.endpoints.get(endpoint_id)
    if endpoint is None:
        raise no_such(WebhookEndpoint.spoken_name, endpoint_id, "webhook_endpoint")
    return endpoint
