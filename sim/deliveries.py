"""When, how often and in what order Stripe's events reach billing-webhooks.

Figures: median 0.8 s, p95 5 s, half a per cent in a tail of minutes to two hours, retried for up to three days (single
sources each, of grades C and D as docs/parameters.md has them). Assumptions: a retry comes up to a tenth later than its
step says; a fault that names no delay sends a copy 3 s after the first, lets later events overtake for 20 s, delays
by an hour, or has what got lost sent again after an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from scenarios.scenario import Fault
from sim.facts import EXACT, Journal
from sim.faults import strikes, webhook_faults
from sim.purposes import Purpose
from sim.storm import Storms
from sim.streams import Lognormal, Streams
from sim.stripe import Delivery
from sim.stripe.webhooks import backoff_us
from sim.time import HOUR_US, MILLISECOND_US, MINUTE_US, SECOND_US, Clock

# Looked up once: a member of an enumeration costs a call in Python 3.11.
_WEBHOOK_TAIL: Final = Purpose.WEBHOOK_TAIL
_WEBHOOK_DELAY: Final = Purpose.WEBHOOK_DELAY

_USUAL: Final = Lognormal(800 * MILLISECOND_US, 5 * SECOND_US)
_TAIL_SHARE: Final = 0.005
_TAIL_SHORTEST_US: Final = 2 * MINUTE_US
_TAIL_LONGEST_US: Final = 2 * HOUR_US
_DUPLICATE_AFTER_US: Final = 3 * SECOND_US
_REORDER_US: Final = 20 * SECOND_US
_LATE_US: Final = HOUR_US
_RESENT_AFTER_US: Final = HOUR_US


class Deliveries:
    """The delivery policy of a world: calibrated delays, and the scenario's webhook faults on top.

    `usual_delay_us` takes the place of the calibrated delays, where a world has a network of its own. `begun_us`: the
    moment from which the faults' windows of time are counted.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        streams_of: Callable[[str], Streams],
        journal: Journal,
        clock: Clock,
        usual_delay_us: Callable[[Streams], int] | None = None,
        storms: Storms | None = None,
        begun_us: int = 0,
    ) -> None:
        self._usual_delay_us = usual_delay_us or _usual_delay_us
        self._faults = webhook_faults(faults)
        self._streams_of = streams_of
        self._journal = journal
        self._clock = clock
        self._storms = storms
        self._begun_us = begun_us

    def copies(self, account_id: str, event_id: str, event_type: str) -> Sequence[Delivery]:
        """The copies of one event that are sent, each with its delay; a lost copy counts as a failed attempt."""
        streams = self._streams_of(account_id)
        delay_us = self._usual_delay_us(streams)
        if not self._faults and self._storms is None:
            return (Delivery(delay_us, lost=False),)
        drawn = () if self._storms is None else self._storms.of_webhooks(streams)
        lost = swallowed = False
        extra_us: list[int] = []
        for number, fault in (*self._faults, *drawn):
            if fault.operation is not None and fault.operation != event_type:
                continue
            if not strikes(fault, number, streams, self._clock.now_us - self._begun_us):
                continue
            self._journal.note(
                account_id, EXACT, "world", "fault", "billing-webhooks", operation=event_type, state=fault.kind
            )
            if fault.kind == "webhook_duplicate":
                after_us = _DUPLICATE_AFTER_US if fault.delay is None else fault.delay
                extra_us.extend(after_us * copy for copy in range(1, fault.copies))
            elif fault.kind == "webhook_drop":
                lost = True
            elif fault.kind == "webhook_resend":
                swallowed = True
                extra_us.append(_RESENT_AFTER_US if fault.delay is None else fault.delay)
            else:
                usual_us = _REORDER_US if fault.kind == "webhook_reorder" else _LATE_US
                delay_us += usual_us if fault.delay is None else fault.delay
        first = Delivery(delay_us, lost=lost, swallowed=swallowed)
        return (first, *(Delivery(delay_us + after_us, lost=False) for after_us in extra_us))

    def retry_delay_us(self, account_id: str, attempt: int) -> int:
        """How long after failed attempt number `attempt` (1, 2 …) the next one is made."""
        streams = self._streams_of(account_id)
        jitter = 1 + 0.1 * streams.uniform(Purpose.WEBHOOK_RETRY, streams.next_index(Purpose.WEBHOOK_RETRY))
        return round(backoff_us(attempt) * jitter)


def _usual_delay_us(streams: Streams) -> int:
    index = streams.next_index(_WEBHOOK_TAIL)
    tail = streams.uniform(_WEBHOOK_TAIL, index)
    if tail < _TAIL_SHARE:
        return round(_TAIL_SHORTEST_US + (_TAIL_LONGEST_US - _TAIL_SHORTEST_US) * tail / _TAIL_SHARE)
    return streams.duration_us(_USUAL, _WEBHOOK_DELAY, index)
