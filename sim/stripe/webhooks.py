"""Delivery of events: signed, at least once, in no guaranteed order, and repeated for three days.

Source: Stripe's page on webhooks; anything but a 2xx within the time-out counts as a failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from sim.effects import Call, Program, Spawn, Wait
from sim.facts import EXACT, Journal
from sim.messages import Answer, Request
from sim.stripe.event import Event
from sim.stripe.signature import sign
from sim.stripe.webhook_endpoint import WebhookEndpoint
from sim.time import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Clock, unix_s

TIMEOUT_US: Final = 20 * SECOND_US
"""How long Stripe waits for a receiver. Assumption: the documentation says only "quickly"."""
GIVES_UP_AFTER_US: Final = 3 * DAY_US
"""Source: Stripe retries in live mode for up to three days with exponential backoff."""


class Delivery:
    """One copy of an event on its way: when it is first sent, and whether that first sending is lost.

    `swallowed`: it never arrives although Stripe is answered 200, so that nobody sends it again unless asked to.
    """

    __slots__ = ("delay_us", "lost", "swallowed")

    def __init__(self, delay_us: int, lost: bool = False, swallowed: bool = False) -> None:
        self.delay_us = delay_us
        self.lost = lost
        self.swallowed = swallowed


class DeliveryPolicy(Protocol):
    """How the network treats events: their delays, duplicates and losses. The world supplies it, with its faults."""

    def copies(self, account_id: str, event_id: str, event_type: str) -> Sequence[Delivery]:
        """The copies of one event; the second and later ones are duplicates. Empty: it is never sent."""

    def retry_delay_us(self, account_id: str, attempt: int) -> int:
        """How long to wait after the `attempt`-th failed attempt (1, 2 …); less than a second counts as one."""


class PunctualDelivery:
    """Every event once, after a fixed delay, and retries at doubling distances: a network without faults or chance."""

    __slots__ = ("delay_us",)

    def __init__(self, delay_us: int = SECOND_US) -> None:
        self.delay_us = delay_us

    def copies(self, account_id: str, event_id: str, event_type: str) -> Sequence[Delivery]:
        return (Delivery(self.delay_us),)

    def retry_delay_us(self, account_id: str, attempt: int) -> int:
        return backoff_us(attempt)


def backoff_us(attempt: int) -> int:
    """The distance to the next attempt: one minute, doubling, at most twelve hours.

    Assumption: Stripe publishes the span of three days, not the steps.
    """
    return min(MINUTE_US << min(attempt - 1, 20), 12 * HOUR_US)


class Receivers(dict[str, Sequence[WebhookEndpoint]]):
    """The endpoints that want events of a type, found out at the first event of it."""

    def __init__(self, endpoints: Mapping[str, WebhookEndpoint]) -> None:
        super().__init__()
        self._endpoints = endpoints

    def __missing__(self, event_type: str) -> Sequence[WebhookEndpoint]:
        self[event_type] = found = [endpoint for endpoint in self._endpoints.values() if endpoint.wants(event_type)]
        return found


class Webhooks:
    """Starts the deliveries of events to their endpoints."""

    __slots__ = ("_clock", "_journal", "_policy", "endpoints", "receivers")

    def __init__(self, clock: Clock, journal: Journal, policy: DeliveryPolicy) -> None:
        self._clock = clock
        self._journal = journal
        self._policy = policy
        self.endpoints: Mapping[str, WebhookEndpoint] = {}
        self.receivers = Receivers(self.endpoints)

    def add(self, endpoint: WebhookEndpoint) -> None:
        self._change({**self.endpoints, endpoint.id: endpoint})

    def remove(self, endpoint: WebhookEndpoint) -> None:
        self._change({name: other for name, other in self.endpoints.items() if other is not endpoint})

    def changed(self) -> None:
        """To be called after an endpoint was changed."""
        self._change(self.endpoints)

    def deliveries(self, event: Event) -> list[Spawn]:
        """The programs that deliver one event: one for each copy and endpoint."""
        receivers = self.receivers[event.type]
        event.pending_webhooks = len(receivers)
        event_id = event.id
        spawns = []
        for endpoint in receivers:
            duplicate = False
            for copy in self._policy.copies(event.account.account_id, event_id, event.type):
                spawns.append(Spawn(self._deliver(event, event_id, endpoint, duplicate, copy), copy.delay_us))
                duplicate = True
        return spawns

    def _change(self, endpoints: Mapping[str, WebhookEndpoint]) -> None:
        self.endpoints = endpoints
        self.receivers = Receivers(endpoints)

    def _deliver(
        self, event: Event, event_id: str, endpoint: WebhookEndpoint, duplicate: bool, copy: Delivery
    ) -> Program[None]:
        attempt = 0
        lost = copy.lost
        on_test_clock = event.account.test_clock is not None
        begun_us = self._clock.now_us if on_test_clock else event.created_us
        while True:
            attempt += 1
            detail = {"attempt": attempt, "duplicate": duplicate}
            if lost:
                lost = False
                self._note(event, event_id, "dropped", None, detail)
            elif copy.swallowed:
                self._note(event, event_id, "swallowed", 200, detail)
                event.pending_webhooks -= not duplicate
                return
            else:
                answer: Answer = yield Call(endpoint.service, self._request(event, endpoint), TIMEOUT_US)
                delivered = 200 <= answer.status < 300
                self._note(event, event_id, "delivered" if delivered else "failed", answer.status or None, detail)
                if delivered:
                    event.pending_webhooks -= not duplicate
                    return
            delay_us = max(SECOND_US, self._policy.retry_delay_us(event.account.account_id, attempt))
            if self._clock.now_us + delay_us > begun_us + GIVES_UP_AFTER_US:
                self._note(event, event_id, "gave_up", None, detail)
                return
            yield Wait(delay_us)

    def _request(self, event: Event, endpoint: WebhookEndpoint) -> Request:
        payload = event.payload()
        # Signed anew at each attempt, as Stripe does: else a retry after five minutes would be refused as stale.
        signature = sign(payload, endpoint.secret, unix_s(self._clock.now_us))
        headers = {"stripe-signature": signature}
        return Request("POST", endpoint.path, payload, headers, endpoint.query, event.type)

    def _note(self, event: Event, event_id: str, state: str, status: int | None, detail: Mapping[str, object]) -> None:
        self._journal.note(
            event.account.account_id,
            EXACT,
            "stripe",
            "webhook",
            event_id,
            event.subject,
            event.type,
            state,
            status,
            None,
            None,
            detail,
        )
