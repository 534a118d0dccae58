"""Orderly purchases: what is not judged because a purchase is orderly is what judging would have said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

from conformance import history as history_module
from conformance.circumstances import Circumstances
from conformance.history import History
from conformance.judging import Judging
from conformance.properties import PROPERTIES
from conformance.verdict import PropertyVerdict
from sim.facts import EXACT, OBSERVED, Fact

Told = Callable[..., Any]
Spoilt = list[Fact]

STATES = (
    "AwaitingPayment",
    "Paid",
    "Provisioned",
    "Expired",
    "Cancelled",
    "active",
    "inactive",
    "succeeded",
    "canceled",
)
STATES_MORE = (
    "requires_payment_method",
    "change_applied",
    "change_waiting",
    "refused",
    "cut_off",
    "attached",
    "default",
)
CONFIGURATIONS: tuple[dict[str, Any], ...] = (
    {"phase": 4, "front_end": "new"},
    {"phase": 1, "front_end": "old", "regime": "legacy"},
)


def verdicts(customer: int, facts: Spoilt, circumstances: Circumstances) -> list[PropertyVerdict]:
    judging = Judging(PROPERTIES)
    judging.add(History(customer, "acct00000007", facts, circumstances))
    return judging.verdicts()


def verdicts_at_length(facts: Spoilt, circumstances: Circumstances) -> list[PropertyVerdict]:
    """The verdicts of properties that know nothing of orderly purchases."""
    with mock.patch.object(history_module, "orderly_purchase", return_value=None):
        return verdicts(7, facts, circumstances)


def is_orderly(facts: Spoilt, circumstances: Circumstances) -> bool:
    return History(7, "acct00000007", facts, circumstances).orderly is not None


def alterations(fact: Fact) -> Iterator[Fact]:
    """One fact, wrong in every way that can be thought of."""
    for state in (*STATES, *STATES_MORE, None):
        yield fact._replace(state=state)
    for move_us in (-(10**12), -1_000_000, -1, 1, 1_000_000, 10**8, 10**12):
        yield fact._replace(time_us=fact.time_us + move_us)
    yield fact._replace(subject="another_1")
    yield fact._replace(subject="seti_1")
    yield fact._replace(related="another_1")
    yield fact._replace(related=None)
    yield fact._replace(source=OBSERVED if fact.source == EXACT else EXACT)
    for operation in ("bulk_create", "update", "cancel", "list_subscriptions", "payment_intent.succeeded", None):
        yield fact._replace(operation=operation)
    for status, code in ((200, None), (402, 1210), (402, 1214), (409, 1231), (500, None), (None, None)):
        yield fact._replace(status=status, code=code)
    for amount in (0, 1, 500, 501, None):
        yield fact._replace(amount_minor=amount)
    yield fact._replace(detail=None)
    detail = fact.detail or {}
    for name in detail:
        yield fact._replace(detail={key: value for key, value in detail.items() if key != name})
        for value in (None, 0, 1, 501, "another", ["another_1"], [], True, False):
            yield fact._replace(detail={**detail, name: value})
    for more in (
        {"at_start": True},
        {"because": "provisioned_at_start"},
        {"because": "rollback"},
        {"pending_change": True},
        {"account_id": "another"},
        {"owner_account": "another"},
        {"decline_code": "insufficient_funds"},
        {"amount_received": 1},
        {"amount_refunded": 500},
        {"authentic": False},
        {"messages": [1210]},
        {"zone_id": "z1"},
    ):
        yield fact._replace(detail={**detail, **more})


def spoilt(facts: Spoilt) -> Iterator[Spoilt]:
    """The same history with one fact wrong, missing, doubled or of another kind."""
    kinds = sorted({fact.kind for fact in facts} | {"refund", "rollback", "fault", "redirect"})
    for position, fact in enumerate(facts):
        before, after = facts[:position], facts[position + 1 :]
        yield [*before, *after]
        yield [*before, fact, fact, *after]
        for wrong in alterations(fact):
            if wrong != fact:
                yield [*before, wrong, *after]
                yield [*before, fact, wrong, *after]
        for kind in kinds:
            yield [*before, fact._replace(kind=kind), *after]


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_a_plain_checkout_is_orderly(story: Told, configuration: dict[str, Any]) -> None:
    plain = story(**configuration).plain()
    assert is_orderly(plain.facts, plain.circumstances)


def test_nothing_is_orderly_where_payments_are_not_seen(story: Told) -> None:
    plain = story(sees_stripe=False).plain()
    assert not is_orderly(plain.facts, plain.circumstances)


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_whatever_goes_wrong_the_verdicts_are_those_of_judging_at_length(
    story: Told, configuration: dict[str, Any]
) -> None:
    plain = story(**configuration).plain()
    orderly = [facts for facts in spoilt(plain.facts) if is_orderly(facts, plain.circumstances)]
    assert len(orderly) > 1_000
    for facts in orderly:
        assert verdicts(7, facts, plain.circumstances) == verdicts_at_length(facts, plain.circumstances)
