"""The journal of accounts: what was made at a deployment and is not deleted yet, on disk before it is used.

A line is written, and brought to the disk, before an account is asked for, when its id is known, and when it is
deleted. Whatever ends a run (Ctrl-C, a crash, a power cut), what it left can be found and deleted later. No line holds
a token.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

_MODE: Final = 0o600


class JournalInUse(Exception):
    """Another process is using the journal: its accounts are in use. The message says what to do."""


class DamagedJournal(Exception):
    """The journal holds lines that nobody can read. The message says which."""


@dataclass(frozen=True, slots=True)
class MadeAccount:
    """One account that is not known to be deleted.

    `reference`: our own name for it, unique to run and customer. `account_id` is None where the answer never came: it
    may exist. `kept`: what a pooled account had before, which is to be left alone.
    """

    reference: str
    account_id: str | None = None
    stripe_customer: str | None = None
    pooled: bool = False
    kept: tuple[str, ...] = ()


class AccountsJournal:
    """The journal in a file, held by one process at a time. A context manager."""

    __slots__ = ("_descriptor", "_left", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        self._left: dict[str, MadeAccount] = {}

    def __enter__(self) -> Self:
        """Open and lock the file, and read what is left in it. Raises JournalInUse, DamagedJournal, OSError."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise JournalInUse(
                f"{self.path}: another gatefall process is using this deployment; wait for its end"
            ) from None
        self._descriptor = descriptor
        try:
            content = self.path.read_bytes()
            self._left, whole = _left_in(self.path, content)
            if whole < len(content):
                os.ftruncate(descriptor, whole)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; where nothing is left, it is emptied (and not removed: another process may wait for it)."""
        if self._descriptor is not None and not self._left:
            os.ftruncate(self._descriptor, 0)
        self._close()

    @property
    def left(self) -> tuple[MadeAccount, ...]:
        """The accounts that are not known to be deleted, oldest first."""
        return tuple(self._left.values())

    def asked(self, reference: str) -> None:
        """An account is about to be asked for."""
        self._left[reference] = MadeAccount(reference)
        self._write({"event": "asked", "reference": reference})

    def made(self, account: MadeAccount) -> None:
        """The account is there; only after this may it be used."""
        self._left[account.reference] = account
        self._write({"event": "made", **asdict(account)})

    def gone(self, reference: str) -> None:
        """The account is deleted, or was never made."""
        self._left.pop(reference, None)
        self._write({"event": "gone", "reference": reference})

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._descriptor is not None, "the journal is not open"
        os.write(self._descriptor, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        os.fsync(self._descriptor)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def accounts_left(path: Path) -> int:
    """How many accounts a journal still holds; 0 where there is none. Raises DamagedJournal."""
    try:
        return len(_left_in(path, path.read_bytes())[0])
    except FileNotFoundError:
        return 0


def _left_in(path: Path, content: bytes) -> tuple[dict[str, MadeAccount], int]:
    """What the lines come to, and how long they are.

    A last line without its end was cut off while it was written, so nothing was done after it.
    """
    left: dict[str, MadeAccount] = {}
    *lines, rest = content.split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            read = orjson.loads(line)
            if read.pop("event") == "gone":
                left.pop(read["reference"], None)
            else:
                account = MadeAccount(**{**read, "kept": tuple(read.get("kept", ()))})
                left[account.reference] = account
        except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
            raise DamagedJournal(
                f"{path}:{number}: is no line that gatefall wrote; look for the account that it names, delete the "
                "account and then the line"
            ) from None
    return left, len(content) - len(rest)
