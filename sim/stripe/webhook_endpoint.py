"""Webhook endpoints: where events are delivered, and which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlsplit

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
        "disabled",
        "api_version",
        "_all",
    )
    spoken_name: ClassVar = "webhook endpoint"

    def __init__(self, endpoint_id: str, created: int, url: str, enabled_events: Iterable[str], secret: str) -> None:
        self.id = endpoint_id
        self.created = created
        self.secret = secret
        self.description: str | None = None
        self.metadata: dict[str, str] = {}
        self.disabled = False
        self.api_version: str | None = None
        self.send_to(url)
        self.subscribe(enabled_events)

    def send_to(self, url: str) -> None:
        """From now on events go there."""
        parts = urlsplit(url)
        self.url = url
        self.path = parts.path or "/"
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.service = (
            DEFAULT_SERVICE if url.startswith("https://billing-webhooks.test/") else f"{parts.scheme}://{parts.netloc}"
        )

    def subscribe(self, enabled_events: Iterable[str]) -> None:
        """From now on these types of events are delivered; "*" means all."""
        self.enabled_events = tuple(enabled_events)
        self._all = "*" in self.enabled_events

    def wants(self, event_type: str) -> bool:
        return not self.disabled and (self._all or event_type in self.enabled_events)

    def render(self) -> dict[str, Any]:
        """Without the secret: that is told once, at the creation."""
        return {
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": None,
            "created": self.created,
            "description": self.description,
            "enabled_events": list(self.enabled_events),
            "livemode": False,
            "metadata": self.metadata,
            "status": "disabled" if self.disabled else "enabled",
            "url": self.url,
        }
