"""What could not be read of Stripe leaves the properties that need it undecided: never held, never meaningless."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.circumstances import circumstances_of
from conformance.evidence import EVIDENCE, LEDGER_EVENTS, LEDGER_OBJECTS
from conformance.history import History
from conformance.judging import Judging
from conformance.manifest import Manifest
from conformance.real.surroundings import noted_circumstances
from conformance.real.target import RealTarget
from conformance.verdict import PropertyVerdict
from reports.metrics import Metrics
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.scenario import Variant
from sim.facts import Fact
from tests.conformance.real.stand_in import Seen, StandIn, answered

NO_KEY = {'restricted_key_env = "STAGING_RK"\n': ""}


def verdicts(real: RealTarget, variant: Variant) -> dict[str, PropertyVerdict]:
    """What a run there is judged to be, by what its manifest keeps."""
    manifest = Manifest("0", 7, real.name, (), (), circumstances=noted_circumstances(real.profile))
    judging, circumstances = Judging(CHECKED_PROPERTIES), manifest.circumstances_of(variant)

    def settled(number: int, account: str, facts: list[Fact]) -> None:
        judging.add(History(number, account, facts, circumstances))

    real.run(variant, 7, range(variant.scenario.customers.count), settled)
    return {one.property: one for one in judging.verdicts()}


def needing(*readings: str) -> set[str]:
    return {name for name, evidence in EVIDENCE.items() if set(readings) & set(evidence.needs)}


def forbidding(path: str) -> Callable[[Seen], Any]:
    def forbid(seen: Seen) -> Any:
        forbidden = seen.method == "GET" and seen.path.startswith(path)
        return answered(403, {"error": {"type": "invalid_request_error"}}) if forbidden else None

    return forbid


def test_everything_that_is_read_can_be_said_to_hold(target: Any, scenario: Any, deployment: StandIn) -> None:
    found = verdicts(target(), scenario()[0])
    unseen = ("nothing_observed", "not_applicable")
    assert {name for name, one in found.items() if one.value != "held" and one.because not in unseen} == set()
    assert found["no-entitlement-without-payment"].value == "held"


@pytest.mark.parametrize(
    ("replaced", "path", "readings", "reason"),
    [
        (NO_KEY, None, (LEDGER_OBJECTS, LEDGER_EVENTS), "the profile names no restricted key"),
        ({}, "/v1/events", (LEDGER_EVENTS,), "GET /v1/events: Stripe answered 403: the restricted key may not do that"),
        ({}, "/v1/charges", (LEDGER_OBJECTS,), "GET /v1/charges: Stripe answered 403"),
        ({}, "/v1/payment_intents", (LEDGER_OBJECTS,), "GET /v1/payment_intents: Stripe answered 403"),
        ({}, "/v1/setup_intents", (LEDGER_OBJECTS,), "GET /v1/setup_intents: Stripe answered 403"),
    ],
)
def test_what_was_not_read_leaves_undecided_whatever_needs_it(
    target: Any,
    scenario: Any,
    deployment: StandIn,
    replaced: dict[str, str],
    path: str | None,
    readings: tuple[str, ...],
    reason: str,
) -> None:
    if path is not None:
        deployment.answer_instead = forbidding(path)
    found = verdicts(target(replaced), scenario()[0])
    for name in needing(*readings):
        verdict = found[name]
        assert verdict.value == "inconclusive", (name, verdict)
        assert verdict.because in ("undecided", "nothing_observed", "not_applicable")
        if verdict.because == "not_applicable":
            assert "Stripe's side" not in verdict.reason
    undecided = {name for name, one in found.items() if one.because == "undecided"}
    assert {"no-entitlement-without-payment", "confirm-before-commit", "charged-once", "stores-agree"} <= undecided
    assert reason in found["charged-once"].reason


@pytest.mark.parametrize(("replaced", "seen"), [({}, True), (NO_KEY, False)])
def test_figures_of_stripes_record_are_unknown_where_it_was_not_read(
    target: Any, scenario: Any, deployment: StandIn, replaced: dict[str, str], seen: bool
) -> None:
    [variant] = scenario()
    metrics = Metrics()
    circumstances = circumstances_of(variant, "staging.toml")

    def settled(number: int, account: str, facts: list[Fact]) -> None:
        metrics.add(History(number, account, facts, circumstances))

    target(replaced).run(variant, 7, range(4), settled)
    assert metrics.figure("conversion") == 1.0
    assert metrics.figure("charges[succeeded]") == (4 if seen else None)
    for key in ("payment_failures", "refunds", "captured_minor", "unpaid_entitlements"):
        assert (metrics.figure(key) is not None) is seen, key
