"""What the gate does in each phase, and which gates move customers from one checkout to the other."""

import pytest

from scenarios.gates import GATES, checkout_of, product_gate
from scenarios.phase import (
    GATED_OPERATIONS,
    PAYMENT_OPERATIONS,
    PHASES,
    SOFTENED_OPERATIONS,
    default_front_end,
    gate_mode,
    gate_modes,
    phase_named,
)


def test_phase_0_enforces_the_gate_on_all_six_operations() -> None:
    assert len(GATED_OPERATIONS) == 6
    assert set(gate_modes(0).values()) == {"enforced"}


def test_phase_1_softens_what_is_not_critical() -> None:
    modes = gate_modes(1)
    assert [name for name in GATED_OPERATIONS if modes[name] == "softened"] == list(SOFTENED_OPERATIONS)
    assert {modes[name] for name in ("bulk_create", "create", "registrar_checkout")} == {"enforced"}


@pytest.mark.parametrize("phase", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("pm_gate", [True, False])
def test_no_flag_brings_the_gate_back_from_phase_2_on(phase: int, pm_gate: bool) -> None:
    assert set(gate_modes(phase, pm_gate).values()) == {"off"}


@pytest.mark.parametrize("phase", [0, 1])
def test_the_flag_turns_the_gate_off_before(phase: int) -> None:
    assert all(gate_mode(phase, operation, pm_gate=False) == "off" for operation in GATED_OPERATIONS)


def test_an_operation_that_never_had_the_gate_is_off() -> None:
    assert gate_mode(0, "cancel") == "off"
    assert "profile_update" not in PAYMENT_OPERATIONS


def test_front_ends_follow_the_phases() -> None:
    assert [default_front_end(phase) for phase in range(7)] == ["old", "old", "old", "inline", "new", "new", "new"]


def test_removal_and_clean_up_cannot_be_undone() -> None:
    assert [phase.number for phase in PHASES if not phase.reversible] == [2, 6]


@pytest.mark.parametrize("number", [-1, 7])
def test_a_phase_that_does_not_exist(number: int) -> None:
    with pytest.raises(ValueError, match="expected 0 to 6"):
        phase_named(number)
    with pytest.raises(ValueError, match="expected 0 to 6"):
        gate_modes(number)


def test_each_product_has_its_gate() -> None:
    assert product_gate("load_balancer") == "billing-unified-checkout-load-balancer"
    assert product_gate("load_balancer") in GATES
    assert len(GATES) == 5 + 31 + 1


@pytest.mark.parametrize(
    ("client", "products", "gates", "expected"),
    [
        ("unified-checkout", ("r2",), {}, "unified-checkout"),
        ("unified-checkout", ("r2",), {"billing-unified-checkout": False}, "multisku"),
        ("unified-checkout", ("r2", "d1"), {"billing-unified-checkout-d1": False}, "multisku"),
        ("multisku", ("r2",), {"billing-unified-checkout-r2": True}, "unified-checkout"),
        ("multisku", ("r2", "d1"), {"billing-unified-checkout-r2": True}, "multisku"),
        ("multisku", ("r2",), {"billing-unified-checkout-r2": True, "billing-unified-checkout": False}, "multisku"),
        ("iapi", ("r2",), {"billing-unified-checkout": False}, "iapi"),
    ],
)
def test_gates_move_customers_between_checkouts(
    client: str, products: tuple[str, ...], gates: dict[str, bool], expected: str
) -> None:
    assert checkout_of(client, products, gates) == expected
