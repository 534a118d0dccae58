"""Nobody accuses a deployment that keeps to the contract, however different it is: with nothing but its profile."""

from __future__ import annotations

from typing import Any, Final

import pytest

from conformance.real.target import RealTarget
from conformance.suite.selection import suite_variants
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variants
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
UNREACHED: Final = {
    "rate-limit-reached": {
        "rate-limit-told": (
            f"{CUSTOMERS} customers of {CUSTOMERS} undecided, first customer 0: rate-limit could not be tried: "
            "25 requests met no limit of 20"
        )
    }
}
"""What must stay undecided, by scenario and property, and why: this deployment's rate limit is 1,200, and stays so."""


def suited(phase: int, target: RealTarget) -> list[Variant]:
    """The suite in phase 2; in the others what goes looking, and a few of the rest."""
    return [
        one
        for one in suite_variants(phase, seed=SEED, customers=CUSTOMERS)
        if target.why_left_out(one, SEED) is None
        and (phase == 2 or one.scenario.probe is not None or one.scenario.name in FEW)
    ]


@pytest.mark.parametrize("phase", [0, 2, 4, 6])
def test_the_suite_finds_nothing_and_customers_end_as_in_the_simulated_world(second: Any, phase: int) -> None:
    deployment, target = second()
    chosen = suited(phase, target)
    target.expect(chosen, SEED)
    for variant in chosen:
        stories = visit(target, variant, SEED)
        undecided: dict[str, str] = {}
        for verdict in verdicts(target, variant, stories, SEED):
            assert verdict.value != "violated", verdict.worst
            assert verdict.because != "crashed", (variant.scenario.name, verdict.reason)
            if verdict.because == "undecided":
                undecided[verdict.property] = verdict.reason
        assert undecided == UNREACHED.get(variant.scenario.name, {}), variant.scenario.name
        told: list[Any] = []
        SimulatedDeployment(variant, SEED).run(range(CUSTOMERS), lambda *story, told=told: told.append(story))
        assert outcomes(stories) == outcomes(told), variant.scenario.name
    assert deployment.billing.accounts == {}
    moved = [url for _, url in deployment.asked if url.endswith("/__test__/clock")]
    assert len(moved) == 1


def test_it_is_different_indeed(second: Any) -> None:
    """What is left open is used: else the tests above would show nothing."""
    deployment, target = second()
    [variant] = variants(read_scenarios(["mixed-cart"]), (4,), CUSTOMERS)
    facts = [fact for _, _, facts in visit(target, variant, SEED) for fact in facts]
    answers = [url for method, url in deployment.asked if method == "POST" and "/api/v4/" in url]
    assert answers
    assert all("/api/v4/accounts/" in url for url in answers)
    shown = {fact.subject for fact in facts if fact.kind == "subscription"}
    assert all(name.isdigit() for name in shown)
    granted_us = [fact.detail["activated_us"] for fact in facts if "activated_us" in (fact.detail or {})]
    paid_us = [fact.time_us for fact in facts if fact.kind == "intent" and fact.state == "succeeded"]
    assert min(granted_us) - min(paid_us) >= 3_000_000
