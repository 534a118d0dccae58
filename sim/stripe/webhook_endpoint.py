"""Webhook endpoints: where events are delivered, and which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

from sim.stripe.event import API_VERSION

DEFAULT_URL: Final = "https://billing-webhooks.test/webhooks/stripe"
DEFAULT_SERVICE: Final = "billing-webhooks"
DEFAULT_EVENTS: Final = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "setup_intent.succeeded",
    "setup_intent.setup_failed",
    "setup_intent.canceled",
    "charge.refunded",
    "payment_method.detached",
)
"""What the backend subscribes to. Not `payment_method.attached`: the success of an intent names the payment method that
it saved, Stripe's customer is the reference for how it looks, and a late attachment would tell an old expiry.
"""


class WebhookEndpoint:
    """One receiver. `service` is the name by which the world finds it: the model's own, or the origin of the URL."""

    __slots__ = (
        "id",
        "created",
        "url",
        "path",
        "query",
        "service",
        "enabled_events",
        "secret",
        "description",
        "metadata",
        "_all",
    )
    spoken_name: ClassVar = "webhook endpoint"

    def __init__(self, endpoint_id: str, created: int, url: str, enabled_events: Iterable[str], secret: str) -> None:
        parts = urlsplit(url)
        self.id = endpoint_id
        self.created = created
        self.url = url
        self.path = parts.path or "/"
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.service = (
            DEFAULT_SERVICE if url.startswith("https://billing-webhooks.test/") else f"{parts.scheme}://{parts.netloc}"
        )
        self.enabled_events = tuple(enabled_events)
        self.secret = secret
        self.description: str | None = None
        self.metadata: dict[str, str] = {}
        self._all = "*" in self.enabled_events

    def wants(self, event_type: str) -> bool:
        return self._all or event_type in self.enabled_events

    def render(self) -> dict[str, Any]:
        """Without the secret: that is told once, at the creation."""
        return {
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": API_VERSION,
            "application": None,
            "created": self.created,
            "description": self.description,
            "enabled_events": list(self.enabled_events),
            "livemode": False,
            "metadata": self.metadata,
            "status": "enabled",
            "url": self.url,
        }
