"""Judging from outside accuses nobody wrongly, and finds what can be seen.

Runs of the library, with and without planted defects, are looked at as somebody does who can only call a deployment
and read Stripe's ledger. SEEDS says how many seeds are tried (default 1).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import pytest

from conformance.circumstances import circumstances_of
from conformance.defects import DEFECTS, Defect, planted
from conformance.evidence import (
    ENTITLEMENTS,
    LEDGER_EVENTS,
    LEDGER_OBJECTS,
    LIST,
    PAYMENT_METHODS,
    ZONES,
    foretell,
)
from conformance.history import History
from conformance.inspection import ContractInspector
from conformance.judging import Judging
from conformance.outside_view import EVERYTHING, Outside, Settled, books
from conformance.verdict import PropertyVerdict
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.reading import read_scenarios
from scenarios.scenario import Variant
from scenarios.variants import variant_label, variants
from sim.deployment import SimulatedDeployment
from sim.facts import EXACT, Fact
from sim.time import SECOND_US
from tests.conformance.test_defects import PLACES, place_of, variant_of
from tests.conformance.test_library_verdicts import judged, named_violations

SEEDS = range(1, 1 + int(os.environ.get("SEEDS", "1")))
CUSTOMERS: Final = 6
LEDGER: Final = frozenset((LEDGER_OBJECTS, LEDGER_EVENTS))
VIEWS: Final[Mapping[str, Outside]] = MappingProxyType(
    {
        "all is read when all is over": Outside(),
        "all is read soon after the last act": Outside(soon=True),
        "Stripe's clock is a second behind": Outside(skew_us=-SECOND_US),
        "Stripe's clock is nearly two seconds ahead, and soon": Outside(soon=True, skew_us=2 * SECOND_US - 1),
        "no events": Outside(EVERYTHING - {LEDGER_EVENTS}),
        "no events, and soon": Outside(EVERYTHING - {LEDGER_EVENTS}, soon=True),
        "no ledger": Outside(EVERYTHING - LEDGER),
        "no lists": Outside(EVERYTHING - {LIST, ENTITLEMENTS, PAYMENT_METHODS, ZONES}),
        "nothing but answers, and soon": Outside(frozenset(), soon=True),
    }
)

UNDECIDED: Final = "undecided"
"""How the reason begins why a property that is violated comes out inconclusive from outside, and not held."""


def library() -> list[Variant]:
    """Every variant, with few customers: there are many views of each."""
    return variants(read_scenarios([]), None, CUSTOMERS)


def run_of(variant: Variant, seed: int) -> list[Settled]:
    found: list[Settled] = []
    SimulatedDeployment(variant, seed, inspector=ContractInspector()).run(
        range(variant.scenario.customers.count),
        lambda number, account, facts: found.append((number, account, facts)),
    )
    return found


def verdicts(run: Iterable[Settled], variant: Variant, target: str = "simulated") -> dict[str, PropertyVerdict]:
    judging, circumstances = Judging(CHECKED_PROPERTIES), circumstances_of(variant, target)
    for number, account, facts in run:
        judging.add(History(number, account, facts, circumstances))
    found = {one.property: one for one in judging.verdicts()}
    assert [one.crash for one in found.values() if one.crashes] == []
    return found


def from_outside(run: list[Settled], variant: Variant, view: str) -> dict[str, PropertyVerdict]:
    return verdicts(VIEWS[view].views(run), variant, "real")


def violated(found: Mapping[str, PropertyVerdict]) -> set[str]:
    return {name for name, one in found.items() if one.value == "violated"}


@pytest.mark.parametrize("variant", library(), ids=lambda one: f"{one.scenario.name} {variant_label(one)}")
def test_nobody_is_accused_wrongly_and_nothing_unread_is_said_to_hold(variant: Variant) -> None:
    for seed in SEEDS:
        run = run_of(variant, seed)
        exact = violated(verdicts(run, variant))
        for view, outside in VIEWS.items():
            found = from_outside(run, variant, view)
            wrong = {name: found[name].first for name in violated(found) - exact}
            assert not wrong, f"seed {seed}, {view}: {wrong}"
            for one in foretell(outside.capabilities):
                verdict = found[one.property]
                assert one.possible == "any" or verdict.value in one.possible, (view, one, verdict.reason)


@pytest.mark.parametrize(
    "variant",
    [one for one in judged() if named_violations(one)],
    ids=lambda one: f"{one.scenario.name} {variant_label(one)}",
)
def test_a_negative_control_bites_from_outside_too(variant: Variant) -> None:
    run = run_of(variant, 1)
    exact = violated(verdicts(run, variant))
    found = from_outside(run, variant, "all is read when all is over")
    assert violated(found)
    assert {name for name in exact if found[name].value == "held"} == set()


@pytest.mark.parametrize(("defect", "scenario"), PLACES, ids=lambda one: one if isinstance(one, str) else one.name)
def test_a_planted_defect_is_seen_from_outside(defect: Defect, scenario: str) -> None:
    variant = place_of(defect, scenario)
    with planted(defect):
        run = run_of(variant, 1)
    exact = violated(verdicts(run, variant))
    found = from_outside(run, variant, "all is read when all is over")
    seen = violated(found)
    assert seen >= set(defect.finds_outside)
    accused = seen - defect.declared
    assert not accused, f"accused without need: { {name: found[name].first for name in sorted(accused)} }"
    unseen = {name for name in exact - seen if found[name].value == "held"}
    assert unseen == {name for name, why in defect.unseen.items() if not why.startswith(UNDECIDED)}
    assert defect.unseen.keys() <= exact - seen


def test_hardly_any_defect_is_seen_by_nobody() -> None:
    unseen = [defect.name for defect in DEFECTS.values() if not defect.finds_outside]
    assert unseen == ["failure-starts-a-rollback"]


@pytest.mark.parametrize("scenario", ["missing-payment-method", "upgrade-only", "abandoned-23-hours", "new-zone"])
def test_the_books_kept_from_facts_are_those_of_the_stores(scenario: str) -> None:
    """The view puts together what would have been read earlier; at the end it must be what was read."""
    for _, _, facts in run_of(variant_of(scenario, 4, 20), 1):
        read = [fact for fact in facts if fact.kind.startswith("final_")]
        kept = books(facts, read[0].time_us)
        assert sorted(_told(fact) for fact in kept) == sorted(_told(fact) for fact in read)


def _told(fact: Fact) -> str:
    detail = {name: value for name, value in (fact.detail or {}).items() if name not in ("quantity", "type")}
    return repr((fact.kind, fact.subject, fact.state, fact.amount_minor, sorted(detail.items())))


def test_a_view_holds_no_exact_fact() -> None:
    run = run_of(variant_of("missing-payment-method", 4, 5), 1)
    for outside in VIEWS.values():
        for _, _, facts in outside.views(run):
            assert [fact for fact in facts if fact.source == EXACT] == []
            assert History(0, "acct00000000", facts, circumstances_of(variant_of("busy-hour", 4, 5))).outside
