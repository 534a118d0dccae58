"""The live world: runs programs in real time, on asyncio, each call an HTTP request to the service's address.

It keeps the promises that the SimPy world makes to programs. A callee goes on when its caller gave up. What a program
has locked is free again however the program ends. What it spawns runs on its own. A reminder is kept until somebody
sweeps: a server's sweep over its store also finds what a restart forgot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from conformance.over_http.callees import Callee
from conformance.over_http.lateness import Lateness
from conformance.over_http.live_clock import LiveClock
from conformance.over_http.locks import Lease, Locks, LockUnavailable, MemoryLocks
from conformance.over_http.own_errors import broken, unavailable
from sim.effects import Acquire, Alarm, Call, Effect, Program, Release, Spawn, Visit, Wait
from sim.messages import Answer, Request, Service
from sim.time import SECOND_US
from sim.world import AlarmedService

STARTED_MAX: Final = 50_000
"""Programs that may be under way or waiting at once, requests apart. Assumption: some hundred megabytes of them."""
VISIT_TIMEOUT_US: Final = 60 * SECOND_US
"""How long a browser waits for a hosted page. Assumption."""

_log = logging.getLogger(__name__)


class LiveWorld:
    """Real time for a set of programs. To be made and used in a running event loop.

    `callees` are the services by name; `elsewhere` finds one that is named by its origin, such as a receiver of
    webhooks. `pace` stretches (1 = real time) or drops (0) waits, but no time-outs, and
    no waits that are needed whole. `lateness` counts how late wake-ups were.
    """

    def __init__(
        self,
        locks: Locks | None = None,
        *,
        clock: LiveClock | None = None,
        pace: float = 1.0,
        elsewhere: Callable[[str], Callee] | None = None,
        started_max: int = STARTED_MAX,
    ) -> None:
        self.clock = clock or LiveClock()
        self.callees: dict[str, Callee] = {}
        self.alarmed: dict[str, AlarmedService] = {}
        self.lateness = Lateness()
        self.locks: Locks = MemoryLocks() if locks is None else locks
        self.pace = pace
        self.broken_count = 0
        self.refused_count = 0
        self._elsewhere = elsewhere
        self._started_max = started_max
        self._alarms: dict[tuple[str, str], int] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asleep: dict[asyncio.Task[Any], _Nap] = {}
        self._delayed: set[_Delayed] = set()
        self._drained = asyncio.Event()
        self._drained.set()
        self._closed = False
        self.clock.on_advance(self._hurry)

    async def answer(self, name: str, service: Service, request: Request) -> Answer:
        """Run one request of a service to its end, also if whoever asked is gone before.

        A program that breaks is one line in the log, and for the caller a 500 in the service's own form.
        """
        run = _Run(self, service.handle(request))
        try:
            if run.ends_at_once():
                answer: Answer = run.result
                return answer
        except LockUnavailable as error:
            return _unavailable(name, request, error)
        except Exception as error:
            return self._broken(name, request, error)
        return await asyncio.shield(self._task(self._answer_of(run, name, request)))

    def answering(
        self, name: str, service: Service
    ) -> Callable[[Request, Mapping[str, str]], Coroutine[Any, Any, Answer]]:
        """What a server's shell asks: `answer` for that service."""

        def answer(request: Request, headers: Mapping[str, str]) -> Coroutine[Any, Any, Answer]:
            return self.answer(name, service, request)

        return answer

    async def run(self, program: Program[Any]) -> Any:
        """Run a program in the current task and return its result; cancelled with the task."""
        return await _Run(self, program).finish()

    def start(self, program: Program[Any], delay_us: int = 0) -> None:
        """Start a program on its own after `delay_us`. Beyond `started_max` of them it is not, which is logged."""
        if self._closed:
            program.close()
            return
        if self.started_count >= self._started_max:
            program.close()
            self.refused_count += 1
            _log.error("%d programs are under way or waiting: another one was not started", self._started_max)
            return
        if delay_us * self.pace > 0:
            self._drained.clear()
            self._delayed.add(_Delayed(self, program, delay_us * self.pace / SECOND_US))
        else:
            self._task(self._on_its_own(program))

    @property
    def started_count(self) -> int:
        """How many programs are under way, or will be when their delay is over."""
        return len(self._tasks) + len(self._delayed)

    def remember(self, alarm: Alarm) -> None:
        """Keep a reminder until it is due; of several for one account, the earliest."""
        key = (alarm.service, alarm.account_id)
        self._alarms[key] = min(alarm.at_us, self._alarms.get(key, alarm.at_us))

    def sweep(self) -> int:
        """Start what the reminders that are due by now ask for, and return how many there were."""
        due = self._take_due()
        for service, account_id in due:
            self.start(self.alarmed[service].on_alarm(account_id))
        return len(due)

    async def sweep_now(self) -> None:
        """Do what the reminders that are due by now ask for, and wait until it is done."""
        programs = [self.alarmed[service].on_alarm(account_id) for service, account_id in self._take_due()]
        await asyncio.gather(*(self._task(self._on_its_own(program)) for program in programs))

    async def sweep_every(self, seconds: float) -> None:
        """Sweep for ever; to be cancelled."""
        while True:
            await asyncio.sleep(seconds)
            self.sweep()

    def callee(self, name: str) -> Callee:
        """The service of that name or origin. Raises KeyError where the world knows none."""
        found = self.callees.get(name)
        if found is None:
            if self._elsewhere is None or "://" not in name:
                raise KeyError(f"no service is called {name!r}: known are {', '.join(self.callees) or 'none'}")
            return self._elsewhere(name)
        return found

    async def visit(self, visit: Visit) -> Answer:
        """A person opens a hosted page of Stripe's and does something there."""
        path = "/" + visit.url.split("/", 3)[3]
        request = Request("POST", path, {"outcome": visit.outcome}, operation="visit")
        return await self.callee("stripe")(request, VISIT_TIMEOUT_US)

    async def sleep(self, delay_us: int, needed: bool = False) -> None:
        """Let time pass, at the world's pace unless it is `needed` whole, and count how late the end came."""
        if self._closed:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        nap = self._asleep[task] = _Nap(delay_us * (1.0 if needed else self.pace) / SECOND_US)
        try:
            await nap.over
        finally:
            nap.end()
            del self._asleep[task]
        self.lateness.record(nap.late_us())

    async def drain(self) -> None:
        """Wait until nothing is under way, and nothing waits to be."""
        await self._drained.wait()

    async def close(self, patience_s: float = 5.0) -> None:
        """Drop what waits, let what is under way end for `patience_s`, then cancel it."""
        self._closed = True
        for delayed in list(self._delayed):
            delayed.drop()
        for task in self._asleep.keys() & self._tasks:
            task.cancel()
        try:
            async with asyncio.timeout(patience_s):
                await self._drained.wait()
        except TimeoutError:
            for task in self._tasks:
                task.cancel()
            await self._drained.wait()

    def begin(self, delayed: _Delayed) -> None:
        """The delay of a program is over."""
        self._delayed.discard(delayed)
        self.lateness.record(delayed.late_us())
        self._task(self._on_its_own(delayed.program))

    def dropped(self, delayed: _Delayed) -> None:
        """A program whose delay was not over will not begin."""
        self._delayed.discard(delayed)
        self._note_drained()

    def _hurry(self, seconds: float) -> None:
        """The clock was moved on: what waits by it has so much less to wait."""
        for waiting in (*self._delayed, *self._asleep.values()):
            waiting.hurry(seconds * self.pace)

    def _take_due(self) -> list[tuple[str, str]]:
        now_us = self.clock.now_us
        due = [key for key, at_us in self._alarms.items() if at_us <= now_us]
        for key in due:
            del self._alarms[key]
        return due

    def _task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        self._drained.clear()
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._note_drained()

    def _note_drained(self) -> None:
        if not self._tasks and not self._delayed:
            self._drained.set()

    async def _answer_of(self, run: _Run, name: str, request: Request) -> Answer:
        try:
            answer: Answer = await run.finish()
            return answer
        except LockUnavailable as error:
            return _unavailable(name, request, error)
        except Exception as error:
            return self._broken(name, request, error)

    async def _on_its_own(self, program: Program[Any]) -> None:
        try:
            await _Run(self, program).finish()
        except LockUnavailable as error:
            _log.warning("what was started on its own could not be done: %s", error)
        except Exception as error:
            self.broken_count += 1
            _log.error("what was started on its own broke: %s: %s", type(error).__name__, error)
            _log.debug("where it broke:", exc_info=error)

    def _broken(self, name: str, request: Request, error: Exception) -> Answer:
        self.broken_count += 1
        _log.error("%s broke at %s %s: %s: %s", name, request.method, request.path, type(error).__name__, error)
        _log.debug("where it broke:", exc_info=error)
        return broken(name)


class _Timer:
    """Something that happens later, and may be hurried."""

    __slots__ = ("_due_s", "_handle", "_loop")

    def __init__(self, delay_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._due_s = self._loop.time() + delay_s
        self._handle = self._loop.call_at(self._due_s, self.strike)

    def strike(self) -> None:
        """It is time."""
        raise NotImplementedError

    def hurry(self, seconds: float) -> None:
        """Let it happen so much earlier; now, if that would be in the past."""
        self._handle.cancel()
        self._due_s = max(self._loop.time(), self._due_s - seconds)
        self._handle = self._loop.call_at(self._due_s, self.strike)

    def end(self) -> None:
        """Let it not happen any more."""
        self._handle.cancel()

    def late_us(self) -> int:
        """How late it is by now."""
        return round((self._loop.time() - self._due_s) * SECOND_US)


class _Delayed(_Timer):
    """A program that begins later."""

    __slots__ = ("_world", "program")

    def __init__(self, world: LiveWorld, program: Program[Any], delay_s: float) -> None:
        self._world = world
        self.program = program
        super().__init__(delay_s)

    def strike(self) -> None:
        self._world.begin(self)

    def drop(self) -> None:
        """Let the program never begin."""
        self.end()
        self.program.close()
        self._world.dropped(self)


class _Nap(_Timer):
    """The wait of a program under way."""

    __slots__ = ("over",)

    def __init__(self, delay_s: float) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        super().__init__(delay_s)

    def strike(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class _Run:
    """One program on its way, and the locks that it holds."""

    __slots__ = ("_effect", "_leases", "_program", "_world", "result")

    def __init__(self, world: LiveWorld, program: Program[Any]) -> None:
        self._world = world
        self._program = program
        self._leases: dict[str, Lease] = {}
        self._effect: Effect | None = None
        self.result: Any = None

    def ends_at_once(self) -> bool:
        """Run up to where the program has to wait: False if there is such a place, and `finish` goes on from there."""
        return self._advance(self._program.send, None)

    async def finish(self) -> Any:
        """Run to the end and return the result. Whatever the program still holds then is given up."""
        try:
            ended = self._effect is None and self.ends_at_once()
            while not ended:
                assert self._effect is not None
                try:
                    value = await self._done(self._effect)
                except Exception as error:
                    ended = self._advance(self._program.throw, error)
                else:
                    ended = self._advance(self._program.send, value)
            return self.result
        finally:
            self._program.close()
            for lease in self._leases.values():
                await lease.abandon()

    def _advance(self, resume: Callable[[Any], Effect], value: Any) -> bool:
        """Resume the program, and see to what takes no time; False where it has to wait for `_effect`."""
        world = self._world
        try:
            effect = resume(value)
            while True:
                if isinstance(effect, Spawn):
                    world.start(effect.program, effect.delay_us)
                elif isinstance(effect, Alarm):
                    world.remember(effect)
                else:
                    self._effect = effect
                    return False
                effect = self._program.send(None)
        except StopIteration as stop:
            self.result = stop.value
            return True

    async def _done(self, effect: Effect) -> Any:
        """Do what takes time, and return what the program is sent."""
        world = self._world
        if isinstance(effect, Call):
            return await world.callee(effect.service)(effect.request, effect.timeout_us)
        if isinstance(effect, Acquire):
            self._leases[effect.key] = await world.locks.acquire(effect.key)
            return None
        if isinstance(effect, Release):
            return await self._leases.pop(effect.key).release()
        if isinstance(effect, Wait):
            return await world.sleep(effect.delay_us, effect.needed)
        if isinstance(effect, Visit):
            return await world.visit(effect)
        raise TypeError(f"a program yielded {effect!r}, which is not an effect")


def _unavailable(name: str, request: Request, error: LockUnavailable) -> Answer:
    """One line in the log, and for the caller a 503 in the service's own form."""
    _log.warning("%s: %s %s: %s", name, request.method, request.path, error)
    return unavailable(name, str(error))
