"""API versions: which of them the double speaks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sim.stripe.errors import StripeError, invalid_request
from sim.stripe.event import API_VERSION

_RELEASES: Final[Sequence[tuple[str, str]]] = (
    ("2025-03-31", "basil"),
    ("2025-09-30", "clover"),
    ("2026-03-25", "dahlia"),
    ("2026-09-30", "endive"),
)
"""The first day of each release that the double speaks, and its name. Source: Stripe's changelog.

Earlier ones are refused: before basil invoices and subscriptions had another form.
"""

_VERSION: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.([a-z]+))?\Z")


def check_version(version: str) -> None:
    """Raises StripeError (400) for a `Stripe-Version` that the double does not speak.

    Assumption: every day from a release on is taken for a version of it; Stripe has one in most months.
    """
    match = _VERSION.match(version)
    if match is None or not _is_named(match[1], match[2]):
        raise _refused(version, "")
    if match[1] < _RELEASES[0][0]:
        raise _refused(version, ", because of what changed with it")
    if match[1] > API_VERSION.partition(".")[0]:
        raise _refused(version, ", and knows of none later")


def _is_named(day: str, name: str | None) -> bool:
    """Whether a release has that name on that day; what is older than those known here may have any, or none."""
    known = [release for first, release in _RELEASES if first <= day]
    return name == known[-1] if known else True


def _refused(version: str, why: str) -> StripeError:
    return invalid_request(
        f"Invalid Stripe API version: {version}. This double of Stripe speaks the versions from "
        f"{'.'.join(_RELEASES[0])} to {API_VERSION}{why}."
    )
