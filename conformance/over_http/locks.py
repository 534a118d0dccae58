"""The exclusive right to change an account, where programs run in real time: the port, and its form for one process.

A live world takes a lease for every `Acquire` and gives it back for every `Release`. Whatever else ends a program (it
broke, it was cancelled, its server stops), the world abandons the leases that the program still holds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol


class LockUnavailable(Exception):
    """The right to an account cannot be had, an account not be read, or what was done not be kept.

    Whoever asked is told to come again (503): what the account held before is what it holds now. The message is for a
    person.
    """


class Lease(Protocol):
    """The right to one account, held by the task that acquired it. One of the two calls ends it; further ones do
    nothing."""

    async def release(self) -> None:
        """Keep what the program saved and let the next one in. Raises LockUnavailable where it could not be kept."""

    async def abandon(self) -> None:
        """Let the next one in; where the store has transactions, what the program saved is undone. Never raises."""


class Locks(Protocol):
    """Exclusive rights by key (the id of an account): first come, first served; not re-entrant.

    `acquire` is awaited in the task that runs the program, not in one of its own (`asyncio.wait_for` makes one; use
    `asyncio.timeout`): a store that loads the account with the lock shows it to that task alone.
    """

    async def acquire(self, key: str) -> Lease:
        """Wait for the right to `key`. Raises LockUnavailable; being cancelled while waiting leaves nothing behind."""


class MemoryLocks:
    """Locks of one process. A key that nobody holds or waits for is forgotten."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}

    async def acquire(self, key: str) -> MemoryLease:
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = deque()
            return MemoryLease(self, key)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # our turn came together with the cancellation: pass it on
                self.give_back(key)
            elif turn in line:
                line.remove(turn)
            raise
        return MemoryLease(self, key)

    def give_back(self, key: str) -> None:
        """Let the next one in line go on; without a line, forget the key."""
        line = self._lines[key]
        while line:
            turn = line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._lines[key]

    def __len__(self) -> int:
        """How many keys are held."""
        return len(self._lines)


class MemoryLease:
    """The right to one key in this process."""

    __slots__ = ("_key", "_locks")

    def __init__(self, locks: MemoryLocks, key: str) -> None:
        self._locks: MemoryLocks | None = locks
        self._key = key

    async def release(self) -> None:
        locks, self._locks = self._locks, None
        if locks is not None:
            locks.give_back(self._key)

    async def abandon(self) -> None:
        await self.release()
