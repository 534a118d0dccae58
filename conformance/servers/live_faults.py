"""The faults of a scenario, as they strike the requests and deliveries of live servers.

They are drawn per server and not per customer, because from outside nobody says whose customer a request is: "the
first n" counts requests to this server, and a window of time is counted from its start. A storm is one for all,
drawn from the server's seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Final

from conformance.prose import span
from conformance.servers.service_app import Answering, Dropped
from conformance.servers.stripe_deliveries import FIRST_DELAY_US
from scenarios.scenario import Fault, Storm
from sim.deliveries import Deliveries
from sim.facts import Journal
from sim.faults import FORGED, FaultPlan
from sim.messages import Answer, Request
from sim.principal import Principal
from sim.storm import Storms, drawn_faults, settings_of
from sim.streams import Streams
from sim.stripe.hosted_pages import PREFIX
from sim.time import SECOND_US, Clock

_NOBODY: Final = ""


def live_deliveries(
    faults: Sequence[Fault], seed: int, clock: Clock, journal: Journal, storm: Storm | None = None
) -> Deliveries:
    """The delivery policy of a live deployment: prompt, and with the webhook faults that are asked for."""
    streams = Streams(seed, 0)
    return Deliveries(
        faults,
        lambda _account_id: streams,
        journal,
        clock,
        lambda _streams: FIRST_DELAY_US,
        storms=None if storm is None else Storms(storm, journal),
        begun_us=clock.now_us,
    )


def drawn_storm(storm: Storm, seed: int) -> list[Fault]:
    """What a server with that seed makes of a storm."""
    return [fault for _, fault in drawn_faults(storm, Streams(seed, 0))]


def in_words(fault: Fault) -> str:
    """A fault that was drawn, for the server's announcement."""
    said = [
        f"{name.removesuffix('_us').replace('_', ' ')} {span(value) if name.endswith('_us') else f'{value:.3g}'}"
        for name, value in settings_of(fault).items()
        if value
    ]
    return f"{fault.kind} ({fault.service or 'deliveries'}): {', '.join(said)}"


def stripe_operation(request: Request) -> str:
    """The name by which scenarios know an operation of Stripe's; "" where they know none.

    What a browser asks with its publishable key has other names than the same thing asked by a backend.
    """
    if request.path.startswith(PREFIX):
        return "visit"
    parts = request.path.removeprefix("/v1/").split("/")
    noun = _NOUNS.get(parts[0])
    if noun is None:
        return ""
    if "Bearer pk_" in request.headers.get("authorization", "") and parts[0] in _OF_BROWSERS:
        return _OF_BROWSERS[parts[0]] if parts[-1] == "confirm" else "retrieve_intent"
    if len(parts) == 3:
        return f"{parts[2]}_{noun}" if parts[2] in _VERBS else f"list_{parts[2]}"
    if len(parts) == 2:
        return f"{_OF_ONE.get(request.method, '')}_{noun}"
    return f"create_{noun}" if request.method == "POST" else f"list_{parts[0]}"


_NOUNS: Final[Mapping[str, str]] = {
    "customers": "customer",
    "payment_intents": "payment_intent",
    "setup_intents": "setup_intent",
    "payment_methods": "payment_method",
    "refunds": "refund",
}
_OF_BROWSERS: Final[Mapping[str, str]] = {"payment_intents": "confirm_payment", "setup_intents": "confirm_setup"}
_VERBS: Final = ("confirm", "cancel", "attach", "detach")
_OF_ONE: Final[Mapping[str, str]] = {"GET": "retrieve", "POST": "update", "DELETE": "delete"}


class LiveFaults:
    """The faults of one deployment. Raises ValueError for faults that only a simulated world can make."""

    __slots__ = ("_begun_us", "_clock", "_plan", "_principal")

    def __init__(
        self, faults: Sequence[Fault], seed: int, clock: Clock, journal: Journal, storm: Storm | None = None
    ) -> None:
        if any(fault.kind == FORGED for fault in faults):
            raise ValueError(f"the fault {FORGED} is somebody's doing, not the network's: send forged events yourself")
        self._clock = clock
        self._begun_us = clock.now_us
        self._plan = FaultPlan(faults, journal, None if storm is None else Storms(storm, journal))
        self._principal = Principal(0, _NOBODY, Streams(seed, 0))

    def striking(
        self, service: str, answering: Answering, operation_of: Callable[[Request], str] = attrgetter("operation")
    ) -> Answering:
        """`answering`, as it is reached through a network with these faults."""
        if not self._plan:
            return answering

        async def answer(request: Request, headers: Mapping[str, str]) -> Answer:
            now_us = self._clock.now_us - self._begun_us
            strike = self._plan.strike(service, operation_of(request), self._principal, now_us)
            if strike is None:
                return await answering(request, headers)
            await asyncio.sleep(strike.extra_us / SECOND_US)
            if strike.drop_request:
                raise Dropped
            if strike.answer is not None:
                return strike.answer
            answered = await answering(request, headers)
            if strike.drop_answer:
                raise Dropped
            return answered

        return answer
