"""Circumstances: from a scenario's variant, with what is assumed where nobody says."""

from __future__ import annotations

import pytest

from conformance.circumstances import DECLARED_CONSUMERS, Circumstances, circumstances_of
from scenarios.scenario import Scenario, Variant


def variant(phase: int = 2) -> Variant:
    scenario = Scenario(name="plain", title="Plain")
    return Variant(scenario=scenario, file="plain.yaml", phase=phase, regime="act-1", front_end="old", pm_gate=False)


def test_they_are_those_of_the_variant() -> None:
    found = circumstances_of(variant(), target="mock")
    assert (found.phase, found.regime, found.front_end, found.pm_gate) == (2, "act-1", "old", False)
    assert found.target == "mock"
    assert found.declared_consumers == DECLARED_CONSUMERS
    assert found.entitlement_bound_us == 60_000_000
    assert found.expiry_us == 82_800_000_000


@pytest.mark.parametrize(
    ("phase", "pm_gate", "operation", "mode"),
    [
        (0, True, "bulk_create", "enforced"),
        (0, False, "bulk_create", "off"),
        (1, True, "update", "softened"),
        (1, True, "create", "enforced"),
        (2, True, "create", "off"),
        (0, True, "entitlements", "off"),
    ],
)
def test_the_gate_is_that_of_the_phase(phase: int, pm_gate: bool, operation: str, mode: str) -> None:
    assert Circumstances(phase, "continuation", "old", pm_gate).gate(operation) == mode


def test_consumers_are_declared_by_pattern() -> None:
    found = circumstances_of(variant(), declared_consumers=(("iapi/*", "create"), ("multisku", "*")))
    assert found.declares("iapi/zone-sync", "create")
    assert not found.declares("iapi/zone-sync", "update")
    assert found.declares("multisku", "update")
    assert not circumstances_of(variant(), declared_consumers=None).declares("multisku", "update")
