"""Lockstep: messages cross real HTTP connections while time stays the model's own.

Whoever calls a service through a `WiredService` leaves the world while the request, and later the answer, is on its way
between client and server; the world's time stands still meanwhile. So what happens, and when, is what would happen in
the model alone, to the microsecond; what is added is all that HTTP does to a message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from conformance.over_http.client import HttpClient, Unanswered
from conformance.over_http.lateness import Lateness
from conformance.over_http.wire import WireRequest, is_internal, read_answer
from sim.effects import Outside, Program
from sim.messages import Answer, Request, Service
from sim.time import SECOND_US
from sim.world import Activity, World

CROSSING_HEADER: Final = "x-gatefall-crossing"
"""Says which of the calls under way a request belongs to."""
TIMEOUT_S: Final = 60.0
"""How long a server of our own may take before a run is given up. Far beyond any answer; it stops a hanging run."""

Resume = Callable[[Any], None]


_GIVEN_UP: Final = Answer(503)


class LostOnTheWay(Exception):
    """A message between the harness's own client and server did not arrive: the run cannot be trusted to go on."""


class Crossing:
    """One call on its way: `received` is called by the server, and returns when the answer may be sent."""

    __slots__ = ("_answer", "_arrived", "operation")

    def __init__(self, operation: str, arrived: Resume) -> None:
        self.operation = operation
        self._arrived: Resume | None = arrived
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    @property
    def pending(self) -> bool:
        """Whether no server has received it yet."""
        return self._arrived is not None

    async def received(self, request: Request) -> Answer:
        """The server has the request: the world goes on with it. Returns the service's answer."""
        assert self._arrived is not None
        arrived, self._arrived = self._arrived, None
        arrived(request)
        return await self._answer

    def answer(self, answer: Answer) -> None:
        """The service has answered."""
        self._answer.set_result(answer)

    def give_up(self) -> None:
        """Nobody will answer any more."""
        if not self._answer.done():
            self._answer.set_result(_GIVEN_UP)


class Crossings:
    """The calls that are on their way."""

    __slots__ = ("_by_id", "_client", "_last_id", "_tasks", "_under_way")

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._by_id: dict[str, Crossing] = {}
        self._last_id = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: set[Crossing] = set()

    async def received(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """A server received a request, with those headers of HTTP."""
        crossing = self._by_id.pop(headers.get(CROSSING_HEADER, ""), None)
        if crossing is None:
            return Answer(409, None, {"x-gatefall-error": "the request belongs to no call of this run"})
        return await crossing.received(request)

    def send(self, origin: str, wire: WireRequest, operation: str, arrived: Resume, answered: Resume) -> Crossing:
        """Send a request; `arrived` is called with what the server made of it, `answered` with the client's answer.

        Either may be called with an exception instead.
        """
        self._last_id += 1
        crossing_id = str(self._last_id)
        self._by_id[crossing_id] = crossing = Crossing(operation, arrived)
        wire.headers[CROSSING_HEADER] = crossing_id
        task = asyncio.get_running_loop().create_task(self._exchange(origin, wire, crossing, arrived, answered))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return crossing

    async def _exchange(
        self, origin: str, wire: WireRequest, crossing: Crossing, arrived: Resume, answered: Resume
    ) -> None:
        self._under_way.add(crossing)
        try:
            answer = await self._client.send(wire.method, origin + wire.target, wire.headers, wire.content, TIMEOUT_S)
        except Unanswered as error:
            lost = LostOnTheWay(f"{crossing.operation}: {error}")
            (arrived if crossing.pending else answered)(lost)
            return
        finally:
            self._under_way.discard(crossing)
        if crossing.pending:
            told = f"{crossing.operation}: the server answered {answer.status} by itself: {answer.content[:200]!r}"
            arrived(LostOnTheWay(told))
        else:
            answered(read_answer(answer))

    async def close(self) -> None:
        """Give up what is on its way, so that no server waits for it."""
        for crossing in self._under_way:
            crossing.give_up()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class WiredService:
    """A service reached over HTTP. Its program runs where the request arrives, in the caller's world.

    `write` puts a request into the service's form. Internal objects never cross: they stay what they are.
    """

    __slots__ = ("_crossings", "_origin", "_service", "_write")

    def __init__(
        self, service: Service, origin: str, write: Callable[[Any], WireRequest], crossings: Crossings
    ) -> None:
        self._service = service
        self._origin = origin
        self._write = write
        self._crossings = crossings

    def handle(self, request: Request) -> Program[Answer]:
        """Send the request, run the service on what arrives, send its answer, and return what comes of that."""
        if is_internal(request):
            return (yield from self._service.handle(request))
        way_back: list[Resume] = []
        crossing: list[Crossing] = []

        def depart(arrived: Resume) -> None:
            wire = self._write(request)
            sent = self._crossings.send(
                self._origin, wire, request.operation, arrived, lambda answer: way_back[0](answer)
            )
            crossing.append(sent)

        received: Request = yield Outside(depart)
        answer = yield from self._service.handle(received)

        def turn_back(answered: Resume) -> None:
            way_back.append(answered)
            crossing[0].answer(answer)

        answered: Answer = yield Outside(turn_back)
        return answered

    def on_alarm(self, account_id: str) -> Program[None]:
        """A reminder rings inside the service: nothing crosses."""
        return self._service.on_alarm(account_id)  # type: ignore[attr-defined,no-any-return]

    def awaits_alarm(self, account_id: str) -> bool:
        """Whether the service has anything left to be reminded of."""
        return self._service.awaits_alarm(account_id)  # type: ignore[attr-defined,no-any-return]


class Pace:
    """How much of the model's time passes in real time: 0 for none of it, 1 for all. Records how late it wakes up."""

    __slots__ = ("_factor", "lateness")

    def __init__(self, factor: float, lateness: Lateness) -> None:
        self._factor = factor
        self.lateness = lateness

    async def until(self, begun_s: float, distance_us: int) -> None:
        """Wait until so much of the model's time has passed since the moment `begun_s` of the loop's clock."""
        if not self._factor:
            return
        loop = asyncio.get_running_loop()
        due_s = begun_s + distance_us * self._factor / SECOND_US
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        self.lateness.record(max(0, round((loop.time() - due_s) * SECOND_US)))


class LockstepWorld(World):
    """A world in which activities step out while their messages travel. `drive` runs it to its end."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._outside = 0
        self._inbox: deque[tuple[Activity, Any]] = deque()
        self._knock: asyncio.Event | None = None

    def step_out(self, activity: Activity, effect: Outside) -> None:
        """Begin what happens outside, and expect it back."""
        self._outside += 1

        def resume(value: Any) -> None:
            self._inbox.append((activity, value))
            if self._knock is not None:
                self._knock.set()

        effect.begin(resume)

    async def drive(self, pace: Pace, paced: Callable[[], bool]) -> None:
        """Run until nothing is left to happen; at that pace as long as `paced` says so, then at once.

        Raises ModelError, and LostOnTheWay when a message got lost.
        """
        self._knock = asyncio.Event()
        begun_s, begun_us = asyncio.get_running_loop().time(), int(self.environment.now)
        await self._let_back_in()
        while (at := self.environment.peek()) != float("inf"):
            if paced():
                await pace.until(begun_s, int(at) - begun_us)
            self.environment.step()
            await self._let_back_in()

    async def _let_back_in(self) -> None:
        """Wait for everybody who is outside; nothing else happens in this world before they are back."""
        assert self._knock is not None
        while self._outside:
            while not self._inbox:
                self._knock.clear()
                await self._knock.wait()
            activity, value = self._inbox.popleft()
            self._outside -= 1
            if isinstance(value, BaseException):
                raise value
            activity.resume(value)
