"""Which operation a request asks for, found out from outside: the same names as programs give their calls."""

from __future__ import annotations

import asyncio

import pytest

from conformance.servers.live_faults import LiveFaults, drawn_storm, in_words, live_deliveries, stripe_operation
from conformance.servers.metrics import CountingJournal, Metrics
from scenarios.fault_operations import STRIPE_OPERATIONS
from scenarios.reading import read_scenarios
from scenarios.scenario import Fault, Storm
from scenarios.variants import variants
from sim.deployment import SimulatedDeployment
from sim.effects import Program
from sim.gateway import operation_of
from sim.messages import Answer, Request, Service
from sim.time import HOUR_US, SECOND_US
from sim.world import WorldClock


class Noting:
    """Stands in front of a service and notes what its callers ask."""

    def __init__(self, service: Service, asked: list[Request]) -> None:
        self._service = service
        self._asked = asked

    def handle(self, request: Request) -> Program[Answer]:
        self._asked.append(request)
        return self._service.handle(request)


def asked_of(service: str) -> list[Request]:
    """Everything that is asked of a service in the whole library, a few customers of each variant."""
    asked: list[Request] = []
    for variant in variants(read_scenarios([]), [1, 4], 6):
        deployment = SimulatedDeployment(variant, 3)
        deployment.world.services = {
            **deployment.services,
            service: Noting(deployment.services[service], asked),
        }
        deployment.run(range(6), lambda *settled: None)
    return asked


def test_operations_of_stripe_are_told_by_path_and_key() -> None:
    asked = asked_of("stripe")
    wrong = {
        (one.operation, stripe_operation(one), one.path) for one in asked if stripe_operation(one) != one.operation
    }
    assert wrong == set()
    assert {one.operation for one in asked} <= set(STRIPE_OPERATIONS)
    assert len({one.operation for one in asked}) > 12


def test_operations_of_the_gateway_are_told_by_path() -> None:
    asked = asked_of("gateway")
    wrong = {(one.operation, operation_of(one.method, one.path), one.path) for one in asked}
    assert {entry for entry in wrong if entry[0] != entry[1]} == set()


def test_what_nobody_knows_has_no_name() -> None:
    assert stripe_operation(Request("GET", "/v1/coupons")) == ""
    assert operation_of("GET", "/nowhere") == ""
    assert operation_of("PATCH", "/api/v4/subscriptions") == ""
    assert operation_of("GET", "/api/v3/accounts/a/state") == "admin_state"


def test_forgeries_are_refused() -> None:
    clock = WorldClock(0)
    with pytest.raises(ValueError, match="send forged events yourself"):
        LiveFaults([Fault(kind="webhook_forged")], 1, clock, CountingJournal(clock, Metrics("0")))


def test_the_window_of_a_webhook_fault_begins_with_the_server() -> None:
    clock = WorldClock(1_000 * HOUR_US)
    fault = Fault(kind="webhook_drop", until=10 * SECOND_US)
    deliveries = live_deliveries([fault], 1, clock, CountingJournal(clock, Metrics("0")))
    assert deliveries.copies("acct", "evt_1", "charge.succeeded")[0].lost
    clock.now_us += 10 * SECOND_US
    assert not deliveries.copies("acct", "evt_2", "charge.succeeded")[0].lost


async def _ok(_request: Request, _headers: object) -> Answer:
    return Answer(200)


def _statuses(faults: LiveFaults, requests: int) -> list[int]:
    striking = faults.striking("gateway", _ok)

    async def ask() -> list[int]:
        request = Request("GET", "/api/v4/entitlements", operation="entitlements")
        return [(await striking(request, {})).status for _ in range(requests)]

    return asyncio.run(ask())


def test_a_server_has_one_storm_which_its_seed_draws_and_which_ends() -> None:
    storm = Storm(until=HOUR_US, kinds=("rate_limit",), probability=1.0)
    seed = next(seed for seed in range(99) if [one.service for one in drawn_storm(storm, seed)] == ["gateway"])
    clock = WorldClock(5 * HOUR_US)
    faults = LiveFaults((), seed, clock, CountingJournal(clock, Metrics("0")), storm)
    assert 429 in _statuses(faults, 20)
    clock.now_us += HOUR_US
    assert set(_statuses(faults, 20)) == {200}


def test_a_drawn_fault_is_told_in_words() -> None:
    fault = Fault(kind="rate_limit", service="stripe", probability=0.25, after=0, until=HOUR_US, retry_after=SECOND_US)
    assert in_words(fault) == "rate_limit (stripe): probability 0.25, until 1.0 h, retry after 1.00 s"
