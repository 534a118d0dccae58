"""Postal addresses, of customers, bills and parcels: read and completed to the form in which Stripe answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.errors import missing_parameter

_PARTS: Final = ("city", "country", "line1", "line2", "postal_code", "state")
NO_ADDRESS: Final[Mapping[str, str | None]] = dict.fromkeys(_PARTS)

_OPTIONAL_TEXT: Final = parameters.clearable(parameters.text)
_ADDRESS: Final = parameters.Form(dict.fromkeys(_PARTS, _OPTIONAL_TEXT))
_SHIPPING: Final = parameters.Form(
    {
        "address": lambda value, name: address(value, name),
        "name": parameters.text,
        "phone": _OPTIONAL_TEXT,
        "carrier": _OPTIONAL_TEXT,
        "tracking_number": _OPTIONAL_TEXT,
    }
)


def address(value: Any, name: str) -> dict[str, Any]:
    """A reader: every part is there, those not given are None."""
    given = _ADDRESS.read(parameters.mapping(value, name), name)
    return {**NO_ADDRESS, **{part: text or None for part, text in given.items()}}


def shipping(value: Any, name: str) -> dict[str, Any]:
    """A reader: who gets a parcel, and where. Raises StripeError without an address or a name."""
    given = _SHIPPING.read(parameters.mapping(value, name), name)
    for part in ("address", "name"):
        if part not in given:
            raise missing_parameter(f"{name}[{part}]")
    texts = ("carrier", "phone", "tracking_number")
    return {
        "address": given["address"],
        "name": given["name"],
        **{part: given.get(part) or None for part in texts},
    }


OPTIONAL_ADDRESS: Final = parameters.clearable(address)
OPTIONAL_SHIPPING: Final = parameters.clearable(shipping)
