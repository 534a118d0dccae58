"""The probes of security try what they say, in every phase, and find nothing in the model."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from scenarios.reading import read_scenarios
from scenarios.variants import variants
from sim.deployment import SimulatedDeployment
from sim.facts import Fact
from sim.probes import Reach
from sim.probes.prober import Prober
from sim.probes.token import token, with_claims

SECRET = "a-secret-that-is-long-enough-for-tests"
PHASES = pytest.mark.parametrize("phase", [0, 2, 4])


def probed(scenario: str, phase: int, customers: int = 1) -> list[list[Fact]]:
    """The facts of each customer of a probing scenario."""
    (variant,) = variants(read_scenarios([scenario]), [phase], customers)
    found: list[list[Fact]] = []
    SimulatedDeployment(variant, 1).run(range(customers), lambda number, account, facts: found.append(facts))
    return found


def tried(facts: list[Fact], tries: str) -> Iterator[Fact]:
    for fact in facts:
        if fact.kind == "request" and fact.detail is not None and fact.detail["probe"]["tries"] == tries:
            yield fact


def about(fact: Fact, name: str) -> Any:
    assert fact.detail is not None
    return fact.detail["probe"][name]


@PHASES
def test_every_kind_of_id_is_tried_in_every_place_that_takes_one(phase: int) -> None:
    (facts,) = probed("another-accounts-things", phase)
    assert not [fact for fact in facts if fact.kind == "unreachable"]
    places = {(about(fact, "what"), fact.operation) for fact in tried(facts, "foreign_id")}
    assert {what for what, _ in places} == {"subscription", "zone", "payment method", "invoice"}
    assert len(places) == 17
    assert len(list(tried(facts, "foreign_account"))) == 18
    assert len(list(tried(facts, "credential"))) == 35
    assert len(list(tried(facts, "foreign_key"))) == 2


@PHASES
def test_every_operation_of_administrators_is_asked_with_every_token(phase: int) -> None:
    (facts,) = probed("tokens-of-no-administrator", phase)
    tokens = [(fact.operation, about(fact, "manner")) for fact in tried(facts, "admin_token")]
    assert len({operation for operation, _ in tokens}) == 6
    assert len({manner for _, manner in tokens}) == 16
    assert len(set(tokens)) == len(tokens) == 96
    assert len(list(tried(facts, "standing"))) == 1


@PHASES
def test_administrators_are_let_loose_on_what_is_paid_and_what_is_not(phase: int) -> None:
    found = probed("grants-by-administrators", phase, 9)
    ends = {fact.state for facts in found for fact in facts if fact.kind == "final_subscription"}
    assert ends == {"Provisioned", "Expired"}
    for facts in found:
        assert len(list(tried(facts, "admin"))) == 12


@PHASES
def test_every_manner_of_forgery_is_delivered(phase: int) -> None:
    (facts,) = probed("events-that-stripe-never-sent", phase)
    manners = {
        fact.detail["manner"] for fact in facts if fact.kind == "webhook" and fact.detail and "manner" in fact.detail
    }
    assert len(manners) == 9
    assert {fact.status for fact in facts if fact.kind == "webhook" and fact.actor == "impostor"} == {400}


def test_card_numbers_go_to_every_operation_that_might_take_one() -> None:
    (facts,) = probed("card-numbers-pushed", 4)
    assert {fact.operation for fact in tried(facts, "card_number")} == {
        "add_payment_method",
        "setup_payment_method",
        "profile_create",
        "profile_update",
        "bulk_create",
        "create",
        "registrar_checkout",
        "pre_auth",
    }


def test_ages_are_measured_by_the_targets_clock_and_not_by_one_that_was_moved() -> None:
    moved = SimpleNamespace(clock=SimpleNamespace(now_us=10**15))
    nobody: Any = None
    prober = Prober(nobody, moved, nobody, Reach(admin_secret=SECRET, now_s=lambda: 1_000.7))  # type: ignore[arg-type]
    assert prober.now_s == 1_000
    value = prober.admin_token(expires_in_s=-600)
    assert value is not None
    options: Any = {"verify_exp": False}
    assert jwt.decode(value.removeprefix("ADMIN-JWT "), SECRET, algorithms=["HS256"], options=options)["exp"] == 400


def test_tokens_are_made_as_the_libraries_make_them() -> None:
    claims = {"sub": "probe", "scope": "billing:admin"}
    genuine = token(claims, SECRET.encode())
    assert jwt.decode(genuine, SECRET, algorithms=["HS256"]) == claims
    assert jwt.get_unverified_header(token(claims, None, "none"))["alg"] == "none"
    assert token(claims, None).endswith(".")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(with_claims(genuine, {"sub": "somebody-else"}), SECRET, algorithms=["HS256"])
