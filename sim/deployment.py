"""A whole deployment in one simulated world: its services, its network, its faults, and the customers who use it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import simpy

from scenarios.scenario import Variant
from sim.backend import BackendConfig
from sim.billing_webhooks import BillingWebhooks
from sim.customers import Population, Session, Shopper, account_request, customer_program
from sim.deliveries import Deliveries
from sim.effects import Call, Program
from sim.facts import EXACT, Fact, Journal
from sim.faults import FORGED, FaultPlan
from sim.final_reading import note_final_reading
from sim.gateway import Gateway
from sim.impostor import Impostor
from sim.inspection import Inspector
from sim.messages import Service
from sim.network import Network
from sim.principal import Principal
from sim.probes import PROBES, Probe, Reach, probe_program
from sim.probes.neighbour import NEIGHBOURS, neighbour_of
from sim.store import MemoryStore
from sim.storm import Storms
from sim.streams import Streams
from sim.stripe import Stripe
from sim.subscriptions_api import SubscriptionsApi
from sim.test_support import TestSupport
from sim.workers import Workers
from sim.world import World, WorldClock

OnSettled = Callable[[int, str, list[Fact]], None]


class SetUpFailed(Exception):
    """A customer's account could not be made."""


def is_inspected(variant: Variant) -> bool:
    """Whether every answer that its customers get is held against the contract."""
    return variant.scenario.probe is not None or variant.scenario.customers.watchful


class Deployment:
    """One variant's deployment, for a world to run: services on memory, network, faults, and the customers who come.

    Worlds of one deployment share its `clock` and its services, and tell it with `settle` whose story is over. The
    `inspector` looks at the answers of customers who are watchful or probe.
    """

    def __init__(self, variant: Variant, seed: int, clock: WorldClock, inspector: Inspector | None = None) -> None:
        scenario = variant.scenario
        self._variant = variant
        self._probe = None if scenario.probe is None else PROBES[scenario.probe]
        self._inspector = inspector if is_inspected(variant) else None
        self._neighbours: dict[str, str] = {}
        self._seed = seed
        self._streams: dict[str, Streams] = {}
        self._population = Population(variant)
        self.clock = clock
        self.journal = Journal(clock)
        self.network = Network()
        self.storms = None if scenario.storm is None else Storms(scenario.storm, self.journal)
        self.faults = FaultPlan(scenario.faults, self.journal, self.storms) or None
        config = BackendConfig(variant.phase, variant.regime, scenario.backend.gates)
        self._reach = Reach(config.admin_jwt_secret, config.webhook_secret, webhooks=True, hours_pass=True)
        config.change(rate_limit=scenario.backend.rate_limit)
        streams_of = self._streams.__getitem__
        deliveries = Deliveries(scenario.faults, streams_of, self.journal, clock, storms=self.storms)
        self.store = MemoryStore()
        self.stripe = Stripe(clock, self.journal, deliveries, webhook_secret=config.webhook_secret)
        self.api = SubscriptionsApi(config, self.store, clock, self.journal)
        self.services: dict[str, Service] = {
            "gateway": Gateway(config, self.store, clock),
            "subscriptions-api": self.api,
            "billing-webhooks": BillingWebhooks(config, self.store, clock, self.journal),
            "stripe": self._stripe_or_impostor(config, clock),
            "test-support": TestSupport(config, self.store, clock, self.journal),
        }

    @property
    def shares_queues(self) -> bool:
        """Whether its customers stand in one another's way, and so have to be run in one world."""
        return bool(self._variant.scenario.capacity)

    def workers(self) -> dict[str, Workers]:
        """The finite capacities, with nobody at work yet."""
        return {
            name: Workers(one.workers, one.service_time, exponential=one.distribution == "exponential")
            for name, one in self._variant.scenario.capacity.items()
        }

    def _stripe_or_impostor(self, config: BackendConfig, clock: WorldClock) -> Service:
        """Stripe, with an impostor in front where the scenario has one."""
        faults = self._variant.scenario.faults
        if all(fault.kind != FORGED for fault in faults):
            return self.stripe
        streams_of = self._streams.__getitem__
        return Impostor(self.stripe, faults, streams_of, clock, self.journal, config.webhook_secret)

    def arrivals(self, customers: Iterable[int]) -> Iterator[tuple[int, Principal, Program[None]]]:
        """Customers in the order of their arrival; who comes at the same moment, in the order of their numbers."""
        population, count = self._population, self._variant.scenario.customers.count
        coming: list[tuple[int, int, Streams]] = []
        for number in customers:
            streams = Streams(self._seed, number)
            coming.append((population.arrival_us(streams, number, count), number, streams))
        coming.sort(key=_later_first)
        while coming:
            at_us, number, streams = coming.pop()
            principal = Principal(number, f"acct{number:08d}", streams)
            yield at_us, principal, self._customer(principal)

    def _customer(self, principal: Principal) -> Program[None]:
        """Make the account, then let the customer act."""
        self._streams[principal.account_id] = principal.streams
        shopper = self._population.draw(principal.streams)
        session = yield from self._session(principal, shopper, principal.account_id, principal.streams)
        if self._probe is None:
            yield from customer_program(shopper, session)
        else:
            yield from self._probing(self._probe, principal, shopper, session)

    def _session(self, principal: Principal, shopper: Shopper, account_id: str, streams: Streams) -> Program[Session]:
        """Make an account. Raises SetUpFailed."""
        principal.sheltered = True
        answer = yield Call("test-support", account_request(shopper, account_id))
        principal.sheltered = False
        if self.storms is not None:
            self.storms.note(account_id, streams)
        if answer.status != 201:
            raise SetUpFailed(f"account {account_id} could not be made: {answer.status} {answer.body!r}")
        session = Session.of_account(answer.body, self.clock, self.journal, streams, self._population)
        session.inspector = self._inspector
        return session

    def _probing(self, probe: Probe, principal: Principal, shopper: Shopper, session: Session) -> Program[None]:
        """Run a probe, beside a neighbour if it wants one."""
        neighbour: Session | None = None
        if probe.neighbour is not None:
            number = principal.customer + NEIGHBOURS
            account_id, streams = f"acct{number:08d}", Streams(self._seed, number)
            self._streams[account_id] = streams
            self._neighbours[principal.account_id] = account_id
            beside = neighbour_of(shopper, probe.neighbour)
            neighbour = yield from self._session(principal, beside, account_id, streams)
        yield from probe_program(probe, shopper, session, self._reach, neighbour)

    def settle(self, principal: Principal) -> list[Fact]:
        """Nothing is left to happen to the account: read the stores once, hand its facts over, forget it."""
        account_id = principal.account_id
        self.journal.note(account_id, EXACT, "world", "settled", account_id, state="drained")
        note_final_reading(self.journal, account_id, self.api, self.stripe)
        neighbour = self._neighbours.pop(account_id, None)
        if neighbour is not None:
            self._forget(neighbour)
        return self._forget(account_id)

    def _forget(self, account_id: str) -> list[Fact]:
        facts = self.journal.close(account_id)
        self.api.forget(account_id)
        self.stripe.forget(account_id)
        streams = self._streams.pop(account_id)
        if self.storms is not None:
            self.storms.forget(streams)
        return facts


class SimulatedDeployment(Deployment):
    """One variant's deployment, in virtual time. `run` lets customers loose on it, once."""

    def __init__(
        self,
        variant: Variant,
        seed: int,
        environment: simpy.Environment | None = None,
        inspector: Inspector | None = None,
    ) -> None:
        environment = environment or simpy.Environment(initial_time=0)
        super().__init__(variant, seed, WorldClock(int(environment.now)), inspector)
        self._on_settled: OnSettled | None = None
        self.world = World(self.network, self.faults, self.workers(), environment, self._settled, self.clock)
        self.world.services = self.services

    def run(self, customers: Iterable[int], on_settled: OnSettled) -> None:
        """Run those customers until nothing is left to happen: together where they share queues, else one by one.

        `on_settled` is called once for each, with number, account and all facts, as soon as nothing more can happen to
        the account; what the deployment knows of the account is then forgotten. Raises ModelError or SetUpFailed.
        """
        self._on_settled = on_settled
        if self.shares_queues:
            self.world.feed(self.arrivals(customers))
            self.world.run()
            return
        for arrival in self.arrivals(customers):
            self.world.run_alone(*arrival)

    def _settled(self, principal: Principal) -> None:
        assert self._on_settled is not None
        self._on_settled(principal.customer, principal.account_id, self.settle(principal))


def _later_first(coming: tuple[int, int, Streams]) -> tuple[int, int]:
    """Sorts customers by arrival and number, the last one first, so that each can be forgotten when it has come."""
    at_us, number, _ = coming
    return -at_us, -number
