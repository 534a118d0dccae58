"""One customer's whole story at a real deployment: account, visit, settling, last reading."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final, NamedTuple

from conformance.circumstances import ENTITLEMENT_BOUND_US
from conformance.real.accounts import Account
from conformance.real.customer_world import CustomerWorld
from conformance.real.final_reading import AccountReader, Reading, final_facts, reading_facts, start_facts
from conformance.real.stripe_events import StripeEvents
from conformance.real.stripe_ledger import READER, final_intent_facts, ledger_facts
from conformance.redaction import redacted_facts
from sim.customers import Population, Session, Shopper
from sim.effects import Program
from sim.facts import OBSERVED, Fact, Journal
from sim.streams import Streams
from sim.time import SECOND_US

_LOOK_AGAIN_S: Final = 2.0
"""How often a deployment is asked whether it has granted what was paid. Assumption: as often as a front end polls."""
_LONGEST_WAIT_US: Final = 3 * ENTITLEMENT_BOUND_US
"""How long anybody waits for a delivery by Stripe that does not come. Assumption."""


class ClockShift(NamedTuple):
    """The deployment's clock was moved on by `by_us` at `at_us`, by the run's clock; 0: it was not.

    Nothing happened at Stripe for `quiet_us` before, so that what its clock puts there came afterwards: Stripe counts
    whole seconds, and clocks are not quite together.
    """

    at_us: int = 0
    by_us: int = 0
    quiet_us: int = 0

    def after(self, time_us: int) -> int:
        """A time by a clock that may not have moved with the deployment's, by the run's clock, which has."""
        since_us = self.at_us - self.quiet_us // 2
        moved_too = time_us >= self.at_us + self.by_us // 2
        return time_us + self.by_us if self.by_us and since_us <= time_us and not moved_too else time_us


class Visitor:
    """A customer with its account, who runs `program`. `visit`, `settle`, `look_last` and `facts`, in this order.

    `stripe_ahead_us`: how far Stripe's clock is ahead of the run's, where somebody has moved it.
    """

    def __init__(
        self,
        number: int,
        account: Account,
        shopper: Shopper,
        program: Program[None],
        session: Session,
        journal: Journal,
        world: CustomerWorld,
        reader: AccountReader,
        events: StripeEvents | None,
        stripe_ahead_us: int = 0,
    ) -> None:
        self.number = number
        self.account = account
        self._shopper = shopper
        self._program = program
        self._session = session
        self._journal = journal
        self._world = world
        self._reader = reader
        self._events = events
        self._stripe_ahead_us = stripe_ahead_us
        self._began_us = world.clock.now_us
        self._ended_us = 0
        self._reading: Reading | None = None

    async def visit(self) -> None:
        """Do everything that the customer came for."""
        await self._note_start()
        await self._world.run(self._program)
        await self._world.drain()
        self._ended_us = self._world.clock.now_us

    async def settle(self) -> None:
        """Wait until what was paid is granted and its events are delivered, or should have been for a minute."""
        while True:
            reading = await self._read()
            moving = reading.in_motion(self._saw_a_payment()) or not self._all_delivered(reading)
            now_us = self._world.clock.now_us
            if not moving or now_us >= self._due_us(reading) or now_us >= self._ended_us + _LONGEST_WAIT_US:
                return
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def look_last(self) -> None:
        """Read the end, once a minute has passed since everything was delivered: only then it says something."""
        assert self._reading is not None
        wait_us = self._due_us(self._reading) - self._world.clock.now_us
        if self._events_known(self._reading) and wait_us > 0:
            await asyncio.sleep(wait_us / SECOND_US)
        await self._read()

    @property
    def left_unpaid(self) -> bool:
        """Whether something was left that has to expire."""
        return self._reading is not None and self._reading.waits_for_payment

    def facts(self, shift: ClockShift) -> list[Fact]:
        """All facts of the customer, in the order of their times, without a secret in them."""
        account_id, reading = self.account.account_id, self._reading
        assert reading is not None
        found = list(self._journal.open(account_id))
        if reading.ledger is not None:
            events = self._events if self._events_known(reading) else None
            found += ledger_facts(
                reading.ledger,
                events,
                account_id,
                self.account.stripe_customer,
                lambda time_us: shift.after(time_us - self._stripe_ahead_us),
            )
        found.sort(key=_time_us)
        found.append(Fact(reading.at_us, OBSERVED, READER, "settled", account_id, state="drained"))
        found += reading_facts(reading, account_id)
        found += final_facts(reading, self._began_us, self._ended_us)
        if reading.ledger is not None:
            found += final_intent_facts(reading.ledger, account_id, reading.at_us)
        return redacted_facts(found)

    async def _read(self) -> Reading:
        intents = dict.fromkeys(fact.subject for fact in self._noted("secret", "confirm"))
        zones = dict.fromkeys((*self._session.zones, *self._new_zones()))
        self._reading = await self._reader.read(self._world.clock.now_us, tuple(zones), intents)
        # What was read is as old as its end, not its beginning.
        self._reading.at_us = self._world.clock.now_us
        return self._reading

    def _all_delivered(self, reading: Reading) -> bool:
        return not self._events_known(reading) or None not in self._deliveries_us(reading)

    def _due_us(self, reading: Reading) -> int:
        """When everything that was delivered must have been applied."""
        delivered = [one for one in self._deliveries_us(reading) if one is not None]
        return max([self._ended_us, *delivered]) + ENTITLEMENT_BOUND_US

    def _deliveries_us(self, reading: Reading) -> list[int | None]:
        """When the event of each success was first seen to be delivered; None for one that was not."""
        if self._events is None or reading.ledger is None:
            return []
        return [
            event.delivered_by_us
            for intent in reading.ledger.intents
            for event in self._events.of(str(intent["id"]))
            if event.type.endswith(".succeeded")
        ]

    def _events_known(self, reading: Reading) -> bool:
        return self._events is not None and self._events.failed is None and reading.ledger is not None

    async def _note_start(self) -> None:
        """What the account has from the start is taken as given."""
        noted = self._journal.open(self.account.account_id)
        now_us = self._world.clock.now_us
        if self._shopper.standing != "good":
            standing = str(self._shopper.standing)
            noted.append(Fact(now_us, OBSERVED, READER, "standing", self.account.account_id, state=standing))
        for zone in self.account.made.get("zones") or ():
            name, status = str(zone.get("id", "")), str(zone.get("status", ""))
            noted.append(Fact(now_us, OBSERVED, READER, "zone", name, state=status, detail={"at_start": True}))
        if self._shopper.pm_on_file != "none" or self._shopper.basket.held or self.account.pooled:
            noted += start_facts(await self._reader.read_start(now_us))

    def _new_zones(self) -> Iterator[str]:
        """The zones that the customer's requests named."""
        for fact in self._noted("request"):
            path = str((fact.detail or {}).get("path", ""))
            before, found, name = path.rpartition("/zones/")
            if found and before:
                yield name

    def _saw_a_payment(self) -> bool:
        return any(fact.state in ("succeeded", "processing") for fact in self._noted("confirm"))

    def _noted(self, *kinds: str) -> Iterator[Fact]:
        return (fact for fact in self._journal.open(self.account.account_id) if fact.kind in kinds)


def visitor_session(
    account: Account,
    world: CustomerWorld,
    journal: Journal,
    streams: Streams,
    population: Population,
    gateway_path: str,
    publishable_key: str,
) -> Session:
    """The session on an account; its idempotency keys begin with our own name for the account, which no run repeats."""
    return Session.of_account(
        account.made, world.clock, journal, streams, population, gateway_path, publishable_key, account.reference
    )


def _time_us(fact: Fact) -> int:
    return fact.time_us
