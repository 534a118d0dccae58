"""How long messages take on their way, by link and operation.

Figures: Stripe's test mode as published by vendors and by its users (PaymentIntent create median 0.5 s, p95 1.5 s;
confirm 1.2 s, 3 s). Assumptions, backed by no source: the customer's way to the gateway and back (median 90 ms, p95
300 ms), Stripe's way to billing-webhooks and back (60 ms, 200 ms), other Stripe operations (0.3 s, 0.9 s), an immediate
link between gateway and subscriptions-api.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sim.messages import Request
from sim.purposes import Purpose
from sim.streams import Lognormal, Streams
from sim.time import MILLISECOND_US


class Latency:
    """A lognormal round trip by its median and 95th percentile; `share_before` of it passes before the service acts."""

    __slots__ = ("purpose", "share_before", "spread")

    def __init__(self, median_us: int, p95_us: int, purpose: Purpose, share_before: float = 0.5) -> None:
        self.spread = Lognormal(median_us, p95_us)
        self.purpose = purpose
        self.share_before = share_before


def _stripe(median_ms: int, p95_ms: int) -> Latency:
    return Latency(median_ms * MILLISECOND_US, p95_ms * MILLISECOND_US, Purpose.LATENCY_STRIPE)


_CONFIRMATION: Final = _stripe(1_200, 3_000)
_CUSTOMER_TO_GATEWAY: Final = Latency(90 * MILLISECOND_US, 300 * MILLISECOND_US, Purpose.LATENCY_GATEWAY)
_STRIPE_TO_WEBHOOKS: Final = Latency(60 * MILLISECOND_US, 200 * MILLISECOND_US, Purpose.LATENCY_WEBHOOK)
_STRIPE_OTHER: Final = _stripe(300, 900)
_CREATION: Final = _stripe(500, 1_500)
_STRIPE_BY_OPERATION: Final[Mapping[str, Latency]] = {
    "create_payment_intent": _CREATION,
    "create_setup_intent": _CREATION,
    "confirm_payment": _CONFIRMATION,
    "confirm_setup": _CONFIRMATION,
    "confirm_payment_intent": _CONFIRMATION,
    "confirm_setup_intent": _CONFIRMATION,
}


class Network:
    """Latencies of every link of a deployment. A link without an entry takes no time and is run inline."""

    __slots__ = ("_links",)

    def __init__(self, links: Mapping[str, Latency] | None = None) -> None:
        self._links: Mapping[str, Latency] = _DEFAULT_LINKS if links is None else links

    def legs(self, service: str, request: Request, streams: Streams) -> tuple[int, int]:
        """Microseconds until the service acts on a request, and from then until its caller has the answer.

        An intent that is confirmed as it is created takes as long as a confirmation: the bank is asked in both.
        """
        latency = self._links.get(service)
        if latency is None:
            return 0, 0
        if latency is _STRIPE_OTHER:
            latency = _STRIPE_BY_OPERATION.get(request.operation, latency)
            if latency is _CREATION and "confirm" in request.body:
                latency = _CONFIRMATION
        total_us = streams.next_duration_us(latency.spread, latency.purpose)
        before_us = int(total_us * latency.share_before)
        return before_us, total_us - before_us


_DEFAULT_LINKS: Final[Mapping[str, Latency]] = {
    "gateway": _CUSTOMER_TO_GATEWAY,
    "stripe": _STRIPE_OTHER,
    "billing-webhooks": _STRIPE_TO_WEBHOOKS,
}

IMMEDIATE: Final = Network({})
"""No latencies at all: for tests of programs."""
