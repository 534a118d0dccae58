"""An event loop in which nobody waits: where nothing is left to do but to let time pass, it passes at once.

For programs that do all of their input and output in this process. `clocks` are moved on with it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from conformance.over_http.live_clock import LiveClock


class HurriedLoop(asyncio.SelectorEventLoop):
    clocks: list[LiveClock]

    def __init__(self, clocks: list[LiveClock]) -> None:
        super().__init__()
        self.clocks = clocks
        self._skipped_s = 0.0

    def time(self) -> float:
        return super().time() + getattr(self, "_skipped_s", 0.0)

    def _run_once(self) -> None:
        ready: Any = self._ready  # type: ignore[attr-defined]
        scheduled: Any = self._scheduled  # type: ignore[attr-defined]
        while scheduled and scheduled[0]._cancelled:
            super()._run_once()  # type: ignore[misc]
            return
        if not ready and scheduled:
            gap_s = scheduled[0]._when - self.time()
            if gap_s > 0:
                self._skipped_s += gap_s
                for clock in self.clocks:
                    clock._offset_us += round(gap_s * 1_000_000)
        super()._run_once()  # type: ignore[misc]
