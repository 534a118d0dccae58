"""The SimPy world: runs programs in virtual time, with latencies, queues, time-outs and faults.

A program runs as an `Activity`, which is its own reusable SimPy event: no `simpy.Process`, no `Timeout` objects. A call
pushes the callee's program on the activity's stack; its end pops it. Deadlines cost nothing unless they strike: every
wake-up is known when it is scheduled, and one that lies behind the caller's deadline splits the activity in two, the
caller resuming with `UNKNOWN`, the callee going on unheard. Only waiting in a queue, whose end nobody knows, needs an
event of its own for the deadline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any, Final, Protocol

import simpy
from simpy.events import NORMAL

from sim.effects import Acquire, Alarm, Call, Effect, Outside, Program, Release, Spawn, Visit, Wait
from sim.faults import FaultPlan, Strike
from sim.messages import UNKNOWN, Answer, Request, Service
from sim.network import Network
from sim.principal import Principal
from sim.workers import Workers

_NEVER: Final = 1 << 62


class ModelError(Exception):
    """A program of the model broke: a defect of Gatefall, never of the deployment under test."""

    def __init__(self, principal: Principal, time_us: int, operation: str) -> None:
        super().__init__(principal, time_us, operation)
        self.customer = principal.customer
        self.time_us = time_us
        self.operation = operation

    def __str__(self) -> str:
        where = f" while handling {self.operation}" if self.operation else ""
        return f"the model failed for customer {self.customer} at {self.time_us} us{where}: {self.__cause__!r}"


class AlarmedService(Service, Protocol):
    """A service that asked to be reminded."""

    def on_alarm(self, account_id: str) -> Program[None]:
        """Look at what is due for the account."""

    def awaits_alarm(self, account_id: str) -> bool:
        """Whether there is anything left to be reminded of."""


class WorldClock:
    """The world's clock as services see it: when that happens which is happening.

    A plain attribute that every event sets as it strikes, because it is read several times as often.
    """

    __slots__ = ("now_us",)

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us


class World:
    """Virtual time for a set of services and the activities that use them.

    `on_quiet` is called with a principal whenever nothing that was begun for it is left to happen. Worlds that are run
    in turns, an event at a time, may share a `clock` and the services that read it.
    """

    def __init__(
        self,
        network: Network,
        faults: FaultPlan | None = None,
        workers: Mapping[str, Workers] | None = None,
        environment: simpy.Environment | None = None,
        on_quiet: Callable[[Principal], None] | None = None,
        clock: WorldClock | None = None,
    ) -> None:
        self.environment = environment or simpy.Environment(initial_time=0)
        self.clock = clock or WorldClock(int(self.environment.now))
        self.services: dict[str, Service] = {}
        self.network = network
        self.faults = faults
        self.workers = dict(workers or {})
        self.on_quiet = on_quiet
        self.locks: dict[str, deque[Activity]] = {}
        self.alarms = _Alarms(self)

    def start(self, principal: Principal, program: Program[Any], delay_us: int = 0) -> None:
        """Start a program on behalf of `principal` after `delay_us`."""
        self.clock.now_us = int(self.environment.now)  # whoever drives the environment may have moved it on
        Activity(self, principal, program).schedule(delay_us, None)

    def feed(self, arrivals: Iterable[tuple[int, Principal, Program[Any]]]) -> None:
        """Start programs at given times, which must not decrease; one arrival at a time is in the schedule."""
        _Feed(self, iter(arrivals)).next()

    def run_alone(self, at_us: int, principal: Principal, program: Program[Any]) -> None:
        """Run a program, and all that it sets going, from `at_us` to its end; the next may begin before that.

        For principals who share nothing: what one of them touches stays in the processor's caches, and what is done is
        forgotten before the next one comes. SimPy's own clock just runs on; `clock` tells each its own time.
        """
        self.clock.now_us = at_us
        Activity(self, principal, program).run()
        self.environment.run()

    def run(self) -> None:
        """Run until nothing is left to happen. Raises ModelError when a program breaks."""
        self.environment.run()

    def step_out(self, activity: Activity, effect: Outside) -> None:
        """Begin what an activity waits for outside the world. Here nothing is: raises TypeError."""
        raise TypeError("a program asked for something outside a world that has no outside")

    def ended(self, principal: Principal) -> None:
        """One activity of `principal` is over; alarms that nothing waits for any more go with the last."""
        principal.live -= 1
        if principal.live:
            return
        for alarm in principal.alarms:
            if alarm.awaited():
                return
        for alarm in principal.alarms:
            alarm.drop()
        principal.alarms.clear()
        if self.on_quiet is not None:
            self.on_quiet(principal)


class _Frame:
    """A call in progress: who waits for it, until when, and what happens when the answer is ready.

    `outer`: the call in which it was made. `outer_deadline_us`: the nearest deadline of those further out. `rare`:
    whether more is to be done at its end than to hand the answer over: there is a worker to be freed, the answer is
    lost, or nobody waits for it any more.
    """

    __slots__ = (
        "after_us",
        "answer_lost",
        "caller",
        "deadline_us",
        "outer",
        "outer_deadline_us",
        "rare",
        "request",
        "service",
        "workers",
    )

    def __init__(
        self,
        caller: Program[Any],
        outer: _Frame | None,
        deadline_us: int,
        outer_deadline_us: int,
        after_us: int,
        service: Service,
        request: Request,
    ) -> None:
        self.caller: Program[Any] | None = caller
        self.outer = outer
        self.deadline_us = deadline_us
        self.outer_deadline_us = outer_deadline_us
        self.after_us = after_us
        self.workers: Workers | None = None
        self.answer_lost = False
        self.rare = False
        self.service = service
        self.request = request


class Activity:
    """A running program with the stack of calls it has made; itself the SimPy event that resumes it."""

    __slots__ = (
        "_at_us",
        "_deadline_us",
        "_frame",
        "_program",
        "_value",
        "_waits",
        "_world",
        "callbacks",
        "principal",
    )

    _ok = True
    """What SimPy asks of an event that it has processed: it did not fail."""

    def __init__(self, world: World, principal: Principal, program: Program[Any] | None) -> None:
        self._world = world
        self.principal = principal
        self._program = program
        self._frame: _Frame | None = None
        self._deadline_us = _NEVER
        self._value: Any = None
        self._waits = 0
        self._at_us = world.clock.now_us
        self.callbacks: Any = None
        principal.live += 1

    def run(self) -> None:
        """Advance the program until it has to wait. SimPy calls this when the wait is over."""
        clock = self._world.clock
        clock.now_us = self._at_us
        value = self._value
        while True:
            program = self._program
            if program is None:  # nobody listens to this answer any more
                self._world.ended(self.principal)
                return
            try:
                effect: Effect = program.send(value)
            except StopIteration as stop:
                frame = self._frame
                if frame is None:
                    self._world.ended(self.principal)
                    return
                value = stop.value
                self._frame = frame.outer
                self._program = frame.caller
                self._deadline_us = frame.outer_deadline_us
                if (frame.after_us or frame.rare) and self._answered(frame, value):
                    return
                continue
            except ModelError:
                raise
            except Exception as error:
                operation = "" if self._frame is None else self._frame.request.operation
                raise ModelError(self.principal, clock.now_us, operation) from error
            kind = effect.__class__
            if kind is Call:
                if self._call(effect.service, effect.request, effect.timeout_us):  # type: ignore[union-attr]
                    return
            elif kind is Wait:
                self.schedule(effect.delay_us, None)  # type: ignore[union-attr]
                return
            elif kind is Acquire:
                if self._acquire(effect.key):  # type: ignore[union-attr]
                    return
            elif kind is Release:
                self._release(effect.key)  # type: ignore[union-attr]
            elif self._rarely(effect):
                return
            value = None

    _RESUMES = (run,)

    def resume(self, value: Any) -> None:
        """Go on with what came from outside the world, at the moment at which the activity left it."""
        self._value = value
        self.run()

    def schedule(self, delay_us: int, value: Any = None, callbacks: Any = _RESUMES) -> None:
        """Resume with `value` after `delay_us`; callers whose deadline passes before that stop waiting.

        `callbacks`: what SimPy then calls with the event. The event is the activity, so plain functions do.
        """
        world = self._world
        at_us = world.clock.now_us + delay_us
        while at_us > self._deadline_us:
            self._part_from_caller()
        self._at_us = at_us
        self._value = value
        self.callbacks = callbacks
        world.environment.schedule(self, NORMAL, delay_us)  # type: ignore[arg-type]

    def _rarely(self, effect: Effect) -> bool:
        """The effects that few steps yield; True if the activity has to wait."""
        world = self._world
        if isinstance(effect, Spawn):
            Activity(world, self.principal, effect.program).schedule(effect.delay_us, None)
            return False
        if isinstance(effect, Alarm):
            world.alarms.set(self.principal, effect)
            return False
        if isinstance(effect, Visit):
            path = "/" + effect.url.split("/", 3)[3]
            request = Request("POST", path, {"outcome": effect.outcome}, operation="visit")
            return self._call("stripe", request, _VISIT_TIMEOUT_US)
        if isinstance(effect, Outside):
            world.step_out(self, effect)
            return True
        raise TypeError(f"a program yielded {effect!r}, which is not an effect")

    def _call(self, service_name: str, request: Request, timeout_us: int) -> bool:
        """Begin a call; True if the activity has to wait for it."""
        world = self._world
        principal = self.principal
        now_us = world.clock.now_us
        before_us = after_us = 0
        workers = strike = None
        if not principal.sheltered:
            before_us, after_us = world.network.legs(service_name, request, principal.streams)
            if world.workers:
                workers = world.workers.get(service_name)
            if world.faults is not None:
                strike = world.faults.strike(service_name, request.operation, principal, now_us)
                if strike is not None:
                    before_us += strike.extra_us
                    if strike.answer is not None or strike.drop_request:
                        self._refuse(strike, before_us + after_us, timeout_us)
                        return True
        program = self._program
        assert program is not None
        service = world.services[service_name]
        deadline_us = now_us + timeout_us
        nearest_us = self._deadline_us
        self._frame = frame = _Frame(program, self._frame, deadline_us, nearest_us, after_us, service, request)
        if deadline_us < nearest_us:
            self._deadline_us = deadline_us
        if strike is not None:
            frame.answer_lost = frame.rare = strike.drop_answer
        if workers is not None:
            frame.workers = workers
            frame.rare = True
            self._program = None
            self.schedule(before_us, None, _ARRIVES)
            return True
        if before_us == 0:
            self._program = service.handle(request)
            return False
        self._program = None
        self.schedule(before_us, None, _BEGINS)
        return True

    def _refuse(self, strike: Strike, round_trip_us: int, timeout_us: int) -> None:
        """A fault keeps the request from its service: it is lost, or answered by something on the way."""
        if strike.answer is None or round_trip_us > timeout_us:
            self.schedule(timeout_us, UNKNOWN)
        else:
            self.schedule(round_trip_us, strike.answer)

    def _arrive(self) -> None:
        """The request reached a service of limited capacity: take a worker or queue for one."""
        self._world.clock.now_us = self._at_us
        frame = self._frame
        assert frame is not None
        assert frame.workers is not None
        if frame.workers.take(self):
            self.serve(frame.workers)
        else:
            self._watch_deadline()

    def serve(self, workers: Workers) -> None:
        """A worker is ours: its service time runs, then the request is handled."""
        self._waits += 1
        self.schedule(workers.service_time_us(self.principal.streams), None, _BEGINS)

    def _begin(self) -> None:
        """The request is with its service."""
        self._world.clock.now_us = self._at_us
        frame = self._frame
        assert frame is not None
        self._program = frame.service.handle(frame.request)
        self.run()

    def _answered(self, frame: _Frame, answer: Answer) -> bool:
        """The callee is done, and its call off the stack: True if the answer takes time or nobody listens."""
        if frame.workers is not None:
            frame.workers.give_back()
        if frame.caller is None:
            self._world.ended(self.principal)
            return True
        after_us = frame.after_us
        if after_us == 0 and not frame.answer_lost:
            return False  # now is not later than the deadline, or the caller would have left
        now_us = self._world.clock.now_us
        if frame.answer_lost or now_us + after_us > frame.deadline_us:
            self.schedule(frame.deadline_us - now_us, UNKNOWN)
        else:
            self.schedule(after_us, answer)
        return True

    def _part_from_caller(self) -> None:
        """The earliest deadline strikes: its caller goes on with UNKNOWN, what it called goes on unheard."""
        deadline_us = self._deadline_us
        frames = self._frames()
        position = next(
            index for index, frame in enumerate(frames) if frame.deadline_us == deadline_us and frame.caller
        )
        frame = frames[position]
        caller = Activity(self._world, self.principal, frame.caller)
        caller._frame = frame.outer
        caller._deadline_us = frame.outer_deadline_us
        caller.schedule(deadline_us - self._world.clock.now_us, UNKNOWN)
        frame.caller = None
        frame.rare = True
        frame.outer = None
        frame.deadline_us = _NEVER
        nearest_us = _NEVER
        for inner in frames[position:]:
            inner.outer_deadline_us = nearest_us
            nearest_us = min(nearest_us, inner.deadline_us)
        self._deadline_us = nearest_us

    def _frames(self) -> list[_Frame]:
        """The calls in progress, the outermost first."""
        frames: list[_Frame] = []
        frame = self._frame
        while frame is not None:
            frames.append(frame)
            frame = frame.outer
        frames.reverse()
        return frames

    def _acquire(self, key: str) -> bool:
        """Take the lock of `key`; True if somebody has it and the activity waits in line."""
        locks = self._world.locks
        line = locks.get(key)
        if line is None:
            locks[key] = deque()
            return False
        line.append(self)
        self._watch_deadline()
        return True

    def _release(self, key: str) -> None:
        line = self._world.locks[key]
        if line:
            line.popleft()._granted()
        else:
            del self._world.locks[key]

    def _granted(self) -> None:
        self._waits += 1
        self.schedule(0, None)

    def _watch_deadline(self) -> None:
        """While in a line, whose end nobody knows, the deadline needs an event of its own."""
        if self._deadline_us < _NEVER:
            _DeadlineEvent(self._world, self, self._waits)

    def deadline_struck(self, wait: int) -> None:
        """Called by the deadline's event; stale unless the activity still stands in that same line."""
        if wait == self._waits:
            self._part_from_caller()
            self._watch_deadline()

    @property
    def deadline_us(self) -> int:
        """When the next of the waiting callers gives up."""
        return self._deadline_us


_ARRIVES: Final = (Activity._arrive,)
_BEGINS: Final = (Activity._begin,)

_VISIT_TIMEOUT_US: Final = 60_000_000
"""How long a browser waits for a page of Stripe's or PayPal's. Assumption."""


class _Entry:
    """Something other than an activity in SimPy's schedule."""

    __slots__ = ("_at_us", "_world", "callbacks")

    _ok = True
    """As of an activity."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _schedule(self, at_us: int) -> None:
        world = self._world
        self._at_us = at_us
        self.callbacks: Any = _STRIKES
        world.environment.schedule(self, NORMAL, at_us - world.clock.now_us)  # type: ignore[arg-type]

    def _struck(self) -> None:
        self._world.clock.now_us = self._at_us
        self.strike()

    def strike(self) -> None:
        """What happens at that time."""
        raise NotImplementedError


_STRIKES: Final = (_Entry._struck,)


class _DeadlineEvent(_Entry):
    __slots__ = ("_activity", "_wait")

    def __init__(self, world: World, activity: Activity, wait: int) -> None:
        super().__init__(world)
        self._activity = activity
        self._wait = wait
        self._schedule(activity.deadline_us)

    def strike(self) -> None:
        self._activity.deadline_struck(self._wait)


class _Alarm:
    """An alarm that is set."""

    __slots__ = ("_account_id", "_service", "principal")

    def __init__(self, principal: Principal, service: AlarmedService, account_id: str) -> None:
        self.principal: Principal | None = principal
        self._service = service
        self._account_id = account_id
        principal.alarms.append(self)

    def awaited(self) -> bool:
        """Whether the service still wants it."""
        return self._service.awaits_alarm(self._account_id)

    def drop(self) -> None:
        """Never ring."""
        self.principal = None

    def ring(self, world: World) -> None:
        """Start what the service does at an alarm, unless it was dropped."""
        principal = self.principal
        if principal is None:
            return
        principal.alarms.remove(self)
        Activity(world, principal, self._service.on_alarm(self._account_id)).run()


class _Alarms:
    """All alarms that are set. Nearly all are dropped before they ring, so only the next one is in SimPy's schedule."""

    __slots__ = ("_armed_us", "_line", "_number", "_world")

    def __init__(self, world: World) -> None:
        self._world = world
        self._line: list[tuple[int, int, _Alarm]] = []
        self._number = 0
        self._armed_us = _NEVER

    def set(self, principal: Principal, alarm: Alarm) -> None:
        """Set an alarm; one of the past rings at once."""
        world = self._world
        service: AlarmedService = world.services[alarm.service]  # type: ignore[assignment]
        at_us = max(world.clock.now_us, alarm.at_us)
        self._number += 1
        heappush(self._line, (at_us, self._number, _Alarm(principal, service, alarm.account_id)))
        if at_us < self._armed_us:
            self._arm(at_us)

    def strike(self, at_us: int) -> None:
        """It is time for the alarms of that time; then wait for the next one that is not dropped."""
        if at_us != self._armed_us:
            return  # an earlier one was set meanwhile, and has seen to this one
        line = self._line
        while line and line[0][0] == at_us:
            heappop(line)[2].ring(self._world)
        while line and line[0][2].principal is None:
            heappop(line)
        self._armed_us = _NEVER
        if line:
            self._arm(line[0][0])

    def _arm(self, at_us: int) -> None:
        self._armed_us = at_us
        _AlarmEvent(self._world, self, at_us)


class _AlarmEvent(_Entry):
    __slots__ = ("_alarms",)

    def __init__(self, world: World, alarms: _Alarms, at_us: int) -> None:
        super().__init__(world)
        self._alarms = alarms
        self._schedule(at_us)

    def strike(self) -> None:
        self._alarms.strike(self._at_us)


class _Feed(_Entry):
    """Starts arrivals one after another, so that a million of them need no million entries in the schedule."""

    __slots__ = ("_arrivals", "_due")

    def __init__(self, world: World, arrivals: Iterator[tuple[int, Principal, Program[Any]]]) -> None:
        super().__init__(world)
        self._arrivals = arrivals
        self._due: tuple[Principal, Program[Any]] | None = None

    def next(self) -> None:
        for at_us, principal, program in self._arrivals:
            self._due = (principal, program)
            self._schedule(at_us)
            return

    def strike(self) -> None:
        assert self._due is not None
        principal, program = self._due
        Activity(self._world, principal, program).run()
        self.next()
