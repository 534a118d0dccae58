"""Storms: faults that are drawn, a different mixture for each customer, and that end.

A coin is tossed for each kind. So many mixtures lack one kind or another: what one fault hides (a dropped request
leaves nothing to duplicate) shows where that fault is missing. Ten mixtures of some kinds find more than ten of all.
Rates, delays and the window of an outage are drawn too; their distributions are assumptions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from scenarios.scenario import Fault, ServiceName, Storm, StormKind
from sim.facts import EXACT, Journal
from sim.faults import NumberedFault, is_of_webhooks
from sim.purposes import Purpose
from sim.streams import Streams
from sim.time import MILLISECOND_US, SECOND_US

_CALLED: Final[tuple[ServiceName, ...]] = ("gateway", "subscriptions-api", "stripe", "billing-webhooks")
_SERVICES: Final[Mapping[StormKind, tuple[ServiceName, ...]]] = {
    "latency": _CALLED,
    "drop_request": _CALLED,
    "drop_answer": _CALLED,
    "error": _CALLED,
    "rate_limit": ("gateway", "stripe"),
    "outage": ("stripe", "billing-webhooks"),
}
"""Whom a kind may befall. Assumption: rate limits guard what is reached from outside; outages are of these two."""
_NUMBERS: Final[Mapping[StormKind, int]] = {
    "latency": 0,
    "drop_request": 1,
    "drop_answer": 2,
    "error": 3,
    "rate_limit": 4,
    "outage": 5,
    "webhook_duplicate": 6,
    "webhook_reorder": 7,
    "webhook_delay": 8,
    "webhook_drop": 9,
    "webhook_resend": 10,
}
"""Part of the meaning of a seed, as purposes are: never reuse or renumber one, only append."""
_FIRST_NUMBER: Final = Purpose.STORM_FAULT - Purpose.FAULT

_DELAYED: Final = ("latency", "webhook_duplicate", "webhook_reorder", "webhook_delay", "webhook_resend")
_SHORTEST_DELAY_US: Final = 100 * MILLISECOND_US
_STATUSES: Final = (500, 502, 503, 504)
_FIRST_SHARE: Final = 1 / 3
"""How often a kind strikes the first times, instead of at a rate."""
_FIRST_MOST: Final = 3
_COPIES_MOST: Final = 4
_RETRY_AFTER_MOST_S: Final = 10
_LONGEST_OUTAGE: Final = 0.25
"""Of the storm's length."""


class Storms:
    """The storm of each customer, drawn when it is first asked for."""

    def __init__(self, storm: Storm, journal: Journal) -> None:
        self._storm = storm
        self._journal = journal
        self._drawn: dict[int, tuple[NumberedFault, ...]] = {}

    def of_service(self, service: str, streams: Streams) -> Iterator[NumberedFault]:
        """The faults that may strike calls to a service."""
        return (one for one in self._of(streams) if one[1].service == service)

    def of_webhooks(self, streams: Streams) -> Iterator[NumberedFault]:
        """The faults that may strike the deliveries of Stripe's events."""
        return (one for one in self._of(streams) if is_of_webhooks(one[1]))

    def note(self, account_id: str, streams: Streams) -> None:
        """Tell what was drawn: one fact for each kind, or that there is none."""
        drawn = self._of(streams)
        for _, fault in drawn:
            self._note(account_id, fault.service or "billing-webhooks", fault.kind, settings_of(fault))
        if not drawn:
            self._note(account_id, "", "calm", None)

    def forget(self, streams: Streams) -> None:
        """The customer is gone."""
        self._drawn.pop(streams.customer, None)

    def _of(self, streams: Streams) -> Sequence[NumberedFault]:
        drawn = self._drawn.get(streams.customer)
        if drawn is None:
            drawn = self._drawn[streams.customer] = tuple(drawn_faults(self._storm, streams))
        return drawn

    def _note(self, account_id: str, subject: str, state: str, detail: Mapping[str, Any] | None) -> None:
        self._journal.note(account_id, EXACT, "world", "storm", subject, state=state, detail=detail)


def drawn_faults(storm: Storm, streams: Streams) -> Iterator[NumberedFault]:
    """The faults of one customer's storm, in the order of their numbers."""
    for kind, number in _NUMBERS.items():
        if kind in storm.kinds and streams.chance(0.5, Purpose.STORM_KIND, number):
            yield _FIRST_NUMBER + number, Fault(kind=kind, **_drawn(storm, kind, number, streams))


def _drawn(storm: Storm, kind: StormKind, number: int, streams: Streams) -> dict[str, Any]:
    settings: dict[str, Any] = {"after": storm.after, "until": storm.until}
    services = _SERVICES.get(kind)
    if services is not None:
        settings["service"] = services[int(streams.uniform(Purpose.STORM_SERVICE, number) * len(services))]
    degree = streams.uniform(Purpose.STORM_DEGREE, number)
    if kind == "outage":
        return settings | _outage(storm, streams.uniform(Purpose.STORM_RATE, number), degree)
    if streams.chance(_FIRST_SHARE, Purpose.STORM_FORM, number):
        settings["first"] = 1 + int(streams.uniform(Purpose.STORM_RATE, number) * _FIRST_MOST)
    else:
        settings["probability"] = storm.probability * (1 - streams.uniform(Purpose.STORM_RATE, number))
    if kind in _DELAYED:
        settings["delay"] = _delay_us(storm, streams.uniform(Purpose.STORM_DELAY, number))
    if kind == "error":
        settings["status"] = _STATUSES[int(degree * len(_STATUSES))]
    elif kind == "rate_limit":
        settings["retry_after"] = (1 + int(degree * _RETRY_AFTER_MOST_S)) * SECOND_US
    elif kind == "webhook_duplicate":
        settings["copies"] = 2 + int(degree * (_COPIES_MOST - 1))
    return settings


def _outage(storm: Storm, begin: float, length: float) -> dict[str, Any]:
    """Its window within the storm's: anywhere, and at most a quarter as long."""
    whole_us = storm.until - storm.after
    after_us = storm.after + int(begin * whole_us)
    longest_us = max(1, int(length * whole_us * _LONGEST_OUTAGE))
    return {"after": after_us, "until": min(storm.until, after_us + longest_us)}


def _delay_us(storm: Storm, uniform: float) -> int:
    """From a tenth of a second to the longest, each order of magnitude as frequent as the next."""
    return round(_SHORTEST_DELAY_US * math.exp(uniform * math.log(storm.longest_delay / _SHORTEST_DELAY_US)))


_TOLD: Final[Mapping[str, str]] = {
    "probability": "probability",
    "first": "first",
    "after": "after_us",
    "until": "until_us",
    "status": "status",
    "retry_after": "retry_after_us",
    "delay": "delay_us",
    "copies": "copies",
}


def settings_of(fault: Fault) -> dict[str, Any]:
    """What was drawn, as a fact tells it: durations in microseconds."""
    return {told: getattr(fault, name) for name, told in _TOLD.items() if name in fault.model_fields_set}
