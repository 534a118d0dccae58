"""Running a variant at a target and judging what came of it, as `gatefall run` does."""

from __future__ import annotations

from typing import Any

from conformance.history import History
from conformance.judging import Judging
from conformance.manifest import Manifest
from conformance.real.surroundings import noted_circumstances
from conformance.real.target import RealTarget
from conformance.verdict import PropertyVerdict
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.scenario import Variant
from sim.facts import Fact

Story = tuple[int, str, list[Fact]]


def visit(target: RealTarget, variant: Variant, seed: int) -> list[Story]:
    stories: list[Story] = []
    customers = range(variant.scenario.customers.count)
    target.run(variant, seed, customers, lambda *story: stories.append(story))
    return stories


def verdicts(target: RealTarget, variant: Variant, stories: list[Story], seed: int) -> tuple[PropertyVerdict, ...]:
    noted = noted_circumstances(target.profile)
    circumstances = Manifest("0", seed, target.name, (), (), circumstances=noted).circumstances_of(variant)
    judging = Judging(CHECKED_PROPERTIES)
    for number, account, facts in stories:
        judging.add(History(number, account, facts, circumstances))
    return judging.verdicts()


def outcomes(stories: list[Any]) -> dict[int, list[str | None]]:
    return {number: [fact.state for fact in facts if fact.kind == "outcome"] for number, _, facts in stories}
