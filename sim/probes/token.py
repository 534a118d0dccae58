"""JSON Web Tokens that no library would make: unsigned, signed with nothing, or put together from parts of others."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Any, Final

import orjson

_BY_ALGORITHM: Final = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def token(claims: Mapping[str, Any], key: bytes | None, algorithm: str = "HS256") -> str:
    """A token whose header names `algorithm`; signed with `key` as RFC 7518 has it, or not at all for None."""
    signed = f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{_part(claims)}"
    if key is None:
        return f"{signed}."
    digest = hmac.digest(key, signed.encode(), _BY_ALGORITHM[algorithm])
    return f"{signed}.{_encoded(digest)}"


def with_claims(genuine: str, claims: Mapping[str, Any]) -> str:
    """A token with other claims, under the signature that it had."""
    header, _, signature = genuine.split(".")
    return f"{header}.{_part(claims)}.{signature}"


def _part(value: Mapping[str, Any]) -> str:
    return _encoded(orjson.dumps(value))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
