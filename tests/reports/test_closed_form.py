"""Conversion of a scenario that is simple enough to have a closed form."""

from __future__ import annotations

import math

import pytest

from conformance.circumstances import circumstances_of
from conformance.history import History
from reports.metrics import Metrics
from scenarios.scenario import Cart, Customers, Line, Scenario, Variant
from sim.deployment import SimulatedDeployment

CUSTOMERS = 2_000


def conversion(customers: Customers, phase: int) -> float:
    """The share of attempts that convert in a simulation."""
    scenario = Scenario(name="closed-form", title="Simple enough for a formula", customers=customers)
    front_end = "new" if phase >= 4 else "old"
    variant = Variant(
        scenario=scenario, file="", phase=phase, regime="continuation", front_end=front_end, pm_gate=phase < 2
    )
    metrics, circumstances = Metrics(), circumstances_of(variant)
    SimulatedDeployment(variant, 5).run(
        range(customers.count), lambda *settled: metrics.add(History(*settled, circumstances))
    )
    figure = metrics.figure("conversion")
    assert figure is not None
    return figure


def people(**behaviour: object) -> Customers:
    return Customers.model_validate(
        {
            "count": CUSTOMERS,
            "pays_with": "card",
            "after_decline": "gives_up",
            "abandons_at": "never",
            "carts": (Cart(lines=(Line(rate_plan="workers_paid"),)),),
            **behaviour,
        }
    )


def close_to(share: float) -> object:
    """Within four standard errors."""
    return pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / CUSTOMERS))


def test_after_removal_who_pays_converts() -> None:
    """Cards succeed with probability .5, meet a challenge with .3, which is passed with .8, and else are declined."""
    cards = {"succeeds": 0.5, "three_d_secure": 0.3, "generic_decline": 0.2}
    challenge = {"passed": 0.8, "failed": 0.2}
    measured = conversion(people(first_card=cards, challenge=challenge), phase=4)
    assert measured == close_to(0.5 + 0.3 * 0.8)


def test_before_removal_the_gate_takes_those_without_a_payment_step() -> None:
    """Half are asked for a card before they submit; of those whom the gate stops, a quarter come back and pay."""
    measured = conversion(
        people(
            first_card="succeeds",
            payment_step={"before_submit": 0.5, "skipped": 0.5},
            after_gate={"leaves": 0.75, "adds_payment_method": 0.25},
        ),
        phase=0,
    )
    assert measured == close_to(0.5 + 0.5 * 0.25)


def test_one_retry_with_another_card_adds_its_share() -> None:
    """First card declined with .4; then half try another, which works with .75, else they give up for good."""
    measured = conversion(
        people(
            first_card={"succeeds": 0.6, "generic_decline": 0.4},
            next_card={"succeeds": 0.75, "generic_decline": 0.25},
            after_decline={"another_card": 1.0},
            parameters={"payment_tries_max": 2.0},
        ),
        phase=4,
    )
    assert measured == close_to(0.6 + 0.4 * 0.75)
