"""What a run says of Gatefall itself: whether it was on time, so that its own delays are not taken for the target's."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import orjson

from conformance.over_http.lateness import Lateness

FILE_NAME: Final = "harness.json"


@dataclass(frozen=True, slots=True)
class HarnessNote:
    """How late the harness's own wake-ups were, in microseconds, and how late the 99th of a hundred may be."""

    wake_ups: int
    p50_us: int
    p99_us: int
    max_us: int
    bound_us: int

    @classmethod
    def of(cls, lateness: Lateness, bound_us: int) -> HarnessNote:
        """What was counted, against a bound."""
        return cls(lateness.count, lateness.p50_us or 0, lateness.p99_us or 0, lateness.max_us, bound_us)

    def after(self, earlier: HarnessNote | None) -> HarnessNote:
        """This note of a run that was begun before and completed now: neither part may have been too late."""
        if earlier is None:
            return self
        return HarnessNote(
            self.wake_ups + earlier.wake_ups,
            max(self.p50_us, earlier.p50_us),
            max(self.p99_us, earlier.p99_us),
            max(self.max_us, earlier.max_us),
            min(self.bound_us, earlier.bound_us),
        )

    @property
    def too_late(self) -> str | None:
        """Why the run says nothing about times, if so: a harness that is late sees itself and not the target."""
        if self.p99_us <= self.bound_us:
            return None
        return (
            f"one wake-up in a hundred of gatefall's own was more than {self.p99_us / 1_000:,.0f} ms late, and "
            f"{self.bound_us / 1_000:,.0f} ms are allowed: its own delays cannot be told from the target's; "
            "use fewer customers at once, or another machine"
        )

    def write(self, out: Path) -> None:
        """Put the note beside the run's manifest, at once or not at all."""
        partial = out / f".{FILE_NAME}.{os.getpid()}.partial"
        partial.write_bytes(orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        partial.replace(out / FILE_NAME)


@runtime_checkable
class Paced(Protocol):
    """A target whose customers act in real time, so that the harness can be late.

    `in_one_process`: caps, rates and lateness are counted for all customers together.
    """

    lateness: Lateness

    @property
    def lateness_bound_us(self) -> int:
        """How late one wake-up in a hundred may be."""

    @property
    def in_one_process(self) -> bool:
        """Whether all customers have to be run in one process."""


def read_harness_note(out: Path) -> HarnessNote | None:
    """The note of a recorded run; None where there is none, or none that can be read."""
    try:
        return HarnessNote(**orjson.loads((out / FILE_NAME).read_bytes()))
    except (OSError, TypeError, orjson.JSONDecodeError):
        return None
