"""The scenarios that come with the project."""

from typing import get_args

import pytest

from scenarios.library import library_directory, library_files
from scenarios.reading import LoadedScenario, read_scenarios
from scenarios.scenario import CardBehaviour, ChallengeOutcome, Client, PaymentMethodState, RedirectOutcome
from scenarios.variants import variant_slug, variants

MAX_CUSTOMERS = 150_000
"""The library over all phases has to be simulated in under two minutes."""

REQUIRED = (
    "missing-payment-method",
    "expired-payment-method",
    "three-d-secure-passed",
    "three-d-secure-failed",
    "three-d-secure-abandoned",
    "paypal-finished",
    "paypal-cancelled",
    "paypal-never-back",
    "mixed-cart",
    "several-secrets-one-refused",
    "nothing-due-now",
    "new-zone",
    "multisku-purchase",
    "iapi-without-customer",
    "old-front-end-new-backend",
    "new-front-end-old-backend",
    "double-submit",
    "webhooks-duplicated",
    "webhooks-reordered",
    "webhooks-late",
    "abandoned-23-hours",
    "stripe-slow",
    "stripe-down",
    "premature-removal-legacy",
    "premature-removal-act-1",
    "a-normal-week",
)


@pytest.fixture(scope="module")
def library() -> list[LoadedScenario]:
    return read_scenarios()


def test_every_file_is_right_and_called_by_its_name(library: list[LoadedScenario]) -> None:
    assert [one.scenario.name for one in library] == list(library_files())
    assert library_directory().is_dir()


def test_what_must_be_there_is_there(library: list[LoadedScenario]) -> None:
    assert set(REQUIRED) <= {one.scenario.name for one in library}


def test_every_scenario_says_what_it_is_for_and_what_it_expects(library: list[LoadedScenario]) -> None:
    for one in library:
        assert len(one.scenario.description) > 60, one.file
        assert one.scenario.expect, one.file
        assert one.scenario.properties == "all", one.file
        assert len(one.scenario.title) <= 80, one.file


def test_the_library_stays_small_enough(library: list[LoadedScenario]) -> None:
    found = variants(library)
    assert sum(one.scenario.customers.count for one in found) < MAX_CUSTOMERS
    assert {one.phase for one in found} == set(range(7))
    assert len({variant_slug(one) for one in found}) == len(found)


def test_every_decline_has_its_scenario(library: list[LoadedScenario]) -> None:
    first = {
        name
        for one in library
        if one.scenario.name.startswith("payment-failure-") and isinstance(one.scenario.customers.first_card, dict)
        for name in one.scenario.customers.first_card
    }
    assert first == set(get_args(CardBehaviour)) - {"succeeds", "three_d_secure"}


def test_every_way_to_come_and_to_pay_occurs(library: list[LoadedScenario]) -> None:
    who = [one.scenario.customers for one in library]
    assert {name for one in who for name in one.client} == set(get_args(Client))
    assert {name for one in who for name in one.payment_method_on_file} == set(get_args(PaymentMethodState))
    for key, names in (("challenge", ChallengeOutcome), ("redirect", RedirectOutcome)):
        used = {name for one in who if isinstance(mix := getattr(one, key), dict) for name in mix}
        assert used == set(get_args(names)), key


def test_only_the_negative_controls_expect_violations(library: list[LoadedScenario]) -> None:
    controls = [one.scenario.name for one in library if any(part.violated for part in one.scenario.expect)]
    assert controls == ["premature-removal-act-1", "premature-removal-legacy"]
