"""Defects of the account area: payment methods, debts, the billing history, PayPal."""

from __future__ import annotations

from typing import Final

from conformance.defects.defect import Defect

DEFECTS: Final[tuple[Defect, ...]] = ()
