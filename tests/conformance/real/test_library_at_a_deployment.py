"""The library at a deployment in order: the same outcomes as in the simulated world, and nobody is accused."""

from __future__ import annotations

from typing import Any, Final

import pytest

from conformance.circumstances import Circumstances, circumstances_of
from conformance.history import History
from conformance.judging import Judging
from conformance.manifest import Manifest
from conformance.real.fitting import why_left_out
from conformance.real.surroundings import noted_circumstances
from conformance.verdict import PropertyVerdict
from scenarios.library import library_directory, probing_directory
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variant_slug, variants
from sim.backend import BackendConfig
from sim.deployment import SimulatedDeployment
from sim.facts import Fact
from tests.conformance.real.stand_in import WEBHOOKS, StandIn

SEED: Final = 7
CUSTOMERS: Final = 4
CONFIG: Final = {
    "phase = 2": 'phase = "config"',
    "[accounts]\n": f"""[supports]
clock = true
admin = true

[webhooks]
url = "{WEBHOOKS}"
secret_env = "STAGING_WEBHOOKS"

[admin]
secret_env = "STAGING_ADMIN"

[accounts]
""",
}
SECRETS: Final = {
    "STAGING_WEBHOOKS": BackendConfig().webhook_secret,
    "STAGING_ADMIN": BackendConfig().admin_jwt_secret,
}
UNREACHED: Final = {
    "rate-limit-reached": {
        "rate-limit-told": (
            f"{CUSTOMERS} customers of {CUSTOMERS} undecided, first customer 0: rate-limit could not be tried: "
            "25 requests met no limit of 20"
        )
    }
}
"""What must stay undecided, by scenario and property, and why: nobody lowers the rate limit of a real deployment."""
Story = tuple[int, str, list[Fact]]


def suited() -> list[Variant]:
    """Each scenario that can be run there, once: in turn in the first, second, … of its variants in three phases."""
    by_name: dict[str, list[Variant]] = {}
    for one in variants(read_scenarios([library_directory(), probing_directory()]), (1, 2, 4), CUSTOMERS):
        if not one.scenario.has_faults and not one.scenario.capacity:
            by_name.setdefault(one.scenario.name, []).append(one)
    return [found[position % len(found)] for position, found in enumerate(by_name.values())]


def verdicts(stories: list[Story], circumstances: Circumstances) -> dict[str, PropertyVerdict]:
    judging = Judging(CHECKED_PROPERTIES)
    for number, account, facts in stories:
        judging.add(History(number, account, facts, circumstances))
    return {one.property: one for one in judging.verdicts()}


def outcomes(stories: list[Story]) -> dict[int, list[str | None]]:
    return {number: [fact.state for fact in facts if fact.kind == "outcome"] for number, _, facts in stories}


@pytest.mark.parametrize("variant", suited(), ids=variant_slug)
def test_the_same_comes_of_it_as_in_the_simulated_world(target: Any, deployment: StandIn, variant: Variant) -> None:
    real = target(CONFIG, SECRETS)
    assert why_left_out(real.credentials, variant, SEED) is None
    seen: list[Story] = []
    real.run(variant, SEED, range(CUSTOMERS), lambda *story: seen.append(story))
    told: list[Story] = []
    SimulatedDeployment(variant, SEED).run(range(CUSTOMERS), lambda *story: told.append(story))
    assert outcomes(seen) == outcomes(told)

    manifest = Manifest("0", SEED, real.name, (), (), circumstances=noted_circumstances(real.profile))
    outside = verdicts(seen, manifest.circumstances_of(variant))
    inside = verdicts(told, circumstances_of(variant))
    for name, verdict in outside.items():
        assert (verdict.value == "violated") == (inside[name].value == "violated"), verdict.worst
        assert verdict.because != "crashed", verdict.reason
    undecided = {name: verdict.reason for name, verdict in outside.items() if verdict.because == "undecided"}
    assert undecided == UNREACHED.get(variant.scenario.name, {})
    assert deployment.accounts() == []
