"""How an attempt ended, as the customer's side sees it."""

from __future__ import annotations

from typing import Literal, NamedTuple

Outcome = Literal[
    "converted",
    "processing",
    "blocked_by_gate",
    "declined",
    "challenge_lost",
    "redirect_lost",
    "abandoned",
    "refused",
    "waiting_for_customer",
    "stuck",
    "error",
    "probed",
]


class Ending(NamedTuple):
    """An outcome of docs/facts.md and, in a few words, why."""

    outcome: Outcome
    reason: str
