"""What can be run at a deployment as its profile describes it, and what is left out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from conformance.real.fitting import why_left_out
from tests.conformance.real.stand_in import StandIn

CONTRACT = 'provisioning = "contract"\ncredential_env = "STAGING_PROVISIONING"'
POOL = 'provisioning = "pool"\npool = { env = "STAGING_POOL" }'
FAULT = "\nfaults:\n  - kind: latency\n    service: gateway\n    delay: 1s\nbackend:"
CAPACITY = "\ncapacity:\n  gateway:\n    workers: 1\nbackend:"


def reasons(target: Any, variants: Any, replaced: dict[str, str] | None = None, accounts: int = 0) -> list[str | None]:
    pool = [{"account_id": f"acct{number}", "token": f"token-{number}-of-the-pool"} for number in range(accounts)]
    real = target(replaced, {"STAGING_POOL": orjson.dumps(pool).decode()})
    return [why_left_out(real.credentials, variant, 7) for variant in variants]


@pytest.mark.parametrize(
    ("profile", "scenario_text", "reason"),
    [
        ({}, {}, None),
        ({}, {"backend:": FAULT}, "asks for faults"),
        ({}, {"backend:": CAPACITY}, "asks for services of limited capacity"),
        ({}, {"phase: 2": "phase: 3"}, "runs in another phase than 2"),
        ({}, {"phase: 2": "phase: 2\n  regime: legacy"}, "runs under another regime than continuation"),
        ({"phase = 2": "phase = 1"}, {"phase: 2": "phase: 1"}, None),
        (
            {"phase = 2": "phase = 1"},
            {"phase: 2": "phase: 1\n  gates: {pm-gate: false}"},
            "needs the flag pm-gate off, and it is on",
        ),
        ({}, {"phase: 2": "phase: 2\n  gates: {pm-gate: false}"}, None),
        ({"phase = 2": 'phase = "config"'}, {"phase: 2": "phase: 5\n  regime: legacy"}, None),
        ({'pages = "request"': 'pages = "none"'}, {}, None),
        (
            {'pages = "request"': 'pages = "none"'},
            {"first_card: succeeds": "first_card: {succeeds: 9, three_d_secure: 1}"},
            "leads over hosted pages",
        ),
        (
            {'pages = "request"': 'pages = "none"'},
            {"pays_with: card": "payment_method_on_file: requires_authentication\n  pays_with: saved"},
            "leads over hosted pages",
        ),
        (
            {'pages = "request"': 'pages = "none"'},
            {"pays_with: card": "pays_with: paypal"},
            "leads over hosted pages",
        ),
    ],
)
def test_what_does_not_fit_is_left_out_with_its_reason(
    target: Any,
    scenario: Any,
    deployment: StandIn,
    profile: dict[str, str],
    scenario_text: dict[str, str],
    reason: str | None,
) -> None:
    [found] = reasons(target, scenario(scenario_text), profile)
    assert found is None if reason is None else reason in str(found)
    assert deployment.seen == []


@pytest.mark.parametrize(("clock", "left_out"), [("", True), ("[supports]\nclock = true\n\n", False)])
def test_nobody_is_accused_of_purchases_that_nobody_waited_for_to_expire(
    target: Any, scenario: Any, deployment: StandIn, clock: str, left_out: bool
) -> None:
    counted = scenario({"backend:": 'expect:\n  - thresholds: ["expired_subscriptions > 0"]\nbackend:'})
    [found] = reasons(target, counted, {"[accounts]": f"{clock}[accounts]"})
    assert (found is not None) is left_out
    assert not left_out or "no clock to be moved" in str(found)


def test_customers_without_accounts_are_left_out(target: Any, scenario: Any, deployment: StandIn) -> None:
    pooled = {CONTRACT: POOL}
    assert reasons(target, scenario(), pooled, accounts=4) == [None]
    [found] = reasons(target, scenario(), pooled, accounts=3)
    assert found == 'asks for more accounts with payment method "none" than the 3 of the pool'
    [found] = reasons(target, scenario({"count: 4": "count: 4\n  standing: locked"}), pooled, accounts=4)
    assert found == "asks for accounts that are locked, which [accounts] cannot supply"


def test_too_many_customers_are_left_to_the_cap(target: Any, scenario: Any, deployment: StandIn) -> None:
    assert reasons(target, scenario({"count: 4": "count: 21"}), {CONTRACT: POOL}, accounts=1) == [None]
