"""Requests as a person can send them again: complete, safe for a shell, and without a secret."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from conformance.curl import MOST_REQUESTS, CurlLine, curl_lines, variables_in
from conformance.redaction import known_secrets
from sim.facts import OBSERVED, Fact

SECOND_US = 1_000_000
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "GATEWAY_URL": "http://gateway.test",
    "ACCOUNT_TOKEN": "token-of-mine",
    "STRIPE_URL": "http://stripe.test",
    "STRIPE_PUBLISHABLE_KEY": "pk-of-mine",
    "CLIENT_SECRET": "secret of mine",
    "ADMIN_JWT": "jwt-of-mine",
    "CARD_NUMBER": "number-of-mine",
    "TURNSTILE_TOKEN": "turnstile-of-mine",
    "PAYMENT_METHOD": "pm-of-mine",
}


def sent(number: int, path: str = "/api/v4/subscriptions", method: str = "POST", **detail: Any) -> Fact:
    detail = {"method": method, "path": path, **detail}
    return Fact(number * SECOND_US, OBSERVED, "multisku", "request", f"r{number}", "a1", "create", detail=detail)


def answered(number: int, status: int | None, code: int | None = None) -> Fact:
    state = "unknown" if status is None else "ok"
    return Fact(number * SECOND_US, OBSERVED, "multisku", "answer", f"r{number}", "a1", "create", state, status, code)


def words(line: CurlLine) -> list[str]:
    """What a shell hands to curl."""
    script = f'curl() {{ printf "%s\\n" "$@"; }}; {line.command}'
    ran = subprocess.run(["/bin/sh", "-uc", script], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return ran.stdout.splitlines()


def body_of(line: CurlLine) -> Any:
    given = words(line)
    return json.loads(given[given.index("--data-binary") + 1])


def test_a_request_is_a_line_that_a_shell_understands() -> None:
    body = {"name": 'it\'s $HOME `id` "quoted"', "user_is_on_session": True}
    (line,) = curl_lines([sent(1, body=body, idempotency_key="k'1"), answered(1, 402, 1210)])
    assert line.comment == "2026-01-05 00:00:01.000 r1 create: HTTP 402, code 1210"
    assert words(line)[:3] == ["-sS", "-X", "POST"]
    assert "http://gateway.test/api/v4/subscriptions" in words(line)
    headers = [word for word, before in zip(words(line)[1:], words(line), strict=False) if before == "-H"]
    assert headers == [
        "Authorization: Bearer token-of-mine",
        "X-Client: multisku",
        "Content-Type: application/json",
        "Idempotency-Key: k'1",
    ]
    assert body_of(line) == body


def test_what_was_read_has_neither_method_nor_body() -> None:
    (line,) = curl_lines([sent(1, "/api/v4/entitlements", "GET"), answered(1, None)])
    assert line.command == (
        'curl -sS "$GATEWAY_URL"/api/v4/entitlements -H \'Authorization: Bearer \'"$ACCOUNT_TOKEN" '
        "-H 'X-Client: multisku'"
    )
    assert line.comment.endswith("no answer came")


@pytest.mark.parametrize(
    ("body", "sent_as"),
    [
        ({"turnstile_token": "0xsecretsecret"}, {"turnstile_token": "turnstile-of-mine"}),
        ({"inner": [{"client_secret": "pi_1_secret_abc"}]}, {"inner": [{"client_secret": "secret of mine"}]}),
        ({"note": "pi_1_secret_abc"}, {"note": "secret of mine"}),
        ({"number": "4242 4242 4242 4242"}, {"number": "number-of-mine"}),
    ],
)
def test_secrets_are_variables(body: dict[str, Any], sent_as: dict[str, Any]) -> None:
    (line,) = curl_lines([sent(1, body=body)])
    for secret in ("0xsecretsecret", "_secret_abc", "4242"):
        assert secret not in line.command
    assert body_of(line) == sent_as


def test_a_known_secret_is_in_no_line() -> None:
    known_secrets.remember("made-known-before")
    try:
        (line,) = curl_lines([sent(1, "/api/v4/zones/made-known-before", body={"name": "made-known-before"})])
    finally:
        known_secrets.forget()
    assert "made-known-before" not in line.command + line.comment


def test_headers_that_a_probe_replaced_are_those_of_the_line() -> None:
    replaced = {"authorization": None, "x-client": "iapi/other", "Accept": "text/html"}
    (line,) = curl_lines([sent(1, headers=replaced)])
    assert "X-Client: iapi/other" in words(line)
    assert "Accept: text/html" in words(line)
    assert not any(word.startswith("Authorization") for word in words(line))
    (forged,) = curl_lines([sent(1, headers={"authorization": "Bearer of-somebody-else"})])
    assert "of-somebody-else" not in forged.command
    assert variables_in([forged]) == ["GATEWAY_URL", "AUTHORIZATION"]


def test_administrators_have_a_credential_of_their_own() -> None:
    (line,) = curl_lines([sent(1, "/api/v3/accounts/x/lock")])
    assert "Authorization: ADMIN-JWT jwt-of-mine" in words(line)


def test_a_body_that_is_no_json_is_sent_as_it_was() -> None:
    (line,) = curl_lines([sent(1, body='{"rate_plan": ')])
    assert '{"rate_plan": ' in words(line)


def test_a_confirmation_names_the_intent_and_nothing_secret() -> None:
    confirm = Fact(
        SECOND_US,
        OBSERVED,
        "unified-checkout",
        "confirm",
        "pi_1",
        "a1",
        "confirm_payment",
        "requires_action",
        200,
        detail={"payment_method": "card", "try": 1},
    )
    (line,) = curl_lines([confirm])
    assert words(line) == [
        "-sS",
        "-X",
        "POST",
        "http://stripe.test/v1/payment_intents/pi_1/confirm",
        "-u",
        "pk-of-mine:",
        "-d",
        "client_secret=secret of mine",
        "-d",
        "payment_method=pm-of-mine",
    ]


def test_polls_are_counted_and_what_comes_after_the_proof_is_left_out() -> None:
    polls = [sent(number, "/api/v4/entitlements", "GET") for number in range(1, 6)]
    (line,) = curl_lines(polls, until_us=4 * SECOND_US)
    assert line.comment.endswith("(and 3 times more)")


def test_of_too_many_requests_those_of_the_proof_are_kept() -> None:
    facts = [sent(number, f"/api/v4/zones/{number}") for number in range(1, 41)]
    lines = curl_lines(facts, [answered(40, 200)])
    assert len(lines) == MOST_REQUESTS + 1
    assert lines[-2].proof
    assert lines[-2].comment.startswith("2026-01-05 00:00:40.000 r40")
    assert lines[-1] == CurlLine("16 more requests are left out", "")
