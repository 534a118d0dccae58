"""The signature that Stripe puts on its webhooks, and how a receiver checks it.

Source: Stripe's documentation of webhook signatures: HMAC-SHA256 over timestamp, a full stop and the raw body.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import Final

TOLERANCE_S: Final = 300
"""How old a signature may be. Source: the default of Stripe's official libraries."""


class SignatureError(Exception):
    """A webhook that must not be believed; the message says what is wrong with it."""


def sign(payload: bytes, secret: str, timestamp_s: int) -> str:
    """The `Stripe-Signature` header for `payload`, sent at that Unix second."""
    return f"t={timestamp_s},v1={_digest(payload, secret, timestamp_s)}"


def sign_while_rolling(payload: bytes, secrets: Sequence[str], timestamp_s: int) -> str:
    """The header while a secret is rolled: one `v1` for each secret that is still valid."""
    digests = ",".join(f"v1={_digest(payload, secret, timestamp_s)}" for secret in secrets)
    return f"t={timestamp_s},{digests}"


def verify(payload: bytes, header: str | None, secret: str, now_s: int, tolerance_s: int = TOLERANCE_S) -> int:
    """Check that `payload` was signed with `secret` and not too long ago; return the second at which it was signed.

    Any one of several `v1` signatures suffices; other schemes (`v0`) are ignored. Timestamps of the future are
    accepted, as the official libraries do. Raises SignatureError.
    """
    if not header:
        raise SignatureError("the header Stripe-Signature is missing: this is not a webhook of Stripe")
    timestamp_s, candidates = _parse(header)
    expected = _digest(payload, secret, timestamp_s).encode()
    for candidate in candidates:
        if hmac.compare_digest(expected, candidate.encode()):
            break
    else:
        raise SignatureError("no v1 signature in Stripe-Signature matches the payload: wrong secret or changed body")
    if timestamp_s < now_s - tolerance_s:
        raise SignatureError(
            f"the signature is {now_s - timestamp_s} s old, more than the tolerance of {tolerance_s} s: replayed late"
        )
    return timestamp_s


_USUAL: Final = re.compile(r"t=([0-9]{1,15}),v1=([0-9a-f]{64})\Z").match
"""A header as `sign` makes it."""


def _digest(payload: bytes, secret: str, timestamp_s: int) -> str:
    """HMAC-SHA256, in hexadecimal."""
    return hmac.digest(secret.encode(), b"%d." % timestamp_s + payload, "sha256").hex()


def _parse(header: str) -> tuple[int, list[str]]:
    """The timestamp and the `v1` signatures of a header. Raises SignatureError."""
    usual = _USUAL(header)
    if usual is not None:
        return int(usual[1]), [usual[2]]
    timestamp: str | None = None
    candidates = []
    for item in header.split(","):
        name, _, value = item.strip().partition("=")
        if name == "t":
            timestamp = value
        elif name == "v1":
            candidates.append(value)
    if timestamp is None or not (timestamp.isascii() and timestamp.isdigit()):
        raise SignatureError(f"Stripe-Signature has no timestamp t=<unix seconds>: {header[:80]!r}")
    if not candidates:
        raise SignatureError(f"Stripe-Signature has no v1 signature: {header[:80]!r}")
    return int(timestamp), candidates
