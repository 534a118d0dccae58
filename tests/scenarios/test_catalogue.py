"""What is sold, and for how much."""

import pytest

from scenarios import catalogue
from scenarios.catalogue import NotOffered


def test_there_are_thirty_one_products_and_the_registrar_is_none_of_them() -> None:
    assert len(catalogue.PRODUCTS) == len(catalogue.BY_ID) == 31
    assert catalogue.REGISTRAR not in catalogue.BY_ID


@pytest.mark.parametrize(
    ("rate_plan", "frequency", "quantity", "price_minor"),
    [
        ("workers_paid", "monthly", 1, 500),
        ("stream", "monthly", 3, 1_500),
        ("r2", "monthly", 7, 0),
        ("durable_objects", "monthly", 1, 0),
        ("zone_pro", "monthly", 1, 2_500),
        ("zone_pro", "yearly", 1, 24_000),
        ("zone_business", "yearly", 2, 480_000),
        ("load_balancer", "monthly", 1, 500),
    ],
)
def test_published_prices(rate_plan: str, frequency: str, quantity: int, price_minor: int) -> None:
    assert catalogue.price_minor(rate_plan, frequency, quantity) == price_minor


@pytest.mark.parametrize(("tld", "years", "price_minor"), [("com", 1, 857), ("dev", 2, 2_022), ("app", 10, 11_000)])
def test_a_domain_costs_its_years(tld: str, years: int, price_minor: int) -> None:
    assert catalogue.registrar_price_minor(tld, years) == price_minor


def test_only_zone_plans_are_sold_by_the_year() -> None:
    yearly = [product.id for product in catalogue.PRODUCTS if catalogue.is_offered(product.id, "yearly")]
    assert yearly == ["zone_pro", "zone_business"]


def test_what_is_not_sold_says_what_is() -> None:
    with pytest.raises(NotOffered, match="d1 is not sold yearly: it is monthly"):
        catalogue.price_minor("d1", "yearly")
    with pytest.raises(NotOffered, match="no rate plan"):
        catalogue.price_minor("workers", "monthly")
    with pytest.raises(NotOffered, match=r"\.museum is not sold"):
        catalogue.registrar_price_minor("museum", 1)


def test_the_second_quarter_cohort_is_on_multisku() -> None:
    assert len(catalogue.Q2_COHORT) == 9
    usage_priced = [name for name, cohort in catalogue.Q2_COHORT.items() if cohort == "usage-priced"]
    assert usage_priced == ["workers_paid", "r2", "stream", "durable_objects"]
    assert set(catalogue.Q2_COHORT) <= set(catalogue.ON_MULTISKU)


def test_an_unknown_component_costs_as_much_as_the_first_one() -> None:
    assert catalogue.component_price_minor("load_balancer", "health_check_regions") == 1_000
    assert catalogue.component_price_minor("load_balancer", "something") == 500
    with pytest.raises(NotOffered):
        catalogue.component_price_minor("nothing", "origins")
