"""The requests of a history as `curl` lines: what was sent, with every secret replaced by the name of a variable.

A line is for a person who wants to see the same with an account of their own. Addresses are variables too, because a
history does not know them: GATEWAY_URL is the gateway's without a path, STRIPE_URL that of Stripe's API or its double.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from conformance.prose import clock
from conformance.redaction import HIDDEN, is_secret_name, redacted
from sim.facts import Fact

MOST_REQUESTS: Final = 24
"""Beyond these nobody types them; those that a proof rests on, and the first ones, are kept."""

_ADMIN: Final = "/api/v3/"
_JSON: Final = "Content-Type: application/json"
_READS: Final = ("GET", "HEAD")
# Private-use characters around a variable's name: no JSON escapes them, and nobody sends them.
_OPEN, _SHUT = "\ue000", "\ue001"
_MARKED: Final = re.compile(f"{_OPEN}([A-Z0-9_]+){_SHUT}")
_CLIENT_SECRET: Final = re.compile(r"\b(?:pi|seti)_[A-Za-z0-9]+_secret_[A-Za-z0-9…]+")
_VARIABLE: Final = re.compile(r"\$([A-Z][A-Z0-9_]*)")


class CurlLine(NamedTuple):
    """One request: what came of it, and the command that sends it. `proof`: a proof rests on it."""

    comment: str
    command: str
    proof: bool = False


def curl_lines(facts: Sequence[Fact], evidence: Sequence[Fact] = (), until_us: int | None = None) -> list[CurlLine]:
    """The customer's requests and confirmations in their order, up to `until_us`.

    A read that is only repeated is counted in the comment of the first. At most MOST_REQUESTS are given.
    """
    answers = {fact.subject: fact for fact in facts if fact.kind == "answer"}
    proof = {fact.subject for fact in evidence if fact.kind in ("request", "answer")}
    proof |= {fact.related for fact in evidence if fact.source == "observed" and fact.related is not None}
    paid = {fact.subject for fact in evidence if fact.kind in ("intent", "final_intent")}
    sent = [
        fact
        for fact in facts
        if fact.kind in ("request", "confirm")
        # A confirmation is noted once it is answered, after what it brought about.
        and (until_us is None or fact.time_us <= until_us or (fact.kind == "confirm" and fact.subject in paid))
    ]
    lines = [
        _line(fact, answers.get(fact.subject), fact.subject in proof or fact in evidence, repeats)
        for fact, repeats in _without_repeats(sent, proof)
    ]
    return _most_telling(lines)


def variables_in(lines: Sequence[CurlLine]) -> list[str]:
    """The environment variables that the commands use, in the order in which they appear."""
    return list(dict.fromkeys(name for line in lines for name in _VARIABLE.findall(line.command)))


MEANINGS: Final[Mapping[str, str]] = {
    "GATEWAY_URL": "the gateway's address, such as http://127.0.0.1:8080",
    "ACCOUNT_TOKEN": "the token of an account that was made for this",
    "OTHER_TOKEN": "the token of another account",
    "ADMIN_JWT": "an admin token (HS256, scope billing:admin)",
    "STRIPE_URL": "the address of Stripe's test mode or of its double",
    "STRIPE_PUBLISHABLE_KEY": "the publishable test key (pk_test_…)",
    "CLIENT_SECRET": "the client secret that the last answer holds",
    "PAYMENT_METHOD": "a test payment method, such as pm_card_visa",
    "CARD_NUMBER": "one of Stripe's test card numbers",
}
"""What the variables stand for; one that is not listed is a secret of that name."""


def _without_repeats(sent: Sequence[Fact], proof: set[str]) -> Iterator[tuple[Fact, int]]:
    """Each request with the number of times it follows again; reads of the same thing count as one."""
    position = 0
    while position < len(sent):
        fact = sent[position]
        end = position + 1
        while end < len(sent) and _is_read(fact) and _same(fact, sent[end]) and sent[end].subject not in proof:
            end += 1
        yield fact, end - position - 1
        position = end


def _is_read(fact: Fact) -> bool:
    return fact.kind == "request" and (fact.detail or {}).get("method") in _READS


def _same(one: Fact, other: Fact) -> bool:
    return (one.kind, one.actor, one.operation, one.detail) == (other.kind, other.actor, other.operation, other.detail)


def _most_telling(lines: list[CurlLine]) -> list[CurlLine]:
    """The first ones and those of the proof; what is left out is said."""
    spare = len(lines) - MOST_REQUESTS
    if spare <= 0:
        return lines
    droppable = [number for number, line in enumerate(lines) if not line.proof][-spare:]
    kept = [line for number, line in enumerate(lines) if number not in set(droppable)]
    return [*kept, CurlLine(f"{len(droppable)} more requests are left out", "")]


def _line(fact: Fact, answer: Fact | None, proof: bool, repeats: int) -> CurlLine:
    said = f"{clock(fact.time_us)} {fact.subject} {fact.operation or ''}".rstrip()
    again = f" (and {repeats} times more)" if repeats else ""
    if fact.kind == "confirm":
        how = (fact.detail or {}).get("payment_method")
        paid = f" with {how}" if how else ""
        return CurlLine(redacted(f"{said}{paid}: {fact.state}"), redacted(_confirmation(fact)), proof)
    return CurlLine(redacted(f"{said}: {_came(answer)}{again}"), redacted(_request(fact)), proof)


def _came(answer: Fact | None) -> str:
    if answer is None or answer.state == "unknown":
        return "no answer came"
    code = "" if answer.code is None else f", code {answer.code}"
    return f"HTTP {answer.status}{code}"


def _request(fact: Fact) -> str:
    detail = fact.detail or {}
    method, path = str(detail.get("method", "GET")), str(detail.get("path", "/"))
    parts = ["curl -sS", f"-X {shlex.quote(method)}" if method != "GET" else "", _url("GATEWAY_URL", path)]
    parts += [f"-H {_quoted(f'{name}: {value}')}" for name, value in _headers(fact, detail, path).items()]
    if "body" in detail:
        parts.append(f"--data-binary {_body(detail['body'])}")
    return " ".join(part for part in parts if part)


def _headers(fact: Fact, detail: Mapping[str, Any], path: str) -> dict[str, str]:
    """The headers of a request: the usual ones, and what a probe put in their place (None: left out)."""
    credential = (
        f"ADMIN-JWT {_marked('ADMIN_JWT')}" if path.startswith(_ADMIN) else f"Bearer {_marked('ACCOUNT_TOKEN')}"
    )
    headers: dict[str, str] = {"Authorization": credential, "X-Client": fact.actor}
    if "body" in detail:
        headers["Content-Type"] = _JSON.partition(": ")[2]
    key = detail.get("idempotency_key")
    if key is not None:
        headers["Idempotency-Key"] = str(key)
    replaced = detail.get("headers")
    for name, value in replaced.items() if isinstance(replaced, Mapping) else ():
        usual = next((one for one in headers if one.lower() == str(name).lower()), str(name))
        headers.pop(usual, None)
        if value is not None:
            headers[usual] = _marked(_variable(usual)) if is_secret_name(usual) else str(value)
    return headers


def _confirmation(fact: Fact) -> str:
    """What the customer's browser asks Stripe: the secret and the card are not in the facts, so variables hold them."""
    noun = "setup_intents" if fact.subject.startswith("seti_") else "payment_intents"
    parts = [
        "curl -sS -X POST",
        _url("STRIPE_URL", f"/v1/{noun}/{fact.subject}/confirm"),
        f"-u {_quoted(_marked('STRIPE_PUBLISHABLE_KEY') + ':')}",
        f"-d {_quoted('client_secret=' + _marked('CLIENT_SECRET'))}",
    ]
    if (fact.detail or {}).get("payment_method") not in (None, "saved"):
        parts.append(f"-d {_quoted('payment_method=' + _marked('PAYMENT_METHOD'))}")
    return " ".join(parts)


def _url(variable: str, path: str) -> str:
    return _quoted(_marked(variable) + _secrets_marked(path))


def _body(body: Any) -> str:
    """A body as a shell's word: JSON as it was sent, or the very text where it was none."""
    if isinstance(body, str):
        return _quoted(_secrets_marked(body))
    return _quoted(orjson.dumps(_members_marked(body)).decode())


def _members_marked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            str(name): _marked(_variable(str(name)))
            if is_secret_name(str(name)) and isinstance(member, str) and member
            else _members_marked(member)
            for name, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_members_marked(member) for member in value]
    return _secrets_marked(value) if isinstance(value, str) else value


def _secrets_marked(text: str) -> str:
    """A text with a variable wherever a secret stands."""
    marked = _CLIENT_SECRET.sub(_marked("CLIENT_SECRET"), text)
    safe = redacted(marked)
    if safe == marked:
        return marked
    # What is hidden whole is a secret by value; of a card number the last digits stay.
    return _marked("CARD_NUMBER") if re.fullmatch(r"…\d{4}", safe) else _marked("SECRET") if safe == HIDDEN else safe


def _variable(name: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")


def _marked(variable: str) -> str:
    return f"{_OPEN}{variable}{_SHUT}"


def _quoted(text: str) -> str:
    """One word for a shell; marked variables are left for it to fill in."""
    words = []
    position = 0
    for match in _MARKED.finditer(text):
        words += [_literal(text[position : match.start()]), f'"${match[1]}"']
        position = match.end()
    words.append(_literal(text[position:]))
    return "".join(words) or "''"


def _literal(text: str) -> str:
    return shlex.quote(text) if text else ""
