"""Faults of a scenario, as they strike calls and webhook deliveries.

Whether a fault strikes is drawn from the customer's own stream for that fault, at the n-th opportunity; so it is the
same for the same customer whatever happens to others, and "the first n times" counts for each customer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from scenarios.scenario import Fault
from sim.facts import EXACT, Journal
from sim.messages import Answer
from sim.principal import Principal
from sim.purposes import Purpose
from sim.streams import Streams
from sim.time import SECOND_US

if TYPE_CHECKING:
    from sim.storm import Storms

NumberedFault = tuple[int, Fault]
"""A fault with its number, which names the stream that decides when it strikes."""

_WEBHOOK_PREFIX: Final = "webhook_"
FORGED: Final = "webhook_forged"
"""Not a fault of the network but somebody's doing: see impostor.py."""
_DEFAULT_EXTRA_US: Final = 10_000_000
"""The delay of a fault that names none. Assumption."""
_RETRY_AFTER_S: Final = 5
"""Of a 429 that a fault makes and that names no other. Assumption."""
_OUTAGE_STATUS: Final = 503
"""What stands in front of a service that is down answers. Assumption."""


class Strike:
    """What a fault does to one call."""

    __slots__ = ("answer", "drop_answer", "drop_request", "extra_us")

    def __init__(self) -> None:
        self.extra_us = 0
        self.drop_request = False
        self.drop_answer = False
        self.answer: Answer | None = None


def strikes(fault: Fault, number: int, streams: Streams, now_us: int) -> bool:
    """Whether fault `number` of the scenario's list strikes at this opportunity. Counts the opportunity."""
    if fault.after is not None and now_us < fault.after:
        return False
    if fault.until is not None and now_us >= fault.until:
        return False
    purpose = Purpose.FAULT + number
    index = streams.next_index(purpose)
    if fault.first is not None and index >= fault.first:
        return False
    return streams.chance(fault.probability, purpose, index)


def webhook_faults(faults: Sequence[Fault]) -> list[tuple[int, Fault]]:
    """The faults that concern deliveries of Stripe's own events, with their numbers in the scenario's list."""
    return [(number, fault) for number, fault in enumerate(faults) if is_of_webhooks(fault) and fault.kind != FORGED]


def is_of_webhooks(fault: Fault) -> bool:
    """Whether it concerns the delivery of events, and no call to a service."""
    return fault.kind.startswith(_WEBHOOK_PREFIX)


class FaultPlan:
    """The faults that strike calls to services: those that are listed, and those that a storm has drawn."""

    def __init__(self, faults: Sequence[Fault], journal: Journal, storms: Storms | None = None) -> None:
        self._journal = journal
        self._storms = storms
        self._by_service: dict[str, list[NumberedFault]] = {}
        for number, fault in enumerate(faults):
            if not is_of_webhooks(fault):
                if fault.service is None:
                    raise ValueError(f"fault {number} ({fault.kind}) names no service")
                self._by_service.setdefault(fault.service, []).append((number, fault))

    def __bool__(self) -> bool:
        return bool(self._by_service) or self._storms is not None

    def strike(self, service: str, operation: str, principal: Principal, now_us: int) -> Strike | None:
        """What strikes this call, or None. Several faults may strike at once."""
        candidates: Sequence[NumberedFault] | None = self._by_service.get(service)
        if self._storms is not None:
            candidates = (*(candidates or ()), *self._storms.of_service(service, principal.streams))
        if candidates is None:
            return None
        strike: Strike | None = None
        for number, fault in candidates:
            if fault.operation is not None and fault.operation != operation:
                continue
            if strikes(fault, number, principal.streams, now_us):
                strike = strike or Strike()
                _apply(fault, service, strike)
                self._journal.note(
                    principal.account_id, EXACT, "world", "fault", service, operation=operation, state=fault.kind
                )
        return strike


def _apply(fault: Fault, service: str, strike: Strike) -> None:
    if fault.kind == "latency":
        strike.extra_us += fault.delay if fault.delay is not None else _DEFAULT_EXTRA_US
    elif fault.kind == "drop_request":
        strike.drop_request = True
    elif fault.kind == "drop_answer":
        strike.drop_answer = True
    elif fault.kind == "rate_limit":
        strike.answer = error_answer(service, 429, fault.retry_after)
    else:
        strike.answer = error_answer(service, _OUTAGE_STATUS if fault.kind == "outage" else fault.status)


def error_answer(service: str, status: int, retry_after_us: int | None = None) -> Answer:
    """What something on the way to a service answers: its own form of error, and with a 429 when to come again."""
    wait_s = _RETRY_AFTER_S if retry_after_us is None else retry_after_us // SECOND_US
    headers: Mapping[str, str] = {"retry-after": str(wait_s)} if status == 429 else {}
    if service == "stripe":
        kind = "invalid_request_error" if status == 429 else "api_error"
        error: dict[str, Any] = {"type": kind, "message": f"An error occurred (injected fault, HTTP {status})."}
        if status == 429:
            error["code"] = "rate_limit"
        return Answer(status, {"error": error}, headers)
    code = 971 if status == 429 else 1000
    message = f"injected fault, HTTP {status}"
    body = {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None}
    return Answer(status, body, headers)
