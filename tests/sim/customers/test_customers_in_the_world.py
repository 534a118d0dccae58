"""Customers against the model's own services, in virtual time: what becomes of them phase by phase."""

from collections import Counter
from typing import Any

import pytest

from scenarios.scenario import Variant
from sim.deployment import SimulatedDeployment
from sim.facts import Fact

CUSTOMERS = 12


def histories(variant: Variant, count: int = CUSTOMERS, seed: int = 4) -> list[list[Fact]]:
    found: list[list[Fact]] = []
    SimulatedDeployment(variant, seed).run(range(count), lambda _number, _account, facts: found.append(facts))
    return found


def outcomes(found: list[list[Fact]]) -> Counter[str | None]:
    return Counter(fact.state for facts in found for fact in facts if fact.kind == "outcome")


def states(facts: list[Fact], kind: str) -> list[str | None]:
    return [fact.state for fact in facts if fact.kind == kind]


@pytest.mark.parametrize("client", ["unified-checkout", "multisku"])
@pytest.mark.parametrize(("phase", "front_end"), [(0, "old"), (2, "old"), (3, "inline"), (4, "new")])
@pytest.mark.parametrize("card", ["succeeds", "three_d_secure"])
def test_cards_convert_where_the_front_end_collects_them(
    theatre: Any, client: str, phase: int, front_end: str, card: str
) -> None:
    found = histories(theatre.variant(phase, front_end, client={client: 1.0}, first_card={card: 1.0}))
    assert outcomes(found) == {"converted": CUSTOMERS}


@pytest.mark.parametrize(
    ("phase", "front_end", "outcome"),
    [
        (0, "old", "blocked_by_gate"),
        (0, "new", "blocked_by_gate"),
        (2, "old", "stuck"),
        (3, "inline", "converted"),
        (4, "new", "converted"),
    ],
)
def test_without_a_payment_step_the_phase_decides(theatre: Any, phase: int, front_end: str, outcome: str) -> None:
    found = histories(theatre.variant(phase, front_end, payment_step={"skipped": 1.0}))
    assert outcomes(found) == {outcome: CUSTOMERS}
    paid = [fact for facts in found for fact in facts if fact.kind == "charge" and fact.state == "succeeded"]
    assert len(paid) == (CUSTOMERS if outcome == "converted" else 0)


def test_detour_leads_back_to_the_purchase(theatre: Any) -> None:
    variant = theatre.variant(0, "old", payment_step={"skipped": 1.0}, after_gate={"adds_payment_method": 1.0})
    found = histories(variant)
    assert outcomes(found) == {"converted": CUSTOMERS}
    assert all(states(facts, "detour") == ["started", "added"] for facts in found)


@pytest.mark.parametrize(("pays_with", "kind"), [("card", "card"), ("paypal", "paypal")])
def test_the_last_reading_says_what_kind_of_method_paid(theatre: Any, pays_with: str, kind: str) -> None:
    found = histories(theatre.variant(pays_with={pays_with: 1.0}))
    read = [fact for facts in found for fact in facts if fact.kind == "final_payment_method"]
    assert [fact.detail["type"] for fact in read if fact.detail] == [kind] * CUSTOMERS


@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        ("finished", "converted"),
        ("cancelled", "redirect_lost"),
        ("refused", "declined"),
        ("never_back", "redirect_lost"),
    ],
)
def test_paypal_ends_as_the_customer_does(theatre: Any, how: str, outcome: str) -> None:
    found = histories(theatre.variant(pays_with={"paypal": 1.0}, redirect={how: 1.0}))
    assert outcomes(found) == {outcome: CUSTOMERS}
    entitled = [
        fact for facts in found for fact in facts if fact.kind == "final_entitlement" and fact.state == "active"
    ]
    assert len(entitled) == (CUSTOMERS if how in ("finished", "never_back") else 0)


@pytest.mark.parametrize(
    ("how", "outcome"), [("passed", "converted"), ("failed", "challenge_lost"), ("abandoned", "challenge_lost")]
)
def test_challenge_ends_as_the_customer_does(theatre: Any, how: str, outcome: str) -> None:
    found = histories(theatre.variant(first_card={"three_d_secure": 1.0}, challenge={how: 1.0}))
    assert outcomes(found) == {outcome: CUSTOMERS}


@pytest.mark.parametrize(
    "card",
    [
        "generic_decline",
        "insufficient_funds",
        "lost_card",
        "stolen_card",
        "expired_card",
        "incorrect_cvc",
        "processing_error",
        "card_velocity_exceeded",
        "incorrect_number",
        "attaches_then_fails",
        "blocked",
        "three_d_secure_then_declined",
        "three_d_secure_then_insufficient_funds",
    ],
)
@pytest.mark.parametrize(("phase", "front_end"), [(0, "old"), (4, "new")])
def test_every_decline_can_be_followed_by_another_card(theatre: Any, card: str, phase: int, front_end: str) -> None:
    lost = theatre.variant(phase, front_end, first_card={card: 1.0})
    assert outcomes(histories(lost, 3)) == {"declined": 3}
    saved = theatre.variant(phase, front_end, first_card={card: 1.0}, after_decline={"another_card": 1.0})
    assert outcomes(histories(saved, 3)) == {"converted": 3}


@pytest.mark.parametrize("double_submit", ["double_click", "two_tabs", "retry_after_timeout"])
@pytest.mark.parametrize("on_file", ["none", "valid"])
@pytest.mark.parametrize(("phase", "front_end"), [(0, "old"), (4, "new")])
def test_submitting_twice_pays_once(theatre: Any, double_submit: str, on_file: str, phase: int, front_end: str) -> None:
    variant = theatre.variant(
        phase, front_end, double_submit={double_submit: 1.0}, payment_method_on_file={on_file: 1.0}
    )
    for facts in histories(variant):
        charges = [fact for fact in facts if fact.kind == "charge" and fact.state == "succeeded"]
        assert len(charges) == 1


def test_mixed_cart_with_a_new_zone_is_bought_whole(theatre: Any) -> None:
    cart = {
        "lines": [{"rate_plan": "pages"}, {"rate_plan": "zone_pro", "zone": "new"}],
        "domains": [{"tld": "dev"}],
        "upgrade": {"from_plan": "zone_pro", "to_plan": "zone_business"},
    }
    found = histories(theatre.variant(carts=(cart,)))
    assert set(outcomes(found)) <= {"converted", "processing"}  # an event may take longer than a customer waits
    for facts in found:
        assert states(facts, "final_zone") == ["pending"]
        assert set(states(facts, "final_subscription")) == {"Provisioned"}


def test_who_left_the_secret_unconfirmed_buys_a_day_later(theatre: Any) -> None:
    found = histories(theatre.variant(abandons_at={"confirmation": 1.0}, returns_after="24h"))
    assert outcomes(found) == {"abandoned": CUSTOMERS, "converted": CUSTOMERS}


@pytest.mark.parametrize("front_end", ["old", "new"])
def test_owner_pays_what_a_service_bought(theatre: Any, front_end: str) -> None:
    variant = theatre.variant(
        2,
        front_end,
        client={"iapi": 1.0},
        payment_method_on_file={"requires_authentication": 1.0},
        parameters={"owner_confirms_service_purchase": 1},
    )
    assert outcomes(histories(variant)) == {"converted": CUSTOMERS}


def test_everybody_draws_alike_in_all_phases(theatre: Any) -> None:
    """Same customer, same day: what differs between phases is what the phases do."""
    calibrated = dict.fromkeys(("pays_with", "first_card", "challenge", "redirect", "after_decline"), "calibrated")

    def drawn(phase: int, front_end: str) -> list[tuple[Any, ...]]:
        attempts = [
            fact
            for facts in histories(theatre.variant(phase, front_end, **calibrated))
            for fact in facts
            if fact.kind == "attempt"
        ]
        return [(fact.time_us, fact.detail["country"], fact.detail["pays_with"]) for fact in attempts if fact.detail]

    assert sorted(drawn(0, "old")) == sorted(drawn(4, "new"))


def test_client_notes_no_secret_and_no_card_number(theatre: Any) -> None:
    for front_end in ("old", "new"):
        text = repr(histories(theatre.variant(2, front_end, first_card={"three_d_secure": 1.0})))
        assert "_secret_" not in text
        assert "4000000000003220" not in text
