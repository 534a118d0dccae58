"""How far a probe can reach at the target at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reach:
    """What a target lets probes do besides asking the gateway in an account's name.

    `admin_secret`: what administrators' tokens are signed with; None where nobody told. `webhook_secret`: what Stripe
    signs its deliveries with; None as before. `webhooks`: whether deliveries can be sent to billing-webhooks.
    `hours_pass`: whether a probe may wait for hours, because they pass in no time. `now_s`: the Unix time by which the
    target measures the age of signatures and of tokens, where that is not the clock of its customers: a deployment's
    clock may be moved, and those are measured by the real one.
    """

    admin_secret: str | None = None
    webhook_secret: str | None = None
    webhooks: bool = False
    hours_pass: bool = False
    now_s: Callable[[], float] | None = None
