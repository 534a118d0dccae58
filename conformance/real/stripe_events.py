"""Stripe's own events, read while customers act: in what order an intent changed, and when each event was delivered.

One reader serves all customers of a run. Stripe tells how many deliveries of an event are pending, not when the last
one arrived; so who looks every few seconds knows it to that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from conformance.real.deployment import SetUpFailed
from conformance.real.stripe_api import NotPermitted, StripeApi

LOOKS_S: Final = 2.0
"""How often the events are read."""
_OVERLAP_S: Final = 10
"""Events may become visible late, and out of order: so far back each look goes. Assumption."""
_TYPES: Final = (
    "payment_intent.created",
    "payment_intent.requires_action",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "payment_intent.canceled",
    "setup_intent.created",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
    "setup_intent.canceled",
    "payment_method.attached",
    "payment_method.detached",
)


@dataclass(slots=True)
class SeenEvent:
    """One event. `delivered_by_us`: when nothing of it was first seen to be pending; `delivered_after_us`: since when
    the look began in which something of it last was. Both by the run's clock; None: never seen so.

    Assumption: where several endpoints take the event, the deployment's is among the pending ones. If it is not, a late
    activation may go unaccused; nobody is accused wrongly.
    """

    id: str
    type: str
    created_s: int
    subject: Mapping[str, Any]
    position: int
    delivered_by_us: int | None = None
    delivered_after_us: int | None = None


class StripeEvents:
    """Reads events until told to stop. `failed` says why they could not be read, if so."""

    __slots__ = ("_events", "_looking", "_next", "_now_us", "_pending", "_since_s", "_stripe", "failed")

    def __init__(self, stripe: StripeApi, now_us: Callable[[], int]) -> None:
        self._stripe = stripe
        self._now_us = now_us
        self._events: dict[str, SeenEvent] = {}
        self._pending: set[str] = set()
        self._since_s: int | None = None
        self._looking: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None
        self.failed: str | None = None

    async def begin(self) -> None:
        """Whatever is older than what there is now is of no interest."""
        try:
            newest = await self._stripe.listed("/v1/events", {"types": list(_TYPES)}, most=1)
        except (NotPermitted, SetUpFailed) as error:
            self.failed = str(error)
            return
        self._since_s = int(newest[0]["created"]) if newest else 0

    async def look(self) -> None:
        """Read what is new, and what was pending. Raises nothing: `failed` keeps the first failure.

        Whoever comes while somebody looks shares the next look with all others who do.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._look_after(self._looking))
        await asyncio.shield(self._next)

    async def _look_after(self, looking: asyncio.Task[None] | None) -> None:
        if looking is not None:
            await asyncio.wait([looking])
        self._looking, self._next = self._next, None
        await self._look_now()

    async def _look_now(self) -> None:
        if self.failed is not None:
            return
        try:
            await self._read_new()
            for name in list(self._pending):
                asked_us = self._now_us()
                self._note_pending(await self._stripe.get(f"/v1/events/{quote(name, safe='')}"), asked_us)
        except (NotPermitted, SetUpFailed) as error:
            self.failed = str(error)

    async def rest(self) -> None:
        """Let the looks that are under way end."""
        for looking in (self._looking, self._next):
            if looking is not None:
                await asyncio.wait([looking])

    async def keep_looking(self) -> None:
        """Look every few seconds, until cancelled."""
        while self.failed is None:
            await self.look()
            await asyncio.sleep(LOOKS_S)

    def of(self, subject: str) -> list[SeenEvent]:
        """The events about one object, in their order."""
        found = [event for event in self._events.values() if event.subject.get("id") == subject]
        return sorted(found, key=lambda event: (event.created_s, event.position))

    def intents_of(self, account_id: str) -> Iterator[str]:
        """The intents whose metadata name an account, each once."""
        seen: set[str] = set()
        for event in self._events.values():
            name = str(event.subject.get("id", ""))
            metadata = event.subject.get("metadata")
            named = isinstance(metadata, dict) and metadata.get("account_id") == account_id
            if named and name.startswith(("pi_", "seti_")) and name not in seen:
                seen.add(name)
                yield name

    def methods_of(self, customer: str | None) -> list[SeenEvent]:
        """What happened to a customer's payment methods, in order."""
        names = {
            str(event.subject.get("id"))
            for event in self._events.values()
            if event.type.startswith("payment_method.") and customer and event.subject.get("customer") == customer
        }
        return [event for name in sorted(names) for event in self.of(name)]

    async def _read_new(self) -> None:
        known = max((event.created_s for event in self._events.values()), default=self._since_s or 0)
        oldest_s = max(known - _OVERLAP_S, (self._since_s or 0) - _OVERLAP_S)
        asked_us = self._now_us()
        found = await self._stripe.listed("/v1/events", {"types": list(_TYPES)}, down_to_s=oldest_s)
        for event in reversed(found):
            name = str(event["id"])
            if name not in self._events:
                subject = event.get("data", {}).get("object")
                if isinstance(subject, dict):
                    position, created_s = len(self._events), int(event["created"])
                    self._events[name] = SeenEvent(name, str(event.get("type")), created_s, subject, position)
                    self._pending.add(name)
            self._note_pending(event, asked_us)

    def _note_pending(self, event: Mapping[str, Any], asked_us: int) -> None:
        seen, pending = self._events.get(str(event.get("id"))), event.get("pending_webhooks")
        if seen is None or seen.delivered_by_us is not None or type(pending) is not int:
            return
        if pending > 0:
            seen.delivered_after_us = asked_us
            return
        seen.delivered_by_us = self._now_us()
        self._pending.discard(seen.id)
