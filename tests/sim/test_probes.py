"""Probes: what their facts say, what a neighbour leaves, and that both media agree on it."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest

from conformance.inspection import ContractInspector
from conformance.over_http.lockstep_deployment import LockstepDeployment
from scenarios.library import probing_directory
from scenarios.probe_names import PROBE_NAMES
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variant_label, variants
from sim.deployment import SimulatedDeployment
from sim.facts import Fact
from sim.probes import PROBES

Story = tuple[int, str, list[Fact]]


@cache
def probing() -> list[Variant]:
    return variants(read_scenarios([str(probing_directory())]), (4,), 2)


def story(variant: Variant) -> list[Story]:
    found: list[Story] = []
    SimulatedDeployment(variant, 1, inspector=ContractInspector()).run(range(2), lambda *one: found.append(one))
    return found


def ordinary() -> list[Fact]:
    [variant] = [one for one in probing() if one.scenario.name == "ordinary-purchase-probed"]
    return story(variant)[0][2]


def test_the_names_are_those_of_the_probes() -> None:
    assert list(PROBE_NAMES) == list(PROBES)


def test_a_probe_is_one_attempt_that_is_neither_lost_nor_won() -> None:
    facts = ordinary()
    [attempt] = [fact for fact in facts if fact.kind == "attempt"]
    [outcome] = [fact for fact in facts if fact.kind == "outcome"]
    assert attempt.detail is not None
    assert (attempt.detail["probe"], attempt.detail["products"], outcome.state) == ("ordinary-purchase", [], "probed")


def test_requests_say_what_is_tried_and_answers_are_inspected() -> None:
    facts = ordinary()
    tried = {(fact.detail or {})["probe"]["tries"] for fact in facts if fact.kind == "request"}
    assert tried == {"look", "ordinary_purchase"}
    answers = [fact.subject for fact in facts if fact.kind == "answer"]
    assert [(fact.subject, fact.state) for fact in facts if fact.kind == "inspected"] == [
        (one, "fits") for one in answers
    ]


def test_a_neighbour_leaves_snapshots_and_nothing_else() -> None:
    facts = ordinary()
    neighbours = [fact for fact in facts if fact.kind == "snapshot" and (fact.detail or {})["owner"] == "neighbour"]
    [account] = {fact.subject for fact in neighbours}
    listed = {fact.state: (fact.detail or {})["read"] for fact in neighbours if fact.operation == "list_subscriptions"}
    [bought] = listed["before"]
    assert listed["after"] == [bought]
    assert [fact for fact in facts if fact not in neighbours and bought["id"] in repr(fact)] == []
    assert [fact for fact in facts if fact not in neighbours and account in repr(fact)] == []


@pytest.mark.parametrize("variant", probing(), ids=lambda one: f"{one.scenario.name} {variant_label(one)}")
def test_a_probe_finds_the_same_over_http(variant: Variant) -> None:
    found: list[Story] = []
    deployment = LockstepDeployment(variant, 1, inspector=ContractInspector())
    asyncio.run(deployment.run(range(2), lambda *one: found.append(one)))
    assert found == story(variant)
