"""Customers against a deployment that only a profile describes."""

from __future__ import annotations

from typing import Any

from sim.facts import Fact
from tests.conformance.real.stand_in import StandIn


def let_loose(target: Any, variant: Any, count: int = 4) -> list[tuple[int, str, list[Fact]]]:
    settled: list[tuple[int, str, list[Fact]]] = []
    target.run(variant, 7, range(count), lambda *one: settled.append(one))
    return settled


def states(facts: list[Fact], kind: str) -> list[str | None]:
    return [fact.state for fact in facts if fact.kind == kind]


def test_customers_buy_pay_and_are_provisioned(target: Any, scenario: Any, deployment: StandIn) -> None:
    settled = let_loose(target(), scenario()[0])
    assert [number for number, _, _ in settled] == [0, 1, 2, 3]
    for _, account, facts in settled:
        assert states(facts, "outcome") == ["converted"]
        assert states(facts, "final_subscription") == ["Provisioned"]
        assert states(facts, "final_entitlement") == ["active"]
        assert states(facts, "final_intent") == ["succeeded"]
        assert {fact.source for fact in facts} == {"observed", "ledger"}
        assert [fact.time_us for fact in facts] == sorted(fact.time_us for fact in facts)
        assert {(fact.detail or {}).get("account_id", account) for fact in facts if fact.kind == "intent"} == {account}
    assert deployment.accounts() == []
