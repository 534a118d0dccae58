"""API keys: which there are, and what each lets its holder do."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as MalformedBase64
from collections.abc import Mapping
from typing import Final, Literal

Access = Literal["secret", "reading", "browser", "none"]
"""A secret key may do everything, one for reading may get only, a browser's may pay; "none" is no key of ours."""

Permission = Literal["write", "read"]
READING_KEY: Final = "rk_test_gatefall"
"""The restricted key that there is unless one says otherwise: it reads, and changes nothing."""

_ACCESS_BY_PERMISSION: Final[Mapping[Permission, Access]] = {"write": "secret", "read": "reading"}


class Credentials(dict[str, Access]):
    """The access that an `Authorization` header gives: `Bearer <key>`, or the key as user name of basic authentication.

    `restricted_keys` are keys that begin with `rk_test_`, and whether they may write or read only.
    """

    def __init__(self, secret_key: str, publishable_key: str, restricted_keys: Mapping[str, Permission]) -> None:
        self.secret_key = secret_key
        for key in (secret_key, publishable_key, *restricted_keys):
            if "_live_" in key:
                raise ValueError("a double of Stripe takes test keys only, such as sk_test_…, never a live key")
        super().__init__(
            {
                **{f"Bearer {key}": _ACCESS_BY_PERMISSION[permission] for key, permission in restricted_keys.items()},
                f"Bearer {publishable_key}": "browser",
                f"Bearer {secret_key}": "secret",
            }
        )

    def __missing__(self, header: str) -> Access:
        key = key_of(header)
        return self.get(f"Bearer {key}", "none") if key else "none"


def key_of(header: str) -> str:
    """The key in an `Authorization` header; empty if there is none."""
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(rest, validate=True).decode().partition(":")[0]
    except (MalformedBase64, UnicodeDecodeError):
        return ""


def masked(key: str) -> str:
    """A key as messages may show it: its first eight characters, at most half of them, and its length."""
    shown = min(8, len(key) // 2)
    return key[:shown] + "*" * (len(key) - shown)
