from typing import Any

import pytest

from scenarios.parameters import PARAMETERS
from sim.customers import Population, account_request, arrival_us, draw_shopper
from sim.customers.cards import CARD_DATA
from sim.customers.mix import Mix
from sim.streams import Streams

CALIBRATED: dict[str, Any] = dict.fromkeys(
    ("pays_with", "payment_step", "first_card", "next_card", "challenge", "redirect", "after_decline", "after_gate"),
    "calibrated",
)
COUNT = 4_000


def traits(theatre: Any, seed: int = 3, count: int = COUNT, **what: Any) -> list[Any]:
    population = Population(theatre.variant(**what))
    return [population.draw(Streams(seed, number)) for number in range(count)]


def share(shoppers: list[Any], name: str, value: str) -> float:
    return sum(getattr(one, name) == value for one in shoppers) / len(shoppers)


def test_the_same_customer_draws_the_same_in_every_phase_and_front_end(theatre: Any) -> None:
    def drawn(phase: int, front_end: str) -> list[tuple[Any, ...]]:
        shoppers = traits(theatre, count=200, phase=phase, front_end=front_end, **CALIBRATED)
        return [
            (one.index, one.country, one.pays_with, one.first_card, one.payment_step, one.double_submit)
            for one in shoppers
        ]

    first = drawn(0, "old")
    assert all(drawn(phase, front_end) == first for phase, front_end in ((2, "old"), (3, "inline"), (6, "new")))


def test_customers_differ(theatre: Any) -> None:
    assert len({(one.country, one.pays_with, one.first_card) for one in traits(theatre, count=300, **CALIBRATED)}) > 5


@pytest.mark.parametrize(("state", "expected"), [("none", 0.6), ("valid", 0.3), ("expired", 0.1)])
def test_mix_is_met(theatre: Any, state: str, expected: float) -> None:
    shoppers = traits(theatre, payment_method_on_file={"none": 6.0, "valid": 3.0, "expired": 1.0})
    assert share(shoppers, "pm_on_file", state) == pytest.approx(expected, abs=0.025)


def test_carts_are_drawn_by_weight(theatre: Any) -> None:
    carts = ({"weight": 3, "lines": [{"rate_plan": "r2"}]}, {"weight": 1, "lines": [{"rate_plan": "d1"}]})
    shoppers = traits(theatre, carts=carts)
    assert sum(one.basket.products == ("d1",) for one in shoppers) / COUNT == pytest.approx(0.25, abs=0.025)


@pytest.mark.parametrize(
    ("region", "paypal"),
    [("north_america", 0.20), ("united_kingdom", 0.14), ("europe", 0.35 * 0.64 + 0.65 * 0.15)],
)
def test_paypal_is_preferred_by_region(theatre: Any, region: str, paypal: float) -> None:
    shoppers = traits(theatre, regions={region: 1.0}, **CALIBRATED)
    assert share(shoppers, "pays_with", "paypal") == pytest.approx(paypal, abs=0.025)


@pytest.mark.parametrize(("region", "challenged"), [("united_kingdom", 0.85 * 0.25), ("north_america", 0.03 * 0.46)])
def test_cards_are_challenged_by_region(theatre: Any, region: str, challenged: float) -> None:
    shoppers = traits(
        theatre,
        regions={region: 1.0},
        **{**CALIBRATED, "pays_with": {"card": 1.0}},
        parameters={"card_decline_share": 0.0},
    )
    assert share(shoppers, "first_card", "three_d_secure") == pytest.approx(challenged, abs=0.025)


def test_declines_come_with_their_share(theatre: Any) -> None:
    shoppers = traits(theatre, regions={"north_america": 1.0}, **CALIBRATED)
    declining = sum(one.first_card not in ("succeeds", "three_d_secure") for one in shoppers) / COUNT
    assert declining == pytest.approx(PARAMETERS["card_decline_share"].default, abs=0.025)


def test_wallets_are_not_challenged(theatre: Any) -> None:
    shoppers = traits(theatre, regions={"europe": 1.0}, **{**CALIBRATED, "pays_with": {"wallet": 1.0}})
    assert not any("three_d_secure" in one.first_card for one in shoppers)


def test_saved_methods_are_used_and_expired_ones_less(theatre: Any) -> None:
    valid = traits(theatre, payment_method_on_file={"valid": 1.0}, **CALIBRATED)
    expired = traits(
        theatre, payment_method_on_file={"expired": 1.0}, **CALIBRATED, parameters={"expired_method_picked": 0.2}
    )
    assert share(valid, "pays_with", "saved") == pytest.approx(0.9, abs=0.025)
    assert share(expired, "pays_with", "saved") == pytest.approx(0.2, abs=0.025)


def test_nobody_pays_with_a_method_that_is_not_there(theatre: Any) -> None:
    assert {one.pays_with for one in traits(theatre, count=50, pays_with={"saved": 1.0})} == {"card"}


@pytest.mark.parametrize(
    "cart",
    [
        {"lines": [{"rate_plan": "r2"}]},
        {"upgrade": {"from_plan": "zone_pro", "to_plan": "zone_business"}},
        {"append": {"rate_plan": "images", "component": "hundred_thousand", "value": 1}},
    ],
)
def test_old_checkout_has_no_payment_step_where_nothing_is_due_or_one_click_does(theatre: Any, cart: Any) -> None:
    shoppers = traits(theatre, count=100, carts=(cart,), **CALIBRATED)
    assert {one.payment_step for one in shoppers} == {"skipped"}


def test_old_checkout_shows_a_payment_step_to_most(theatre: Any) -> None:
    shoppers = traits(theatre, **CALIBRATED)
    assert share(shoppers, "payment_step", "before_submit") == pytest.approx(0.85, abs=0.025)


def test_lone_name_is_a_mix_of_itself(theatre: Any) -> None:
    assert {one.abandons_at for one in traits(theatre, count=20)} == {"never"}
    assert {one.abandons_at for one in traits(theatre, count=400, abandons_at="calibrated")} == {
        "never",
        "cart",
        "payment",
        "confirmation",
    }


def test_mix_without_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="no positive weight"):
        Mix({"a": 0.0})


def test_drawing_one_is_drawing_from_the_population(theatre: Any) -> None:
    variant = theatre.variant(**CALIBRATED)
    one = draw_shopper(variant, Streams(3, 17))
    same = Population(variant).draw(Streams(3, 17))
    assert (one.country, one.pays_with, one.first_card) == (same.country, same.pays_with, same.first_card)


def test_account_is_asked_for_with_what_the_cart_needs(theatre: Any) -> None:
    cart = {
        "lines": [{"rate_plan": "zone_pro", "zone": "existing"}, {"rate_plan": "zone_pro", "zone": "new"}],
        "upgrade": {"from_plan": "zone_pro", "to_plan": "zone_business"},
    }
    shopper = draw_shopper(theatre.variant(carts=(cart,)), Streams(3, 0))
    request = account_request(shopper, "acct00000000")
    assert (request.method, request.path) == ("POST", "/__test__/accounts")
    assert request.body == {
        "account_id": "acct00000000",
        "payment_method": "none",
        "country": shopper.country,
        "subscriptions": [{"rate_plan": {"id": "zone_pro"}, "frequency": "monthly"}],
        "zones": ["example.com"],
    }
    assert "account_id" not in account_request(shopper).body


def test_every_card_that_a_scenario_can_name_has_a_number() -> None:
    from typing import get_args

    from scenarios.scenario import CardBehaviour

    assert set(CARD_DATA) == set(get_args(CardBehaviour))


# Arrivals -------------------------------------------------------------------------------------------------------------

DAY_US = 86_400_000_000


def times(theatre: Any, count: int = 2_000, **arrivals: Any) -> list[int]:
    variant = theatre.variant(arrivals=arrivals)
    return [arrival_us(variant, Streams(5, number), number, count) for number in range(count)]


@pytest.mark.parametrize("process", ["poisson", "uniform"])
def test_arrivals_spread_over_the_window(theatre: Any, process: str) -> None:
    found = times(theatre, process=process, over="10min")
    assert min(found) >= 0
    assert max(found) < 600_000_000
    assert sum(found) / len(found) == pytest.approx(300_000_000, rel=0.05)


def test_arrivals_at_once_and_in_turn(theatre: Any) -> None:
    assert set(times(theatre, count=5, process="at_once")) == {0}
    assert times(theatre, count=3, process="every", every="2s") == [0, 2_000_000, 4_000_000]
    assert times(theatre, count=3, process="every", over="3s") == [0, 1_000_000, 2_000_000]


def test_arrivals_follow_the_rhythm_of_day_and_week(theatre: Any) -> None:
    found = times(theatre, process="daily_rhythm", over="7d")
    assert min(found) >= 0
    assert max(found) < 7 * DAY_US
    by_day = [sum(day * DAY_US <= at_us < (day + 1) * DAY_US for at_us in found) for day in range(7)]
    assert max(by_day[5:]) < min(by_day[:5])
    nights = sum(at_us % DAY_US < DAY_US // 4 for at_us in found)
    assert nights < len(found) * 0.15


def test_rhythm_may_end_in_the_middle_of_an_hour(theatre: Any) -> None:
    found = times(theatre, process="daily_rhythm", over="90min")
    assert max(found) < 5_400_000_000
    assert max(found) > 5_000_000_000


def test_arrival_does_not_depend_on_the_others(theatre: Any) -> None:
    variant = theatre.variant(arrivals={"process": "poisson", "over": "1h"})
    assert arrival_us(variant, Streams(5, 9), 9, 10) == arrival_us(variant, Streams(5, 9), 9, 1_000_000)
