"""One world, two media: the whole library in virtual time and over HTTP, compared customer by customer.

What is compared is everything: all facts in their order, with their times. Outcomes, operations and findings follow.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.mock import MockTarget
from conformance.over_http import wire
from conformance.over_http.lockstep import LostOnTheWay
from conformance.over_http.lockstep_deployment import LockstepDeployment
from conformance.over_http.lockstep_servers import LOOPS
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variant_label, variants
from sim.deployment import SimulatedDeployment
from sim.facts import Fact

CUSTOMERS = 3
SEED = 11
LIBRARY = read_scenarios([])

Story = tuple[int, str, list[Fact]]


def simulated(variant: Variant, seed: int = SEED) -> list[Story]:
    stories: list[Story] = []
    SimulatedDeployment(variant, seed).run(
        range(variant.scenario.customers.count), lambda *settled: stories.append(settled)
    )
    return stories


def over_http(variant: Variant, seed: int = SEED, pace: float = 0.0) -> list[Story]:
    stories: list[Story] = []
    customers = range(variant.scenario.customers.count)
    MockTarget(pace).run(variant, seed, customers, lambda *settled: stories.append(settled))
    return stories


def behind_servers_of_its_own(variant: Variant, seed: int = SEED) -> list[Story]:
    stories: list[Story] = []
    deployment = LockstepDeployment(variant, seed)
    asyncio.run(deployment.run(range(variant.scenario.customers.count), lambda *settled: stories.append(settled)))
    return stories


def variant_of(name: str, phase: int, customers: int) -> Variant:
    [found] = variants([one for one in LIBRARY if one.scenario.name == name], [phase], customers)
    return found


def first_difference(one: Story, other: Story) -> str:
    pairs = zip(one[2], other[2], strict=False)
    return next((f"virtual time: {a}\nover HTTP:    {b}" for a, b in pairs if a != b), "one has more facts")


@pytest.mark.parametrize("name", [one.scenario.name for one in LIBRARY])
def test_every_customer_has_the_same_story_in_both_media(name: str) -> None:
    for variant in variants([one for one in LIBRARY if one.scenario.name == name], None, CUSTOMERS):
        expected, found = simulated(variant), over_http(variant)
        assert [story[:2] for story in found] == [story[:2] for story in expected], variant_label(variant)
        for one, other in zip(expected, found, strict=True):
            assert one == other, f"{variant_label(variant)}, customer {one[0]}\n{first_difference(one, other)}"


def test_more_customers_at_once_than_are_let_in_have_the_same_stories() -> None:
    variant = variant_of("a-normal-week", 2, 230)
    assert over_http(variant) == simulated(variant)


def test_time_that_really_passes_changes_nothing() -> None:
    variant = variant_of("three-d-secure-passed", 4, 5)
    assert over_http(variant, pace=0.000_01) == simulated(variant)


def test_servers_of_its_own_make_no_difference() -> None:
    variant = variant_of("mixed-cart", 4, 5)
    assert behind_servers_of_its_own(variant) == simulated(variant)


def test_one_deployment_after_another_stands_behind_the_same_servers() -> None:
    before = LOOPS.take()
    LOOPS.give_back(before)
    for name in ("mixed-cart", "paypal-finished", "mixed-cart"):
        variant = variant_of(name, 4, 3)
        assert over_http(variant) == simulated(variant), name
    after = LOOPS.take()
    LOOPS.give_back(after)
    assert after is before
    assert after.servers.origins == before.servers.origins


def test_servers_of_a_run_that_failed_are_used_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    before = LOOPS.take()
    LOOPS.give_back(before)
    variant = variant_of("missing-payment-method", 2, 2)
    with monkeypatch.context() as patch:
        patch.setattr("conformance.servers.request_body.BODY_MAX_BYTES", 1)
        with pytest.raises(LostOnTheWay):
            over_http(variant)
    assert over_http(variant) == simulated(variant)
    after = LOOPS.take()
    LOOPS.give_back(after)
    assert after is not before


def test_deployments_of_several_threads_do_not_share_servers() -> None:
    variant = variant_of("missing-payment-method", 4, 5)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(over_http, [variant, variant]))
    assert found == [simulated(variant)] * 2


def test_a_wire_that_alters_what_it_carries_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = variant_of("missing-payment-method", 2, 5)
    encode = wire.form_encoded

    def without_method(parameters: dict[str, object]) -> bytes:
        return encode({name: value for name, value in parameters.items() if name != "payment_method"})

    monkeypatch.setattr(wire, "form_encoded", without_method)
    assert over_http(variant) != simulated(variant)


def test_a_server_that_answers_by_itself_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = variant_of("missing-payment-method", 2, 2)
    monkeypatch.setattr("conformance.servers.request_body.BODY_MAX_BYTES", 1)
    with pytest.raises(LostOnTheWay, match="413"):
        over_http(variant)


def test_a_mock_run_in_real_time_counts_how_late_it_was() -> None:
    target = MockTarget(pace=0.000_01)
    target.run(variant_of("three-d-secure-passed", 4, 3), SEED, range(3), lambda *settled: None)
    assert target.in_one_process
    assert target.lateness.count > 3
    assert not MockTarget().in_one_process
