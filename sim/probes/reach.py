"""How far a probe can reach at the target at hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """What a target lets probes do besides asking the gateway in an account's name.

    `admin_secret`: what administrators' tokens are signed with; None where nobody told. `webhook_secret`: what Stripe
    signs its deliveries with; None as before. `webhooks`: whether deliveries can be sent to billing-webhooks.
    `hours_pass`: whether a probe may wait for hours, because they pass in no time.
    """

    admin_secret: str | None = None
    webhook_secret: str | None = None
    webhooks: bool = False
    hours_pass: bool = False
