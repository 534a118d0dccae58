"""Nobody accuses a deployment that keeps to the contract, however different it is: with nothing but its profile."""

from __future__ import annotations

from typing import Any, Final

import pytest

from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variant_slug, variants
from sim.deployment import SimulatedDeployment
from tests.second_deployment.visits import outcomes, verdicts, visit

SEED: Final = 7
CUSTOMERS: Final = 2
FEW: Final = (
    "a-normal-week",
    "abandoned-23-hours",
    "append-component",
    "both-checkouts",
    "declining-payment-method-on-file",
    "double-submit",
    "expired-payment-method",
    "iapi-without-customer",
    "mixed-cart",
    "new-zone",
    "several-secrets-one-refused",
    "upgrade-only",
)
"""Scenarios in which this deployment does most of what it does differently."""
OTHERWISE: Final = ("abandoned-along-the-way", "mixed-cart")
"""Scenarios whose customers may end otherwise here: an answer holds two secrets, of which they leave after one."""


def suited(phases: tuple[int, ...], names: list[str]) -> list[Variant]:
    return [
        one
        for one in variants(read_scenarios(names), phases, CUSTOMERS)
        if not (one.scenario.has_faults or one.scenario.capacity) and one.regime != "legacy"
    ]


@pytest.mark.parametrize("variant", [*suited((2,), []), *suited((0, 4, 6), list(FEW))], ids=variant_slug)
def test_the_library_finds_nothing_and_ends_as_in_the_simulated_world(second: Any, variant: Variant) -> None:
    deployment, target = second()
    assert target.why_left_out(variant, SEED) is None
    stories = visit(target, variant, SEED)
    for verdict in verdicts(target, variant, stories, SEED):
        assert verdict.value != "violated", verdict.worst
        assert verdict.because not in ("undecided", "crashed"), verdict.reason
    told: list[Any] = []
    SimulatedDeployment(variant, SEED).run(range(CUSTOMERS), lambda *story: told.append(story))
    assert outcomes(stories) == outcomes(told)
    assert deployment.billing.accounts == {}


def test_it_is_different_indeed(second: Any) -> None:
    """What is left open is used: else the tests above would show nothing."""
    [variant] = list(suited((4,), ["mixed-cart"]))
    deployment, target = second()
    facts = [fact for _, _, facts in visit(target, variant, SEED) for fact in facts]
    answers = [url for method, url in deployment.asked if method == "POST" and "/api/v4/" in url]
    assert answers
    assert all("/api/v4/accounts/" in url for url in answers)
    shown = {fact.subject for fact in facts if fact.kind == "subscription"}
    assert all(name.isdigit() for name in shown)
    granted_us = [fact.detail["activated_us"] for fact in facts if "activated_us" in (fact.detail or {})]
    paid_us = [fact.time_us for fact in facts if fact.kind == "intent" and fact.state == "succeeded"]
    assert min(granted_us) - min(paid_us) >= 3_000_000
