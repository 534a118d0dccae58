"""What is done about a renewal that could not be charged."""

from __future__ import annotations

from typing import Final, Literal

from sim.time import DAY_US, SECOND_US

LastResort = Literal["cancel", "unpaid", "past_due"]
DAY_S: Final = DAY_US // SECOND_US


class Dunning:
    """When Stripe tries again, in days after the failure before, and what becomes of the subscription in the end.

    `upcoming_days`: how long before a renewal `invoice.upcoming` tells of it.
    """

    __slots__ = ("retry_after_days", "last_resort", "upcoming_days")

    def __init__(self, retry_after_days: tuple[int, ...], last_resort: LastResort, upcoming_days: int) -> None:
        self.retry_after_days = retry_after_days
        self.last_resort: LastResort = last_resort
        self.upcoming_days = upcoming_days

    def retry_at_s(self, failures: int, now_s: int) -> int | None:
        """When to try again after that many failures (1, 2 …), the last of them now; None: not again."""
        if failures > len(self.retry_after_days):
            return None
        return now_s + self.retry_after_days[failures - 1] * DAY_S


USUAL_DUNNING: Final = Dunning((3, 5, 7), "cancel", 7)
"""Assumption: all of it is set in the dashboard, and Stripe's own choice of moments ("Smart Retries") is not public."""
