"""What the live servers count, in Prometheus' format at `/metrics`.

Counters that an alert looks at are there from the start, at 0: an absent series never fires.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from conformance.servers.service_app import Answering
from scenarios.phase import GATED_OPERATIONS
from sim.facts import Journal
from sim.messages import Answer, Request
from sim.subscriptions_api.envelope import GATE
from sim.time import Clock

_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
GATEWAY: Final = "gateway"
"""The service whose refusals customers see."""
_NO_OPERATION: Final = "other"


disable_created_metrics()  # type: ignore[no-untyped-call]  # as many series again, for when each began


class Metrics:
    """The counters of one deployment."""

    __slots__ = ("_deliveries", "_entitlements", "_events", "_registry", "_rejections", "_requests", "_seconds")

    def __init__(self, version: str) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "gatefall_requests_total",
            "Requests answered, by service, operation and status.",
            ("service", "operation", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "gatefall_request_seconds",
            "How long answers took, in seconds.",
            ("service",),
            registry=registry,
            buckets=_BUCKETS_S,
        )
        self._rejections = Counter(
            "pm_gate_rejections_total",
            "Purchases refused because no payment method was on file (HTTP 402, code 1210).",
            ("operation",),
            registry=registry,
        )
        self._deliveries = Counter(
            "gatefall_webhook_deliveries_total",
            "Deliveries of events, by how they ended.",
            ("state",),
            registry=registry,
        )
        self._events = Counter(
            "gatefall_webhook_events_total",
            "Events that billing-webhooks received, by what became of them.",
            ("state",),
            registry=registry,
        )
        self._entitlements = Counter(
            "gatefall_entitlements_total",
            "Changes of entitlements, by the state that they led to.",
            ("state",),
            registry=registry,
        )
        Gauge("gatefall_build_info", "The version that runs.", ("version",), registry=registry).labels(version).set(1)
        for operation in GATED_OPERATIONS:
            self._rejections.labels(operation)
        for state in ("delivered", "failed", "dropped", "swallowed", "gave_up"):
            self._deliveries.labels(state)

    def page(self) -> tuple[bytes, str]:
        """The counters as they stand, and their media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def counting(self, service: str, answering: Answering) -> Answering:
        """`answering`, counted as requests to that service."""
        seconds = self._seconds.labels(service)

        async def answer(request: Request, headers: Mapping[str, str]) -> Answer:
            begun_s = time.perf_counter()
            answered = await answering(request, headers)
            seconds.observe(time.perf_counter() - begun_s)
            operation = request.operation or _NO_OPERATION
            self._requests.labels(service, operation, str(answered.status)).inc()
            if service == GATEWAY and answered.status == 402 and _code_of(answered) == GATE:
                self._rejections.labels(operation).inc()
            return answered

        return answer

    def note(self, kind: str, state: str | None) -> None:
        """Count what a fact of that kind says."""
        counter = {"webhook": self._deliveries, "event": self._events, "entitlement": self._entitlements}.get(kind)
        if counter is not None and state is not None:
            counter.labels(state).inc()


class CountingJournal(Journal):
    """Counts facts and keeps none: a server that nobody judges from inside."""

    __slots__ = ("_metrics",)

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        super().__init__(clock)
        self._metrics = metrics

    def note(
        self,
        account_id: str,
        source: str,
        actor: str,
        kind: str,
        subject: str,
        related: str | None = None,
        operation: str | None = None,
        state: str | None = None,
        *rest: Any,
        **named: Any,
    ) -> None:
        """Count the fact and forget it."""
        self._metrics.note(kind, state)


def _code_of(answer: Answer) -> int | None:
    errors = answer.body.get("errors") if isinstance(answer.body, Mapping) else None
    return errors[0].get("code") if errors else None
