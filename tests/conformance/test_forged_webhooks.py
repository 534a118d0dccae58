"""Forged events are sent, refused, and seen where they are not refused."""

from __future__ import annotations

import pytest

import sim.billing_webhooks.service as webhooks
from conformance.circumstances import circumstances_of
from conformance.history import History
from conformance.judging import Judging
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.reading import read_scenarios
from scenarios.variants import variants
from sim.deployment import SimulatedDeployment

[VARIANT] = variants(read_scenarios(["webhooks-forged"]), [4], 40)


def violated() -> set[str]:
    judging, circumstances = Judging(CHECKED_PROPERTIES), circumstances_of(VARIANT)
    SimulatedDeployment(VARIANT, 1).run(range(40), lambda *settled: judging.add(History(*settled, circumstances)))
    found = {one.property: one for one in judging.verdicts()}
    assert found["webhook-authentic"].checks >= 3 * 40
    return {name for name, one in found.items() if one.value == "violated"}


def test_a_backend_that_checks_signatures_lets_no_forgery_pass() -> None:
    assert violated() == set()


def test_a_backend_that_checks_nothing_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "verify", lambda *_: None)
    assert {"webhook-authentic", "no-entitlement-without-payment"} <= violated()
