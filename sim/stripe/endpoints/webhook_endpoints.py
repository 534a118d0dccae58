"""Requests about webhook endpoints."""

from __future__ import annotations

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

CREATE: Final[parameters.Specification] = {
    "url": parameters.text,
    "enabled_events": parameters.listed(parameters.text),
    "api_version": parameters.choice(API_VERSION),
    "description": parameters.clearable(parameters.text),
    "metadata": parameters.metadata,
    "expand": parameters.listed(parameters.text),
}
LIST: Final = PAGING


def create(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    for name in ("url", "enabled_events"):
        if not values.get(name):
            raise missing_parameter(name)
    url = values["url"]
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise invalid_request(
            f"Invalid URL: {url!r} must start with http:// or https://", param="url", code="url_invalid"
        )
    endpoint_id = context.owner(None).next_id("we")
    secret = "whsec_" + blake2b(endpoint_id.encode(), key=context.merchant.secret_seed, digest_size=16).hexdigest()
    endpoint = WebhookEndpoint(endpoint_id, context.now_s, url, values["enabled_events"], secret)
    endpoint.description = values.get("description") or None
    endpoint.metadata = parameters.merged({}, values.get("metadata", {}))
    context.merchant.webhooks.add(endpoint)
    return {**endpoint.render(), "secret": secret}


def retrieve(context: Context, values: Mapping[str, Any], endpoint_id: str) -> dict[str, Any]:
    return _found(context, endpoint_id).render()


def delete(context: Context, values: Mapping[str, Any], endpoint_id: str) -> dict[str, Any]:
    endpoint = _found(context, endpoint_id)
    context.merchant.webhooks.remove(endpoint)
    return {"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    return page(list(context.merchant.webhooks.endpoints.values()), values, "/v1/webhook_endpoints")


def _found(context: Context, endpoint_id: str) -> WebhookEndpoint:
    endpoint = context.merchant.webhooks.endpoints.get(endpoint_id)
    if endpoint is None:
        raise no_such(WebhookEndpoint.spoken_name, endpoint_id, "webhook_endpoint")
    return endpoint
