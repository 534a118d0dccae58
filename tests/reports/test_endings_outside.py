"""What is counted of a real deployment is what is counted in the model: endings are the same, seen from outside."""

from __future__ import annotations

import pytest

from conformance.circumstances import circumstances_of
from conformance.history import History
from conformance.outside_view import Outside
from reports.endings import read_endings
from tests.conformance.test_defects import variant_of
from tests.conformance.test_outside import run_of

SCENARIOS = (
    "missing-payment-method",
    "upgrade-only",
    "append-component",
    "nothing-due-now",
    "mixed-cart",
    "iapi-without-customer",
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_attempt_converts_from_outside_if_it_does_inside(scenario: str) -> None:
    variant = variant_of(scenario, 4, 20)
    run = run_of(variant, 1)
    inside = circumstances_of(variant)
    outside = circumstances_of(variant, "real")
    converted = 0
    for (number, account, exact), (_, _, seen) in zip(run, Outside().views(run), strict=True):
        expected = [one.converted for one in read_endings(History(number, account, exact, inside))]
        assert [one.converted for one in read_endings(History(number, account, seen, outside))] == expected
        converted += sum(expected)
    assert converted
