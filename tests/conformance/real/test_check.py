"""`gatefall check` tells what a key of Stripe's may read, and what stays inconclusive without the rest."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from conformance.evidence import EVIDENCE, LEDGER_EVENTS, LEDGER_OBJECTS
from conformance.real.check import Checked, check
from conformance.real.target import RealTarget
from tests.conformance.real.stand_in import Seen, StandIn, answered

PARTS = ("customers", "payment_intents", "setup_intents", "charges", "refunds", "events")


def checked(real: RealTarget, deployment: StandIn) -> Checked:
    return asyncio.run(check(real.credentials, real.path, deployment.client))


def found(one: Checked) -> dict[str, str]:
    return {row.what: row.found for row in one.rows}


def needing(*readings: str) -> set[str]:
    return {name for name, evidence in EVIDENCE.items() if set(readings) & set(evidence.needs)}


def test_a_key_that_may_read_everything_leaves_nothing_of_stripes_unknown(target: Any, deployment: StandIn) -> None:
    one = checked(target(), deployment)
    assert one.possible, one
    assert {found(one)[f"Stripe, {part}"] for part in PARTS} == {"yes"}
    assert not [told for told in one.inconclusive if "Stripe's intents" in told.because or "events of" in told.because]
    assert deployment.bought() == []
    assert deployment.accounts() == []


@pytest.mark.parametrize("part", PARTS[1:])
def test_what_the_key_may_not_read_is_told_with_what_it_leaves_inconclusive(
    target: Any, deployment: StandIn, part: str
) -> None:
    def forbid(seen: Seen) -> Any:
        return answered(403, {"error": {"type": "invalid_request_error"}}) if seen.path == f"/v1/{part}" else None

    deployment.answer_instead = forbid
    one = checked(target(), deployment)
    assert found(one)[f"Stripe, {part}"] == "no"
    assert {found(one)[f"Stripe, {other}"] for other in PARTS if other != part} == {"yes"}
    assert one.possible
    missing = LEDGER_EVENTS if part == "events" else LEDGER_OBJECTS
    assert needing(missing) <= {told.property for told in one.inconclusive}
    assert [row.note for row in one.rows if row.what == f"Stripe, {part}"] == [
        f"GET /v1/{part}: Stripe answered 403: the restricted key may not do that"
    ]


def test_without_customers_nothing_can_be_let_loose(target: Any, deployment: StandIn) -> None:
    deployment.answer_instead = lambda seen: answered(403, {}) if seen.path.startswith("/v1/customers") else None
    assert not checked(target(), deployment).possible


def test_without_a_key_all_that_needs_the_ledger_is_told(target: Any, deployment: StandIn) -> None:
    one = checked(target({'restricted_key_env = "STAGING_RK"\n': ""}), deployment)
    assert one.possible
    assert found(one)["Stripe, ledger"] == "not tried"
    assert needing(LEDGER_OBJECTS, LEDGER_EVENTS) <= {told.property for told in one.inconclusive}


PROBED = {
    "[backend]\n": """[supports]
admin = true

[webhooks]
url = "https://events.staging.test"
secret_env = "STAGING_RK"

[admin]
secret_env = "STAGING_RK"

[backend]
"""
}


def test_where_probes_can_go_is_tried_by_knocking(target: Any, deployment: StandIn) -> None:
    one = checked(target(PROBED), deployment)
    notes = {row.what: row.note for row in one.rows}
    assert notes["webhooks"] == "refuses what Stripe did not sign"
    assert notes["administrators"] == "refuses whoever has no token"
    assert not {told.property for told in one.inconclusive} & {
        "webhook-authentic",
        "admin-authenticated",
        "admin-grants-only-what-is-paid",
    }


def test_a_door_that_stands_open_is_told(target: Any, deployment: StandIn) -> None:
    open_doors = ("/webhooks/stripe", "/api/v3/accounts/gatefallcheck/state")
    deployment.answer_instead = lambda seen: answered(200, {}) if seen.path in open_doors else None
    one = checked(target(PROBED), deployment)
    assert {found(one)["webhooks"], found(one)["administrators"]} == {"no"}
    assert one.possible


def test_without_addresses_for_probes_what_needs_them_is_told(target: Any, deployment: StandIn) -> None:
    one = checked(target(), deployment)
    assert {"webhook-authentic", "admin-authenticated"} <= {told.property for told in one.inconclusive}
    assert not {"webhooks", "administrators"} & found(one).keys()
