"""A real deployment as a target: the same customers' programs, against the addresses of a profile."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from conformance.cells import cells
from conformance.circumstances import ENTITLEMENT_BOUND_US
from conformance.inspection import ContractInspector
from conformance.over_http.browser import Browser
from conformance.over_http.client import HttpClient, HttpxClient, Unanswered
from conformance.over_http.lateness import Lateness
from conformance.over_http.live_clock import LiveClock
from conformance.real.accounts import Account, Accounts, accounts_of, cannot_be_had
from conformance.real.accounts_journal import AccountsJournal
from conformance.real.credentials import Credentials, read_credentials
from conformance.real.customer_world import CustomerWorld
from conformance.real.deployment import Deployment, Settings, SetUpFailed, told_settings
from conformance.real.final_reading import AccountReader
from conformance.real.fitting import account_holders, set_otherwise, why_left_out
from conformance.real.gateway_paths import GatewayPaths
from conformance.real.guarded_client import GuardedClient
from conformance.real.interlock import Refused, check_static
from conformance.real.profile import Profile, journal_path
from conformance.real.profile_file import read_profile
from conformance.real.stripe_api import NotPermitted, StripeApi
from conformance.real.stripe_events import StripeEvents
from conformance.real.visitor import ClockShift, Visitor, visitor_session
from conformance.redaction import redacted
from conformance.target import OnSettled
from scenarios.scenario import Variant
from sim.customers import Population, Session, Shopper, customer_program
from sim.deployment import is_inspected
from sim.effects import Program
from sim.facts import Fact, Journal
from sim.probes import PROBES, Reach, probe_program
from sim.probes.neighbour import neighbour_of
from sim.streams import Streams
from sim.time import EPOCH_S, HOUR_US, MINUTE_US, SECOND_US

_CLEANING_S: Final = 60.0
"""How long accounts are deleted after an interruption, before the rest is left to `gatefall clean`. Assumption."""
_A_DAY_US: Final = 25 * HOUR_US
"""How far a clock is moved on: the 23 hours after which the unpaid expires, an hour for a deployment that sweeps once
an hour, and one to spare. Assumption: the two hours."""

_QUIET_US: Final = 4 * SECOND_US
"""How long nothing may happen at Stripe before a clock is moved on: twice what properties allow for clocks, so that
what its ledger puts half way or later came after the move. Assumption."""
_MOVED_US: Final = 10 * MINUTE_US
"""A clock that is farther off than this was moved on purpose. Assumption: no skew is as large."""

_TOGETHER_MAX: Final = 500
"""Customers who are run before any is recorded: as many may be lost when the machine fails. Assumption."""
_TOGETHER_PER_REQUEST_A_SECOND: Final = 5
"""How many may be there at once for each request a second that the profile allows, so that nobody's own requests wait
for others' turns. Assumption."""

T = TypeVar("T")
ClientFactory = Callable[[], HttpClient]
Story = tuple[int, str, list[Fact]]
"""One customer's number, account and facts."""


class _Party:
    """Customers of one variant who are asked for together, with what they have in common."""

    __slots__ = ("customers", "population", "seed", "variant")

    def __init__(self, variant: Variant, seed: int, customers: Sequence[int]) -> None:
        self.variant = variant
        self.seed = seed
        self.customers = tuple(customers)
        self.population = Population(variant)

    def is_of(self, variant: Variant, seed: int, customers: Sequence[int]) -> bool:
        """Whether those are its customers."""
        return self.customers == tuple(customers) and self.seed == seed and self.variant == variant


@dataclass(slots=True)
class _Stay:
    """What everybody who is at the deployment at once works with."""

    client: GuardedClient
    deployment: Deployment
    journal: AccountsJournal
    accounts: Accounts
    stripe: StripeApi | None
    events: StripeEvents | None
    held: dict[str, Account]
    making: set[asyncio.Task[Any]]
    browser: Browser | None = None


class RealTarget:
    """The deployment of a profile. One process only: the cap, the rate and the journal are for all customers together.

    `pace` scales people's waits: 0 for none, 1 for real time. `chromium`: the path of a browser that visits hosted
    pages on this machine; without one they are answered by request. Raises ProfileErrors for a profile that cannot be
    meant.
    """

    def __init__(
        self,
        path: Path,
        *,
        pace: float = 0.0,
        chromium: str | None = None,
        environment: Mapping[str, str] | None = None,
        client: ClientFactory = HttpxClient,
    ) -> None:
        self.path = path
        self.profile: Profile = read_profile(path)
        self.credentials: Credentials = read_credentials(
            self.profile, path, os.environ if environment is None else environment
        )
        self.pace = pace
        self._chromium = chromium
        self.lateness = Lateness()
        self._client = client
        self.clock = LiveClock()
        self._inspector = ContractInspector()
        self._run_id = secrets.token_hex(4)
        self._customers = 0
        self._coming: list[_Party] = []
        self._been: list[tuple[_Party, list[Story]]] = []
        self.not_deleted = 0
        """Accounts that are still there after the run; the journal holds them."""
        self.remarks: list[str] = []
        """What could not be put back as it was."""

    @property
    def lateness_bound_us(self) -> int:
        """How late one wake-up in a hundred may be, by the profile."""
        return round(self.profile.limits.lateness_p99_ms * 1_000)

    @property
    def in_one_process(self) -> bool:
        """Always: the cap, the rate and the journal are for all customers together."""
        return True

    @property
    def name(self) -> str:
        """The profile's file, as the command line names it."""
        return str(self.path)

    def check(self, variants: Sequence[Variant]) -> None:
        """Everything that can be told before the first request. Raises Refused, SetUpFailed."""
        check_static(self.credentials, variants)
        told = [
            f"scenario {variant.scenario.name} {otherwise}; leave it out"
            for variant in variants
            if (otherwise := set_otherwise(self.profile.backend, variant)) is not None
        ]
        if told:
            raise SetUpFailed(f"{self.path}: {'; '.join(dict.fromkeys(told))}")

    def why_left_out(self, variant: Variant, seed: int) -> str | None:
        """Why a variant cannot be run here, though others can; None where it can."""
        return why_left_out(self.credentials, variant, seed)

    def expect(self, variants: Sequence[Variant], seed: int) -> None:
        """Say what will be run next, in this order: what suits the same settings is then run together.

        A minute of settling, and a day of the deployment's clock, pass once for all of them.
        """
        parties = [(variant, cell.customers) for variant in variants for cell in cells(0, variant)]
        self._coming = [_Party(variant, seed, customers) for variant, customers in parties]

    def run(self, variant: Variant, seed: int, customers: Sequence[int], on_settled: OnSettled) -> None:
        """Run those customers against the deployment; every account made is deleted before this returns.

        Raises Refused, SetUpFailed, JournalInUse, DamagedJournal, KeyboardInterrupt.
        """
        self.check([variant])
        stories = self._told_before(variant, seed, customers)
        if stories is None:
            together = self._together(variant, seed, customers)
            self._count(together)
            [stories, *others] = _interruptible(self._run(together))
            self._been += zip(together[1:], others, strict=True)
        for number, account, facts in stories:
            on_settled(number, account, facts)

    def _told_before(self, variant: Variant, seed: int, customers: Sequence[int]) -> list[Story] | None:
        """The stories of who was there together with others; each once."""
        for position, (party, stories) in enumerate(self._been):
            if party.is_of(variant, seed, customers):
                del self._been[position]
                return stories
        return None

    def _together(self, variant: Variant, seed: int, customers: Sequence[int]) -> list[_Party]:
        """Those customers, and who comes after them and can be there at the same time."""
        position = next((n for n, one in enumerate(self._coming) if one.is_of(variant, seed, customers)), None)
        if position is None:
            return [_Party(variant, seed, customers)]
        self._coming = self._coming[position:]  # whoever was before is recorded already
        found = [self._coming.pop(0)]
        if self.profile.accounts.provisioning == "pool":
            return found  # a pool has accounts for one variant after the other
        most = min(_TOGETHER_MAX, round(_TOGETHER_PER_REQUEST_A_SECOND * self.profile.limits.requests_per_second))
        most -= len(customers)
        for party in list(self._coming):
            if told_settings(party.variant) == told_settings(variant) and len(party.customers) <= most:
                most -= len(party.customers)
                self._coming.remove(party)
                found.append(party)
        return found

    def _count(self, parties: Sequence[_Party]) -> None:
        """Keep to the cap. Raises Refused."""
        self._customers += sum(len(party.customers) for party in parties)
        cap = self.profile.limits.customers
        if self._customers > cap:
            raise Refused([f"limits.customers: {self._customers:,} customers in this run, and the cap is {cap:,}"])

    async def _run(self, parties: Sequence[_Party]) -> list[list[Story]]:
        """The stories of each party, in their order."""
        for party in parties:
            self._check_accounts(party)
        guarded = GuardedClient(self._client(), self.profile)
        with AccountsJournal(journal_path(self.profile, self.path)) as journal:
            deployment = Deployment(self.credentials, guarded)
            accounts = accounts_of(deployment, journal)
            stripe = None if self.credentials.restricted_key is None else StripeApi(deployment)
            events = None if stripe is None else StripeEvents(stripe, lambda: self.clock.now_us)
            stay = _Stay(guarded, deployment, journal, accounts, stripe, events, {}, set())
            before: Settings | None = None
            try:
                await deployment.check_marker()
                before = await self._set(deployment, parties[0].variant)
                if events is not None:
                    await events.begin()
                async with self._browsing(stay):
                    return await self._let_loose(stay, parties)
            finally:
                try:
                    async with asyncio.timeout(_CLEANING_S):
                        await self._leave(stay, before)
                except TimeoutError:
                    self.remarks.append(f"not everything could be cleaned up within {_CLEANING_S:g} s")
                self.not_deleted = len(journal.left)
                await guarded.close()

    @contextlib.asynccontextmanager
    async def _browsing(self, stay: _Stay) -> AsyncIterator[None]:
        """Customers have a browser meanwhile, if one was asked for."""
        if self._chromium is None:
            yield
            return
        async with Browser(self._chromium) as stay.browser:
            yield

    def _check_accounts(self, party: _Party) -> None:
        """Whether every account can be had, before the first is made. Raises SetUpFailed."""
        holders = account_holders(party.variant, party.population, party.seed, party.customers)
        why = {cannot_be_had(self.profile, one) for one in holders}
        missing = sorted(one for one in why if one is not None)
        if missing:
            raise SetUpFailed(
                f"scenario {party.variant.scenario.name} asks for {', '.join(missing)}, which [accounts] of "
                f"{self.path} cannot supply; leave it out"
            )

    async def _set(self, deployment: Deployment, variant: Variant) -> Settings | None:
        """Set the deployment for the variant, where it lets itself be set; how it was before."""
        if self.profile.backend.phase != "config":
            return None
        before, wanted = await deployment.settings(), told_settings(variant)
        if before != wanted:
            await deployment.configure(wanted)
        return before if before != wanted else None

    async def _let_loose(self, stay: _Stay, parties: Sequence[_Party]) -> list[list[Story]]:
        """All customers, as many at once as may be; the stories of each party in the order of their numbers."""
        room = asyncio.Semaphore(self.profile.limits.concurrency)

        async def one(party: _Party, number: int) -> Visitor:
            count = party.variant.scenario.customers.count
            arrival_us = party.population.arrival_us(Streams(party.seed, number), number, count)
            await asyncio.sleep(arrival_us * self.pace / SECOND_US)
            async with room:
                visitor = await self._visitor(stay, party, number)
                await visitor.visit()
            await visitor.settle()
            return visitor

        async with _watching(stay.events):
            visitors = await _all(one(party, number) for party in parties for number in party.customers)
            shift = await self._let_expire(stay, visitors)
            await _all(visitor.look_last() for visitor in visitors)
        told = iter([(visitor.number, visitor.account.account_id, visitor.facts(shift)) for visitor in visitors])
        return [list(itertools.islice(told, len(party.customers))) for party in parties]

    async def _let_expire(self, stay: _Stay, visitors: Sequence[Visitor]) -> ClockShift:
        """Let a day pass where the deployment has a clock, and wait for what that ends."""
        if not self.profile.supports.clock:
            return ClockShift()
        await asyncio.sleep(_QUIET_US / SECOND_US)
        shift = ClockShift(self.clock.now_us, _A_DAY_US, _QUIET_US)
        await stay.deployment.move_clock(shift.by_us // SECOND_US)
        self.clock.advance(shift.by_us / SECOND_US)
        await _all(_until_expired(visitor) for visitor in visitors if visitor.left_unpaid)
        return shift

    async def _visitor(self, stay: _Stay, party: _Party, number: int) -> Visitor:
        streams = Streams(party.seed, number)
        shopper = party.population.draw(streams)
        reference = f"gatefall-{self._run_id}-{self._slug(party.variant)}-{number}"
        account = await self._account(stay, shopper, reference)
        ahead_us = await self._check_customer(stay, account)
        paths = GatewayPaths(self.credentials, account.account_id)
        world = CustomerWorld(stay.client, self.credentials, paths, self.clock, self.lateness, self.pace, stay.browser)
        reader = AccountReader(
            stay.deployment,
            paths,
            account.account_id,
            account.token,
            stay.stripe,
            account.stripe_customer,
            stay.events,
        )
        journal = Journal(self.clock)
        session = self._session(party, account, paths, world, journal, streams)
        program = await self._program(stay, party, shopper, session, world, f"{reference}-beside")
        return Visitor(number, account, shopper, program, session, journal, world, reader, stay.events, ahead_us)

    async def _program(
        self, stay: _Stay, party: _Party, shopper: Shopper, session: Session, world: CustomerWorld, reference: str
    ) -> Program[None]:
        """What the customer does: shop, or probe, beside a neighbour if the probe wants one."""
        if party.variant.scenario.probe is None:
            return customer_program(shopper, session)
        probe = PROBES[party.variant.scenario.probe]
        neighbour: Session | None = None
        if probe.neighbour is not None:
            beside = neighbour_of(shopper, probe.neighbour)
            account = await self._account(stay, beside, reference)
            await self._check_customer(stay, account)
            paths = GatewayPaths(self.credentials, account.account_id)
            unheard = Journal(self.clock)
            neighbour = self._session(party, account, paths, world, unheard, session.streams)
        return probe_program(probe, shopper, session, self._reach(), neighbour)

    def _reach(self) -> Reach:
        """What the profile lets probes do."""
        profile, credentials = self.profile, self.credentials
        admin_secret = credentials.admin_secret if profile.supports.admin else None
        return Reach(admin_secret, credentials.webhook_secret, webhooks=profile.webhooks is not None, now_s=time.time)

    def _session(
        self,
        party: _Party,
        account: Account,
        paths: GatewayPaths,
        world: CustomerWorld,
        journal: Journal,
        streams: Streams,
    ) -> Session:
        session = visitor_session(
            account, world, journal, streams, party.population, paths.prefix, self.credentials.publishable_key
        )
        session.inspector = self._inspector if is_inspected(party.variant) else None
        return session

    async def _account(self, stay: _Stay, shopper: Shopper, reference: str) -> Account:
        """Make an account that is deleted at the end. Raises SetUpFailed."""
        # An account that is being made is made to the end, whatever happens: else nobody would know its id.
        making = asyncio.get_running_loop().create_task(stay.accounts.make(shopper, reference))
        stay.making.add(making)
        try:
            account = await asyncio.shield(making)
        except Unanswered as error:
            raise SetUpFailed(redacted(f"an account could not be made: {error}")) from None
        stay.held[reference] = account
        return account

    def _slug(self, variant: Variant) -> str:
        return f"{variant.scenario.name}-{variant.phase}-{variant.regime}-{variant.front_end}"

    async def _check_customer(self, stay: _Stay, account: Account) -> int:
        """Before anything is bought: the account's customer is one of a test mode. Raises Refused, SetUpFailed.

        Returns how far Stripe's clock is ahead of the run's where it was moved, in microseconds: its customer, just
        made, says so. A pooled account's customer is old and says nothing.
        """
        if stay.stripe is None or account.stripe_customer is None:
            return 0
        now_us = self.clock.now_us
        try:
            customer = await stay.stripe.get(f"/v1/customers/{account.stripe_customer}")
        except NotPermitted as error:
            raise SetUpFailed(f"stripe.restricted_key_env: {error}; it needs to read customers") from None
        if customer.get("livemode") is not False:
            raise Refused(
                [
                    f"stripe: nothing shows that customer {account.stripe_customer} is in test mode "
                    f"(livemode: {customer.get('livemode')!r}); use the test mode's keys on both sides"
                ]
            )
        created = customer.get("created")
        if self.profile.accounts.provisioning == "pool" or type(created) is not int:
            return 0
        ahead_us = (created - EPOCH_S) * SECOND_US - now_us
        return ahead_us if abs(ahead_us) > _MOVED_US else 0

    async def _leave(self, stay: _Stay, before: Settings | None) -> None:
        """Delete every account and put the settings back; what fails stays in the journal."""
        for made in await asyncio.gather(*stay.making, return_exceptions=True):
            if isinstance(made, Account):
                stay.held[made.reference] = made
        if stay.client.refusal is not None:
            return  # nothing more may be sent; the journal holds what is left
        room = asyncio.Semaphore(self.profile.limits.concurrency)

        async def give_back(account: Account) -> None:
            async with room:
                try:
                    await stay.accounts.give_back(account)
                except (SetUpFailed, Refused):
                    return  # the journal holds it

        await asyncio.gather(*(give_back(account) for account in stay.held.values()))
        if before is not None:
            try:
                await stay.deployment.configure(before)
            except SetUpFailed as error:
                self.remarks.append(f"the deployment's settings could not be put back to {tuple(before)}: {error}")


async def _until_expired(visitor: Visitor) -> None:
    """Wait until a sweep has found what is due, at most as long as a provisioning may take."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + ENTITLEMENT_BOUND_US / SECOND_US
    while visitor.left_unpaid and loop.time() < until_s:
        await asyncio.sleep(1.0)
        await visitor.settle()


@contextlib.asynccontextmanager
async def _watching(events: StripeEvents | None) -> AsyncIterator[None]:
    """Look at Stripe's events for the length of a block."""
    if events is None:
        yield
        return
    watch = asyncio.get_running_loop().create_task(events.keep_looking())
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await events.rest()


async def _all(works: Any) -> list[Any]:
    """The results of all, in order. The first that fails cancels the others; a refusal goes before other failures."""
    tasks: list[asyncio.Task[Any]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failed:
        refused, others = failed.split(Refused)
        raise _first(refused or others or failed) from None
    return [task.result() for task in tasks]


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    found: BaseException = failed
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found


def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; SIGINT and SIGTERM cancel the work, which cleans up, and then raise KeyboardInterrupt."""

    async def whole() -> T:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        mine = threading.current_thread() is threading.main_thread()
        before = {number: signal.getsignal(number) for number in _SIGNALS} if mine else {}
        for number in before:
            loop.add_signal_handler(number, task.cancel)
        try:
            return await work
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    try:
        return asyncio.run(whole())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
