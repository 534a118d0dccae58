"""Secrets are blotted out by value, by name and by form."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from conformance.redaction import KnownSecrets, known_secrets, redacted, redacted_facts, redacted_value, secrets_in
from sim.facts import OBSERVED, Fact

SECRET = 'Zq7/"p+ä 9x'


@pytest.fixture(autouse=True)
def _nothing_is_known() -> Iterator[None]:
    known_secrets.forget()
    yield
    known_secrets.forget()


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        repr(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"{SECRET}:".encode()).decode(),
    ],
)
@pytest.mark.parametrize("around", ["{}", "x{}y", "a={}&b=1", "{}{}", "[{}] and {}"])
def test_a_known_secret_is_found_however_it_is_written(written: str, around: str) -> None:
    known_secrets.remember(SECRET)
    text = redacted(around.replace("{}", written))
    assert written not in text
    assert text.count("…") == around.count("{}")


def test_a_secret_within_another_goes_with_it() -> None:
    known = KnownSecrets()
    known.remember("abcdef", "xabcdefx")
    assert known.blot_out("-xabcdefx-abcdef-") == "-…-…-"


def test_what_is_too_short_or_no_text_is_no_secret() -> None:
    known = KnownSecrets()
    known.remember("abc", None, 123456789, "")
    assert known.blot_out("abc 123456789") == "abc 123456789"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"token": "abcdefgh1"}', '{"token": "…"}'),
        ("{'api_key': 'abcdefgh1'}", "{'api_key': '…'}"),
        ("?client_secret=abcdefgh1&x=1", "?client_secret=…&x=1"),
        ("Set-Cookie: session=1; Cookie: abcdefgh1", "Set-Cookie: …; Cookie: …"),
        ("x-api-key: abcdefgh1", "x-api-key: …"),
        ('{\\"password\\": \\"abcdefgh1\\"}', '{\\"password\\": \\"…\\"}'),
        ("authorization: Basic YWJjOmRlZg==", "authorization: Basic …"),
        ("no connection to https://me:hunter2@x:1/y", "no connection to https://me:…@x:1/y"),
        ('url = "http://127.0.0.1:8402/v1?mail=me@x"', 'url = "http://127.0.0.1:8402/v1?mail=me@x"'),
        ("the tokenizer: excellent", "the tokenizer: excellent"),
        ("client_secrets: 1", "client_secrets: 1"),
        ("Bearer of news", "Bearer of news"),
    ],
)
def test_a_value_under_a_secrets_name_is_hidden_whatever_it_looks_like(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_members_with_a_secrets_name_are_hidden_and_numbers_stay() -> None:
    value = {"client_secrets": 2, "token": "short", "Authorization": "x", "deep": [{"password": ["p", 1]}], "a": "b"}
    assert redacted_value(value) == {
        "Authorization": "…",
        "a": "b",
        "client_secrets": 2,
        "deep": [{"password": ["…", 1]}],
        "token": "…",
    }


def test_secrets_are_found_in_an_answer_wherever_they_stand() -> None:
    answer = {"result": {"client_secrets": ["s1", "s2"], "one": [{"client_secret": "s3", "id": "no"}]}, "token": "s4"}
    assert sorted(secrets_in(answer)) == ["s1", "s2", "s3", "s4"]


def test_every_column_of_a_fact_is_redacted() -> None:
    known_secrets.remember("hidden-value")
    texts = ["hidden-value"] * 6
    fact = Fact(1, OBSERVED, *texts, 200, 1, 5, {"hidden-value": ["hidden-value", {"x": "hidden-value"}]})  # type: ignore[arg-type]
    [kept] = redacted_facts([fact])
    assert "hidden-value" not in repr(kept)
    assert (kept.time_us, kept.status, kept.amount_minor) == (1, 200, 5)


@pytest.mark.parametrize(
    "name",
    [
        "95448831-0648-4242-970e-74c49a8fa06c",
        "99130038-0257-4906-a47a-b3dec18d19ad",
        "1730000000000000001",
    ],
)
def test_an_id_whose_digits_would_do_for_a_card_stays(name: str) -> None:
    """An account that is called otherwise in one fact than in another is somebody else's."""
    for text in (name, f'{{"account_id":"{name}"}}', f"/accounts/{name}/zones"):
        assert redacted(text) == text
    assert "4242424242424242" not in redacted(f"{name} 4242424242424242 {name}")
