"""Leaks in answers: other accounts' secrets, keys, tokens and card numbers; and what is no leak."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from conformance.leaks import Leaks
from sim.messages import Answer, Request

SECRET = "pi_1_secret_abc"
KEY = "sk_test_1234567890"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwcm9iZSJ9.c2lnbmF0dXJl"
CARD = "4000056655665556"


def session(account_id: str) -> Any:
    return SimpleNamespace(account_id=account_id, authorization=f"Bearer tok_of_{account_id}")


def found(leaks: Leaks, body: Any, account_id: str = "mine", sent: Any = None, **headers: str) -> list[str]:
    asked = session(account_id)
    request = Request("POST", "/api/v4/x", sent, {"authorization": asked.authorization})
    return list(leaks.find(asked, request, Answer(200, body, headers)))


def test_an_ordinary_answer_leaks_nothing() -> None:
    body = {"result": {"client_secrets": [SECRET], "id": "4242424242424242", "publishable": "pk_test_1234567890"}}
    leaks = Leaks()
    assert found(leaks, body) == []
    assert found(leaks, body) == []


def test_a_secret_that_another_account_was_given_is_a_leak() -> None:
    leaks = Leaks()
    assert found(leaks, {"client_secret": SECRET}, "theirs") == []
    expected = ["the client secret of pi_1, which account theirs had been given"]
    assert found(leaks, {"errors": [{"message": f"already used: {SECRET}"}]}) == expected


def test_another_accounts_credential_is_a_leak_and_ones_own_is_none() -> None:
    leaks = Leaks()
    found(leaks, {}, "theirs")
    assert found(leaks, {"by": "tok_of_theirs"}) == ["the credential of account theirs"]
    assert found(leaks, {"by": "tok_of_mine"}) == []


@pytest.mark.parametrize("value", [KEY, "rk_live_1234567890", "whsec_abcdefgh"])
def test_a_secret_key_is_a_leak_wherever_it_stands(value: str) -> None:
    kind = value.rpartition("_")[0]
    expected = [f"a secret key of Stripe's ({kind}_…), which the request did not bring"]
    assert found(Leaks(), {"errors": [{"message": f"Stripe ({value}) says no"}]}) == expected
    assert found(Leaks(), {"result": None}, **{"x-debug": value}) == expected
    assert found(Leaks(), f"<p>{value}</p>".encode()) == expected


def test_a_token_is_a_leak_unless_the_request_brought_it() -> None:
    assert found(Leaks(), {"note": TOKEN}) == ["a token (eyJ…), which the request did not bring"]
    assert found(Leaks(), {"note": TOKEN}, sent={"turnstile_token": TOKEN}) == []


def test_a_card_number_is_a_leak_unless_the_request_brought_it() -> None:
    assert found(Leaks(), {"card": {"number": CARD}}) == [
        "a card number (ends in 5556), which the request did not bring"
    ]
    assert found(Leaks(), {"errors": [{"message": f"{CARD!r} is no id"}]}, sent={"id": CARD}) == []
    assert found(Leaks(), {"message": CARD}, sent={"number": "4000 0566 5566 5556"}) == []


def test_no_leak_is_told_with_the_secret_itself() -> None:
    leaks = Leaks()
    found(leaks, {"client_secret": SECRET}, "theirs")
    told = " ".join(found(leaks, {"a": SECRET, "b": KEY, "c": TOKEN, "d": CARD, "e": "tok_of_theirs"}))
    for value in (SECRET, KEY, TOKEN, CARD, "tok_of_theirs"):
        assert value not in told
    assert told.count(",") >= 4


def test_only_so_many_secrets_are_remembered() -> None:
    leaks = Leaks()
    for number in range(5_000):
        found(leaks, {"client_secret": f"pi_{number}_secret_abc"}, f"account{number}")
    assert len(leaks._owners) <= 4_096
