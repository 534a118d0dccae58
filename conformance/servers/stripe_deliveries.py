"""How a Stripe double that serves others treats the network: duplicates, disorder and losses on request.

What happens to an event is drawn from the seed and the event's id: the same seed and the same requests give the same
deliveries. The distances are assumptions, chosen so that a developer sees them happen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

from sim.stripe import Delivery
from sim.stripe.webhooks import backoff_us
from sim.time import MILLISECOND_US, SECOND_US

FIRST_DELAY_US: Final = 100 * MILLISECOND_US
_DUPLICATE_AFTER_US: Final = SECOND_US
_OVERTAKEN_FOR_US: Final = 3 * SECOND_US


class StripeDeliveries:
    """The shares (0 to 1) of events that are delivered twice, late enough for others to overtake, or lost at first.

    `pace` stretches all distances: 1 is Stripe's own, 0.01 has a retry after a minute come in 600 ms; but no retry
    comes sooner than after a second.
    """

    __slots__ = ("_drop", "_duplicate", "_pace", "_reorder", "_seed")

    def __init__(
        self, seed: str = "", *, duplicate: float = 0.0, reorder: float = 0.0, drop: float = 0.0, pace: float = 1.0
    ) -> None:
        self._seed = seed
        self._duplicate = duplicate
        self._reorder = reorder
        self._drop = drop
        self._pace = pace

    def copies(self, account_id: str, event_id: str, event_type: str) -> Sequence[Delivery]:
        draws = random.Random(f"{self._seed}/{event_id}")
        duplicated, reordered, dropped = draws.random(), draws.random(), draws.random()
        delay_us = round(FIRST_DELAY_US * self._pace)
        if reordered < self._reorder:
            delay_us += round(draws.random() * _OVERTAKEN_FOR_US * self._pace)
        first = Delivery(delay_us, lost=dropped < self._drop)
        if duplicated < self._duplicate:
            return (first, Delivery(delay_us + round(_DUPLICATE_AFTER_US * self._pace)))
        return (first,)

    def retry_delay_us(self, account_id: str, attempt: int) -> int:
        return round(backoff_us(attempt) * self._pace)
