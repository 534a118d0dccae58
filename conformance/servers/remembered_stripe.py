"""A Stripe double that survives a restart: it keeps what it was asked, and at the start is asked all of it again.

The double draws nothing at random and reads no clock but the one it is given, so the same requests at the same times
lead to the same state, whatever the double is made of. Kept is everything that comes to it from outside: requests with
their times, how the answers to its deliveries ended, and what the delivery policy decided. What was still to be
delivered is delivered after a restart; what was just on its way is delivered again, as Stripe may.

Nothing is answered before it is kept. Limits: a start takes as long as answering everything once more (some ten
thousand requests a second), and nothing is ever dropped from what is kept: it is a test deployment's memory. An
alternative would be to store the objects themselves (pickled): quicker to start, but every class of the double would
have to be written for it, and whoever can write to the database could run code here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from conformance.over_http.locks import LockUnavailable
from sim.effects import Call, Effect, Program, Spawn, Wait
from sim.facts import Journal
from sim.messages import Answer, Request
from sim.stripe import Delivery, DeliveryPolicy, Stripe
from sim.time import Clock

FORMAT: Final = 2
"""Goes up when entries change."""
KEPT_HEADERS: Final = ("idempotency-key", "stripe-")
"""How the names of the headers begin that are kept; of who asked, only the number of the key is."""
FLUSH_EVERY_S: Final = 0.2
"""How long an answer to a delivery may stay unkept: a crash before that delivers once more. Assumption."""

_log: Final = logging.getLogger(__name__)

Entry = dict[str, Any]


class StripeMemoryError(Exception):
    """What was kept cannot be made to live again. The message is for a person."""


class Entries(Protocol):
    """Where entries are kept, in order."""

    async def read(self) -> Sequence[str]:
        """All of them. Raises StripeMemoryError where another server uses them, and LockUnavailable."""

    async def append(self, first: int, entries: Sequence[str]) -> None:
        """Keep some more; `first` is the number of the first one, from 0. Raises LockUnavailable."""

    async def close(self) -> None:
        """Let another server have them."""


class PinnedClock:
    """The deployment's clock, which stands still while the double handles one thing."""

    __slots__ = ("_clock", "pinned_us")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.pinned_us: int | None = None

    @property
    def now_us(self) -> int:
        return self._clock.now_us if self.pinned_us is None else self.pinned_us


class _Decisions:
    """The delivery policy, whose decisions are entered in what is kept, or taken from it."""

    __slots__ = ("_policy", "made", "told")

    def __init__(self, policy: DeliveryPolicy) -> None:
        self._policy = policy
        self.made: list[Any] = []
        self.told: Iterator[Any] | None = None

    def copies(self, account_id: str, event_id: str, event_type: str) -> Sequence[Delivery]:
        if self.told is not None:
            return [Delivery(*copy) for copy in next(self.told)]
        copies = self._policy.copies(account_id, event_id, event_type)
        self.made.append([[copy.delay_us, copy.lost, copy.swallowed] for copy in copies])
        return copies

    def retry_delay_us(self, account_id: str, attempt: int) -> int:
        if self.told is not None:
            return int(next(self.told))
        delay_us = self._policy.retry_delay_us(account_id, attempt)
        self.made.append(delay_us)
        return delay_us


class _LiveOnly(Journal):
    """The deployment's journal, which has the facts of the past already."""

    __slots__ = ("_journal", "mute")

    def __init__(self, journal: Journal, clock: Clock) -> None:
        super().__init__(clock)
        self._journal = journal
        self.mute = False

    def note(self, *fact: Any, **named: Any) -> None:
        if not self.mute:
            self._journal.note(*fact, **named)


class _Started:
    """A program that the double set going, and where it stands: what it waits for, and until when."""

    __slots__ = ("due_us", "effect", "program")

    def __init__(self, program: Program[Any], due_us: int) -> None:
        self.program = program
        self.effect: Effect | None = None
        self.due_us = due_us


class RememberedStripe:
    """The double as a service. `make` makes it of the clock, the journal and the policy that it is to use.

    `identity` is what it was made with, such as its seed: what is kept of another is refused. `keys` are the API keys
    that it knows, always in the same order. Before it is asked anything, `restore` has to be called; before an answer
    is sent, `flush`.
    """

    def __init__(
        self,
        make: Callable[[Clock, Journal, DeliveryPolicy], Stripe],
        clock: Clock,
        journal: Journal,
        deliveries: DeliveryPolicy,
        entries: Entries,
        identity: Mapping[str, str],
        keys: Sequence[str],
    ) -> None:
        self._clock = PinnedClock(clock)
        self._decisions = _Decisions(deliveries)
        self._journal = _LiveOnly(journal, self._clock)
        self._entries = entries
        self._identity = dict(identity)
        self._keys = list(keys)
        self._started: dict[int, _Started] = {}
        self._started_count = 0
        self._unkept: list[str] = []
        self._kept_count = 0
        self._keeping = asyncio.Lock()
        self.stripe = make(self._clock, self._journal, self._decisions)

    # --- asked -----------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Program[Answer]:
        """Answer one request at one moment; what it sets going goes on by itself."""
        at_us = self._clock.now_us
        entry = self._request_entry(request)
        try:
            answer, numbers = self._handled(request, at_us)
        except Exception:
            self._enter(entry | {"broke": True}, at_us)
            raise
        self._enter(entry | {"answered": _summary(answer)}, at_us)
        yield from self._spawns(numbers)
        return answer

    async def flush(self) -> None:
        """Wait until all that happened so far is kept. Raises LockUnavailable: it is tried again at the next call."""
        if not self._unkept:
            return
        wanted = self._kept_count + len(self._unkept)
        async with self._keeping:
            if self._kept_count < wanted:
                writing = list(self._unkept)
                await self._entries.append(self._kept_count, writing)
                del self._unkept[: len(writing)]
                self._kept_count += len(writing)

    async def close(self) -> None:
        """Keep what is not kept yet, as far as that is possible, and let another server have it all."""
        try:
            await self.flush()
        except LockUnavailable as error:
            _log.warning("the last that happened at the Stripe double could not be kept: %s", error)
        await self._entries.close()

    async def flush_every(self, seconds: float = FLUSH_EVERY_S) -> None:
        """Flush for ever; to be cancelled."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.flush()
            except LockUnavailable as error:
                _log.warning("what happened at the Stripe double could not be kept yet: %s", error)

    # --- restored --------------------------------------------------------------------------------------------

    async def restore(self) -> list[Spawn]:
        """Live through all that is kept, and return what was still under way. Raises StripeMemoryError,
        and LockUnavailable where it cannot be read."""
        lines = await self._entries.read()
        if not lines:
            self._enter({"format": FORMAT, "identity": self._identity}, self._clock.now_us)
            await self.flush()
            return []
        self._kept_count = len(lines)
        self._journal.mute = True
        try:
            self._check_identity(json.loads(lines[0]))
            for number, line in enumerate(lines[1:], start=1):
                self._relive(number, json.loads(line))
                if number % 1_000 == 0:
                    await asyncio.sleep(0)
        finally:
            self._journal.mute = False
            self._decisions.told = None
        now_us = self._clock.now_us
        return [
            Spawn(self._carried(number, started), max(0, started.due_us - now_us))
            for number, started in self._started.items()
        ]

    def _check_identity(self, entry: Entry) -> None:
        if entry.get("format") != FORMAT:
            raise StripeMemoryError(
                f"the Stripe double's memory is of format {entry.get('format')!r}, this Gatefall has format {FORMAT}: "
                "use an empty database, or the Gatefall that made it"
            )
        for name, value in self._identity.items():
            kept = entry["identity"].get(name)
            if kept != value:
                raise StripeMemoryError(
                    f"the Stripe double in this database was begun with {name} {kept!r}, this one has {value!r}: "
                    "use the same, or an empty database"
                )

    def _relive(self, number: int, entry: Entry) -> None:
        self._decisions.told = iter(entry.get("decided", ()))
        at_us: int = entry["at_us"]
        try:
            if "request" in entry:
                answer, _ = self._handled(self._request(entry), at_us)
                as_it_was = _summary(answer) == entry.get("answered")
            else:
                self._resumed(entry["resumed"], _outcome(entry), at_us)
                as_it_was = True
        except Exception as error:
            as_it_was = "broke" in entry
            if not as_it_was:
                raise StripeMemoryError(_unlike(number, f"{type(error).__name__}: {error}")) from error
        if not as_it_was:
            raise StripeMemoryError(_unlike(number, f"{entry['request'][:2]} is answered differently"))

    # --- one step --------------------------------------------------------------------------------------------

    def _handled(self, request: Request, at_us: int) -> tuple[Answer, list[int]]:
        """The answer, and the numbers of the programs that the request set going."""
        program = self.stripe.handle(request)
        effect, result, numbers = self._stepped(program, None, at_us)
        if effect is not None:
            raise TypeError(f"the Stripe double waits within a request ({effect!r}), which is not provided for")
        return result, numbers

    def _resumed(self, number: int, value: Any, at_us: int) -> tuple[Effect | None, list[int]]:
        """Let a program that was set going take its next step."""
        started = self._started.pop(number)
        started.effect, _, numbers = self._stepped(started.program, value, at_us)
        if started.effect is not None:
            self._started[number] = started
            started.due_us = at_us + (started.effect.delay_us if isinstance(started.effect, Wait) else 0)
        return started.effect, numbers

    def _stepped(self, program: Program[Any], value: Any, at_us: int) -> tuple[Effect | None, Any, list[int]]:
        """Run a program, at one moment, up to where it waits (the effect) or ends (None, and its result)."""
        numbers: list[int] = []
        self._clock.pinned_us = at_us
        try:
            while True:
                effect = program.send(value)
                value = None
                if not isinstance(effect, Spawn):
                    return effect, None, numbers
                self._started_count += 1
                self._started[self._started_count] = _Started(effect.program, at_us + effect.delay_us)
                numbers.append(self._started_count)
        except StopIteration as stop:
            return None, stop.value, numbers
        finally:
            self._clock.pinned_us = None

    def _spawns(self, numbers: Sequence[int]) -> Iterator[Spawn]:
        for number in numbers:
            started = self._started[number]
            yield Spawn(self._carried(number, started), max(0, started.due_us - self._clock.now_us))

    def _carried(self, number: int, started: _Started) -> Program[None]:
        """A program that was set going, with all that happens to it kept. One that waits for an answer asks again."""
        effect = started.effect
        value: Any = (yield effect) if isinstance(effect, Call) else None
        while True:
            at_us = self._clock.now_us
            entry: Entry = {"resumed": number}
            if isinstance(value, Answer):
                entry["status"] = value.status
            try:
                effect, numbers = self._resumed(number, value, at_us)
            except Exception:
                self._enter(entry | {"broke": True}, at_us)
                raise
            self._enter(entry, at_us)
            yield from self._spawns(numbers)
            if effect is None:
                return
            value = yield effect

    # --- entries ---------------------------------------------------------------------------------------------

    def _enter(self, entry: Entry, at_us: int) -> None:
        entry["at_us"] = at_us
        if self._decisions.made:
            entry["decided"], self._decisions.made = self._decisions.made, []
        self._unkept.append(json.dumps(entry, separators=(",", ":"), default=_no_form))

    def _request_entry(self, request: Request) -> Entry:
        """A request without its key: a stranger's might be a real one."""
        headers = {name: value for name, value in request.headers.items() if name.startswith(KEPT_HEADERS)}
        entry: Entry = {"request": [request.method, request.path, request.body, dict(request.query), headers]}
        credential = request.headers.get("authorization")
        if credential is not None:
            key = _key_of(credential)
            entry["key"] = self._keys.index(key) if key in self._keys else None
        return entry

    def _request(self, entry: Entry) -> Request:
        method, path, body, query, headers = entry["request"]
        if "key" in entry:
            headers["authorization"] = "Bearer " + ("unknown" if entry["key"] is None else self._keys[entry["key"]])
        return Request(method, path, body, headers, query)


def _key_of(credential: str) -> str:
    """The key in an `Authorization` header: `Bearer <key>`, or the user name of basic authentication."""
    scheme, _, rest = credential.partition(" ")
    if scheme.lower() != "basic":
        return rest.strip()
    try:
        return b64decode(rest, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


def _outcome(entry: Entry) -> Answer | None:
    """What a program was sent: of an answer to a delivery only the status counts."""
    return Answer(entry["status"]) if "status" in entry else None


def _summary(answer: Answer) -> list[Any]:
    """By what an answer is recognised."""
    body = answer.body
    return [answer.status, body.get("id") if isinstance(body, Mapping) else None]


def _no_form(value: Any) -> str:
    """Stands for a body that is no form and was refused."""
    return f"a {type(value).__name__}"


def _unlike(number: int, why: str) -> str:
    return (
        f"the Stripe double's memory cannot be lived through again (entry {number}: {why}): it was probably made by "
        "another version of Gatefall: use that version, or an empty database"
    )
