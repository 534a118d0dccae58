"""What every run is folded by: the properties that judge it, and the metrics that describe it."""

from __future__ import annotations

from typing import Final

from conformance.judging import Judging
from conformance.running import FoldFactory
from reports.metrics import Metrics
from scenarios.property_names import CHECKED_PROPERTIES
from scenarios.scenario import Variant


def properties_of(variant: Variant) -> tuple[str, ...]:
    """The properties that a scenario wants judged."""
    listed = variant.scenario.properties
    return CHECKED_PROPERTIES if listed == "all" else listed


def judging_of(variant: Variant) -> Judging:
    """An empty judging of the variant's properties."""
    return Judging(properties_of(variant))


FOLDS: Final[tuple[FoldFactory, ...]] = (judging_of, Metrics.of)
