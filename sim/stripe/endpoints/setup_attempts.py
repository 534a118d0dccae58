"""Requests about SetupAttempts; they are made by confirming SetupIntents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sim.stripe import parameters
from sim.stripe.context import Context
from sim.stripe.errors import missing_parameter
from sim.stripe.listing import CREATED, PAGING, page
from sim.stripe.setup_intent import SetupIntent

LIST: Final[parameters.Specification] = {**PAGING, **CREATED, "setup_intent": parameters.text}


def list_all(context: Context, values: Mapping[str, Any], _: str) -> dict[str, Any]:
    if "setup_intent" not in values:
        raise missing_parameter("setup_intent")
    intent = context.ledger.given(SetupIntent, values["setup_intent"], "setup_intent")
    return page(intent.attempts, values, "/v1/setup_attempts")
