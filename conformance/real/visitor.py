"""One customer's whole story at a real deployment: account, visit, settling, last reading."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from conformance.real.accounts import Account
from conformance.real.customer_world import CustomerWorld
from conformance.real.final_reading import AccountReader, Reading, final_facts
from conformance.real.stripe_ledger import final_intent_facts, ledger_facts
from conformance.redaction import redacted_facts
from sim.customers import Population, Session, Shopper, customer_program
from sim.facts import OBSERVED, Fact, Journal
from sim.streams import Streams
from sim.time import SECOND_US

_LOOK_AGAIN_S: Final = 2.0
"""How often a deployment is asked whether it has granted what was paid. Assumption: as often as a front end polls."""
_AT_START: Final[Mapping[str, Any]] = {"at_start": True}


class ClockShift(NamedTuple):
    """The deployment's clock was moved on by `by_us` at `at_us`, by the run's clock; 0: it was not."""

    at_us: int = 0
    by_us: int = 0

    def after(self, time_us: int) -> int:
        """A time by a clock that may not have moved with the deployment's, by the run's clock, which has."""
        moved_too = time_us >= self.at_us + self.by_us // 2
        return time_us + self.by_us if self.by_us and self.at_us <= time_us and not moved_too else time_us


class Visitor:
    """A customer with its account. `visit`, then `settle`, then `close` make its facts.

    `stripe_ahead_us`: how far Stripe's clock is ahead of the run's, where somebody has moved it.
    """

    def __init__(
        self,
        number: int,
        account: Account,
        shopper: Shopper,
        streams: Streams,
        population: Population,
        world: CustomerWorld,
        reader: AccountReader,
        gateway_path: str,
        publishable_key: str,
        key_prefix: str,
        stripe_ahead_us: int = 0,
    ) -> None:
        self._stripe_ahead_us = stripe_ahead_us
        self.number = number
        self.account = account
        self._world = world
        self._reader = reader
        self._shopper = shopper
        self._journal = Journal(world.clock)
        self._session = Session.of_account(
            account.made, world.clock, self._journal, streams, population, gateway_path, publishable_key, key_prefix
        )
        self.reading: Reading | None = None

    async def visit(self) -> None:
        """Do everything that the customer came for."""
        await self._note_start()
        await self._world.run(customer_program(self._shopper, self._session))
        await self._world.drain()

    async def settle(self, bound_us: int) -> None:
        """Wait until nothing is left that should happen by itself, at most for the bound. Raises SetUpFailed."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + bound_us / SECOND_US
        confirmed = self._saw_a_payment()
        while True:
            self.reading = await self._reader.read(self._session.zones)
            if not self.reading.in_motion(confirmed) or loop.time() >= until_s:
                return
            await asyncio.sleep(_LOOK_AGAIN_S)

    @property
    def left_unpaid(self) -> bool:
        """Whether something was left that has to expire."""
        return self.reading is not None and any(
            one.get("state") == "AwaitingPayment" for one in self.reading.subscriptions
        )

    def close(self, shift: ClockShift) -> list[Fact]:
        """All facts of the customer, in the order of their times, without a secret in them."""
        account_id, now_us = self.account.account_id, self._world.clock.now_us
        assert self.reading is not None
        ledger = self.reading.ledger
        facts = list(self._journal.close(account_id))
        if ledger is not None:
            facts += ledger_facts(ledger, lambda time_us: shift.after(time_us - self._stripe_ahead_us))
        facts.sort(key=_time_us)
        facts.append(Fact(now_us, OBSERVED, "world", "settled", account_id, state="drained"))
        facts += final_facts(self.reading, now_us)
        if ledger is not None:
            facts += final_intent_facts(ledger, now_us)
        return redacted_facts(facts)

    async def _note_start(self) -> None:
        """What the account has from the start is taken as given."""
        made = self.account.made
        for one in made.get("subscriptions") or ():
            plan = one.get("rate_plan")
            detail = {
                "rate_plan": plan.get("id") if isinstance(plan, dict) else None,
                "frequency": one.get("frequency"),
                **_AT_START,
            }
            if one.get("zone_id") is not None:
                detail["zone_id"] = one["zone_id"]
            price = one.get("price")
            amount = price if type(price) is int else None
            self._note("subscription", str(one.get("id", "")), one.get("state"), amount, detail)
        for one in made.get("zones") or ():
            self._note("zone", str(one.get("id", "")), one.get("status"), None, _AT_START)
        if self._shopper.standing != "good":
            self._note("standing", self.account.account_id, self._shopper.standing)
        if self._shopper.pm_on_file != "none":
            for one in (await self._reader.read()).payment_methods:
                state = "default" if one.get("is_default") else "on_file"
                detail = {"type": one.get("type"), **_AT_START}
                self._note("account_payment_method", str(one.get("id", "")), state, None, detail)

    def _note(
        self, kind: str, subject: str, state: Any, amount: int | None = None, detail: Mapping[str, Any] | None = None
    ) -> None:
        self._journal.note(
            self.account.account_id,
            OBSERVED,
            "test-support",
            kind,
            subject,
            None,
            None,
            None if state is None else str(state),
            None,
            None,
            amount,
            detail,
        )

    def _saw_a_payment(self) -> bool:
        facts = self._journal.open(self.account.account_id)
        return any(fact.kind == "confirm" and fact.state in ("succeeded", "processing") for fact in facts)


def _time_us(fact: Fact) -> int:
    return fact.time_us
