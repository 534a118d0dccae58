"""What programs ask of the world that runs them.

A customer, and a service's request handler, is a generator that yields these effects and is sent their results. It
owns no socket, no clock and no random generator, so the same program runs in virtual time and over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from sim.messages import Request

DEFAULT_TIMEOUT_US: Final = 30_000_000
"""How long a caller waits for an answer unless it says otherwise. Assumption: the usual default of HTTP clients."""


class Call:
    """Send `request` to the service of that name; the result is its `Answer`, or `UNKNOWN` once the deadline passed.

    Services: "gateway", "subscriptions-api", "billing-webhooks", "stripe", "test-support". The callee goes on after
    its caller gave up: a time-out leaves the effect done or not done, and the caller cannot know which.
    """

    __slots__ = ("service", "request", "timeout_us")

    def __init__(self, service: str, request: Request, timeout_us: int = DEFAULT_TIMEOUT_US) -> None:
        self.service = service
        self.request = request
        self.timeout_us = timeout_us


class Visit:
    """A person opens the hosted page at `url` (3DS challenge, PayPal) and does `outcome` there.

    Outcomes: "complete", "fail". (A person who leaves or never returns simply does not yield a `Visit`, or stops after
    it.) The result is the `Answer` of the page; where the page leads back, its `location` header holds the return URL.
    """

    __slots__ = ("url", "outcome")

    def __init__(self, url: str, outcome: str) -> None:
        self.url = url
        self.outcome = outcome


class Wait:
    """Let time pass: a person reads, types or hesitates; a program polls or backs off. The result is None.

    `needed`: the time must really pass, at whatever pace people are hurried: a program would else ask a server over and
    over, or sooner than it was asked to.
    """

    __slots__ = ("delay_us", "needed")

    def __init__(self, delay_us: int, needed: bool = False) -> None:
        self.delay_us = delay_us
        self.needed = needed


class Acquire:
    """Wait for the exclusive right to change what `key` names (an account).

    First come, first served; not re-entrant.
    """

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


class Release:
    """Give the right to `key` back. Must follow `Acquire` on every path, also a refused one."""

    __slots__ = ("key",)

    def __init__(self, key: str) -> None:
        self.key = key


class Spawn:
    """Start `program` on its own after `delay_us`, without waiting for it: a webhook delivery, a second browser tab."""

    __slots__ = ("program", "delay_us")

    def __init__(self, program: Program[Any], delay_us: int = 0) -> None:
        self.program = program
        self.delay_us = delay_us


class Alarm:
    """Have `service.on_alarm(account_id)` run at `at_us`: how a service learns that time has passed (23-hour expiry).

    An alarm is a reminder, not a command: the program it starts looks at what is due. In a server the same reminder
    is a sweep over the store, and so survives a restart. A world may drop an alarm once nothing else is under way for
    the account and `service.awaits_alarm(account_id)` is false: there is nothing left to remind of.
    """

    __slots__ = ("service", "account_id", "at_us")

    def __init__(self, service: str, account_id: str, at_us: int) -> None:
        self.service = service
        self.account_id = account_id
        self.at_us = at_us


class Outside:
    """Leave the world for a moment: `begin` is called with a function that must be called later, once, with the result.

    The world's time stands still meanwhile. It is how a message crosses a real network in virtual time; a world that
    nothing lies outside of refuses it.
    """

    __slots__ = ("begin",)

    def __init__(self, begin: Callable[[Callable[[Any], None]], None]) -> None:
        self.begin = begin


Effect = Call | Visit | Wait | Acquire | Release | Spawn | Alarm | Outside

T = TypeVar("T")
Program = Generator[Effect, Any, T]
