"""Defects: bugs that real teams ship, to be switched on in Gatefall's own deployment, to show that they are found.

    with planted(DEFECTS["signature-not-checked"]): ...    # in this process, for deployments made within

One file a theme. A defect is added by writing a plant, which changes a class or a module of the services (`sim/`) as
little as it can, and an entry in the theme's `DEFECTS`: what it breaks, what else that may bring about, and a scenario
that shows it. The tests and `gatefall prove` take it from there: they fail where it is not found from outside by the
properties it names, and where any property accuses it that it does not name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from conformance.defects import (
    account_area,
    administration,
    answers,
    carts,
    expiry,
    gate,
    grants,
    idempotency,
    input,
    money,
    payment_methods,
    plan_changes,
    secrecy,
    security,
    webhooks,
    zones,
)
from conformance.defects.defect import Defect
from conformance.defects.planting import Patches, planted

THEMES: Final[Mapping[str, tuple[Defect, ...]]] = MappingProxyType(
    {
        "the gate": gate.DEFECTS,
        "granting": grants.DEFECTS,
        "money": money.DEFECTS,
        "repeats": idempotency.DEFECTS,
        "events": webhooks.DEFECTS,
        "the end of what is not paid": expiry.DEFECTS,
        "changes of plan": plan_changes.DEFECTS,
        "carts": carts.DEFECTS,
        "zones": zones.DEFECTS,
        "payment methods": payment_methods.DEFECTS,
        "answers": answers.DEFECTS,
        "isolation": security.DEFECTS,
        "administrators": administration.DEFECTS,
        "secrecy": secrecy.DEFECTS,
        "input": input.DEFECTS,
        "the account area": account_area.DEFECTS,
    }
)
"""The catalogue, theme by theme."""

DEFECTS: Final[Mapping[str, Defect]] = MappingProxyType(
    {defect.name: defect for defects in THEMES.values() for defect in defects}
)
"""The catalogue by name, in its order."""

__all__ = ["DEFECTS", "Defect", "Patches", "THEMES", "planted"]
