"""The same deployment with a defect of its own is found out through the same profile, by name."""

from __future__ import annotations

from typing import Any, Final

import pytest

from scenarios.reading import read_scenarios
from scenarios.variants import variants
from tests.second_deployment.visits import verdicts, visit

SEED: Final = 7

SLIPS: Final = {
    "append is still gated": ("append-component", 2, "no-pm-gate-rejections"),
    "granted before it is paid": ("three-d-secure-abandoned", 4, "no-entitlement-without-payment"),
    "anybody's account": ("another-accounts-things", 4, "accounts-isolated"),
    "every event counts": ("missing-payment-method", 4, "charged-once"),
}
"""Each slip: the scenario and phase in which it shows, and the property that it breaks."""


@pytest.mark.parametrize("slip", SLIPS)
def test_the_property_that_it_breaks_says_so(second: Any, slip: str) -> None:
    name, phase, broken = SLIPS[slip]
    [variant] = variants(read_scenarios([name]), (phase,), 8)
    found = {}
    for slips in ((), (slip,)):
        _, target = second(*slips)
        judged = verdicts(target, variant, visit(target, variant, SEED), SEED)
        found[slips] = {one.property for one in judged if one.value == "violated"}
    assert found[()] == set()
    assert broken in found[(slip,)]
