"""A plugin of pytest that plants the defect named by PLANT, in every process that loads it."""

from __future__ import annotations

import os

from conformance.defects import DEFECTS, planted

PLANTED = planted(DEFECTS[os.environ["PLANT"]])
"""Kept: a context that is forgotten is left."""
PLANTED.__enter__()
