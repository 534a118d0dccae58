"""Administrators' operations with tokens that are none, on accounts that are locked, banned, or neither."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sim.effects import Program
from sim.probes.probe import Probe
from sim.probes.prober import ADMIN_SCOPE, Prober, canonical
from sim.probes.purchase import buy, cart, come_to_rest, line
from sim.probes.token import token, with_claims

ADMIN_OPERATIONS: Final = (
    ("admin_state", "GET", "/state"),
    ("admin_lock", "POST", "/lock"),
    ("admin_unlock", "POST", "/unlock"),
    ("admin_unban", "POST", "/unban"),
    ("admin_sync_entitlements", "POST", "/sync-entitlements"),
    ("admin_recompute", "POST", "/recompute"),
)
"""Operation, method and path below the account. Source: the contract."""
_SCHEME: Final = "ADMIN-JWT "
_MADE_UP_KEY: Final = b"a-key-that-nobody-has-agreed-upon"
_HOUR_S: Final = 3_600


def _program(prober: Prober) -> Program[None]:
    yield from buy(prober.client, cart(line("workers_paid")), prober.session.next_key())
    yield from come_to_rest(prober.client)
    yield from _state(prober, "before")
    yield from prober.look("before")
    account_id = prober.session.account_id
    for operation, method, below in ADMIN_OPERATIONS:
        for words, value in _tokens(prober):
            yield from prober.admin(
                operation, method, account_id, below, value, tries="admin_token", about={"manner": words}
            )
    yield from prober.look("after")
    yield from _state(prober, "after")
    yield from prober.client.ask(
        "bulk_create",
        "POST",
        prober.session.addresses.bulk,
        cart(line("queues")),
        tries="standing",
        about={"standing": prober.shopper.standing},
        key=prober.session.next_key(),
    )


def _state(prober: Prober, label: str) -> Program[None]:
    """The account as an administrator sees it, where there is a valid token."""
    valid = prober.admin_token()
    if valid is None:
        return
    account_id = prober.session.account_id
    reply = yield from prober.admin("admin_state", "GET", account_id, "/state", valid, tries="admin")
    note_state(prober, reply.request_id, label, reply.status, canonical(reply.result))


def note_state(prober: Prober, request_id: str, label: str, status: int, read: object) -> None:
    """Note a reading of the state that an administrator sees."""
    detail = {"owner": "self", "read": read}
    prober.session.note(
        "snapshot", prober.session.account_id, request_id, "admin_state", label, status or None, detail=detail
    )


def _tokens(prober: Prober) -> Iterator[tuple[str, str | None]]:
    """Values of the header Authorization that are no administrator's, with what they are."""
    now_s = prober.now_s
    claims = {"sub": "probe", "scope": ADMIN_SCOPE, "exp": now_s + _HOUR_S}
    own = prober.session.authorization
    yield "no token", None
    yield "the customer's own token", own
    yield "the customer's own token for an administrator's", _SCHEME + own.removeprefix("Bearer ")
    yield "something that is no token", f"{_SCHEME}not.a.token"
    yield "an unsigned token (alg: none)", _SCHEME + token(claims, None, "none")
    yield "an unsigned token (alg: NONE)", _SCHEME + token(claims, None, "NONE")
    yield "a token without a signature", _SCHEME + token(claims, None)
    yield "a token signed with another key", _SCHEME + token(claims, _MADE_UP_KEY)
    yield "a token signed with an empty key", _SCHEME + token(claims, b"")
    yield "a token signed with another key by another algorithm", _SCHEME + token(claims, _MADE_UP_KEY, "HS512")
    valid = prober.admin_token()
    if valid is None:
        return
    yield "a token that has expired", prober.admin_token(expires_in_s=-_HOUR_S)
    yield "a token without a scope", prober.admin_token(scope=None)
    yield "a token with a scope for reading", prober.admin_token(scope="billing:read")
    yield "a token with a longer scope", prober.admin_token(scope=f"{ADMIN_SCOPE}istrative-assistant")
    yield (
        "a token with other claims than were signed",
        _SCHEME + with_claims(valid.removeprefix(_SCHEME), {**claims, "sub": "somebody-else"}),
    )
    yield "a valid token under the customers' scheme", f"Bearer {valid.removeprefix(_SCHEME)}"


ADMINISTRATORS_TOKENS: Final = Probe("administrators-tokens", _program)
