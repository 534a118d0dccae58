"""Defects of security and isolation: credentials not checked, accounts not kept apart, secrets told."""

from __future__ import annotations

from typing import Final

from conformance.defects.defect import Defect

DEFECTS: Final[tuple[Defect, ...]] = ()
