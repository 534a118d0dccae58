"""Every proof names a moment and something that can be looked up, and rests on facts: for each planted defect."""

from __future__ import annotations

import re

import pytest

from conformance.circumstances import circumstances_of
from conformance.defects import Defect, planted
from conformance.finding import Finding
from conformance.history import History
from conformance.proof import told_of
from conformance.properties import PROPERTIES
from sim.deployment import SimulatedDeployment
from sim.facts import Fact
from tests.conformance.test_defects import PLACES, place_of

MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
CUSTOMERS = 6
"""Enough for most defects to show; what they break, and where, is judged elsewhere."""


def findings_of(defect: Defect, scenario: str) -> list[tuple[Finding, list[Fact]]]:
    variant = place_of(defect, scenario)
    settled: list[tuple[int, str, list[Fact]]] = []
    with planted(defect):
        customers = range(min(CUSTOMERS, variant.scenario.customers.count))
        SimulatedDeployment(variant, 1).run(customers, lambda *one: settled.append(one))
    return [
        (finding, facts)
        for number, account, facts in settled
        for name in sorted(defect.declared)
        for finding in PROPERTIES[name].judge(History(number, account, facts, circumstances_of(variant))).findings
    ]


@pytest.mark.parametrize(("defect", "scenario"), PLACES[::4], ids=lambda one: one if isinstance(one, str) else one.name)
def test_a_proof_can_be_checked_against_the_facts(defect: Defect, scenario: str) -> None:
    for finding, facts in findings_of(defect, scenario):
        assert MOMENT.search(finding.proof), finding.proof
        named = {fact.subject for fact in facts} | {finding.account}
        assert any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", finding.proof) for name in named), finding.proof
        assert finding.facts, finding.proof
        assert all(fact in facts for fact in finding.facts)
        text = told_of(finding, facts)
        assert re.search(r"_secret_(?!…)", text) is None
        assert re.search(r"Bearer (?!'\"\$ACCOUNT_TOKEN\")", text) is None
