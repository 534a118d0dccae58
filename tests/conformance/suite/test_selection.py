"""What the suite consists of."""

from __future__ import annotations

import pytest

from conformance.suite.selection import (
    MOST_CUSTOMERS,
    customers_needed,
    is_control,
    regimes_of,
    suite_scenarios,
    suite_variants,
)
from scenarios.library import library_files
from scenarios.reading import read_scenario_text, read_scenarios
from scenarios.scenario import Variant
from sim.customers import Population
from sim.streams import Streams


def names(chosen: list[Variant]) -> list[str]:
    return [one.scenario.name for one in chosen]


def scenario(text: str) -> Variant:
    [variant] = suite_variants(4, loaded=[read_scenario_text(b"name: mine\ntitle: Mine\n" + text.encode())])
    return variant


def test_every_scenario_of_the_library_is_there_but_for_negative_controls() -> None:
    there = {one.scenario.name for one in suite_scenarios()}
    controls = {one.scenario.name for one in read_scenarios() if is_control(one.scenario)}
    assert controls == {"premature-removal-legacy", "premature-removal-act-1"}
    assert there >= set(library_files()) - controls
    assert not there & controls


@pytest.mark.parametrize("phase", range(7))
def test_a_suite_is_of_one_phase_and_one_regime(phase: int) -> None:
    assert {(one.phase, one.regime) for one in suite_variants(phase, "act-1")} == {(phase, "act-1")}


def test_what_is_about_other_phases_or_regimes_has_no_variant() -> None:
    assert "gate-softening" in names(suite_variants(1))
    assert "gate-softening" not in names(suite_variants(2))
    assert "regimes-side-by-side" in names(suite_variants(2, "act-1"))
    assert "regimes-side-by-side" not in names(suite_variants(2, "legacy"))


def test_who_names_no_regime_is_about_none_in_particular() -> None:
    named = read_scenario_text(b"name: a\ntitle: A\nbackend: {regime: continuation}\n").scenario
    unnamed = read_scenario_text(b"name: a\ntitle: A\n").scenario
    assert regimes_of(named) == ("continuation",)
    assert regimes_of(unnamed) == ()


def test_each_front_end_that_a_scenario_lists_has_a_variant() -> None:
    found = [one.front_end for one in suite_variants(1) if one.scenario.name == "new-front-end-old-backend"]
    assert found == ["inline", "new"]


def test_customers_are_so_many_that_every_name_of_a_mix_is_met() -> None:
    variant = scenario("customers: {payment_method_on_file: {none: 0.6, valid: 0.2, expired: 0.1, paypal: 0.1}}")
    population = Population(variant)
    count = variant.scenario.customers.count
    met = {population.draw(Streams(1, number)).pm_on_file for number in range(count)}
    assert met == {"none", "valid", "expired", "paypal"}
    assert count <= MOST_CUSTOMERS


def test_a_name_that_hardly_anybody_draws_is_not_waited_for() -> None:
    variant = scenario("customers: {payment_method_on_file: {none: 1, valid: 0.000001}}")
    assert customers_needed(variant, 1) < MOST_CUSTOMERS


def test_the_number_of_customers_can_be_said() -> None:
    assert {one.scenario.customers.count for one in suite_variants(customers=3)} == {3}


def test_every_property_is_judged_and_no_threshold() -> None:
    """A threshold is about a population; a few customers are none."""
    for variant in suite_variants():
        assert variant.scenario.properties == "all"
        assert variant.scenario.expect == ()
