"""Defects of input and limits: what is malformed is not refused, or not clearly; answers that fit no description."""

from __future__ import annotations

from typing import Final

from conformance.defects.defect import Defect

DEFECTS: Final[tuple[Defect, ...]] = ()
