"""Whether memory grows with the number of customers: a whole run, recorded and judged, with its peak of memory.

    python benchmarks/memory.py [--customers 1000000] [--workers 2]

Prints the seconds, the customers a second, and how far the peak of all processes together lies above what the same run
takes with 2,000 customers. The limit is 100 MB and 100 bytes a customer. What is recorded goes to a temporary folder
(about 400 bytes a customer) and is removed.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from conformance.running import run_plan
from conformance.simulated import SimulatedTarget
from gatefall.folds import FOLDS
from gatefall.planning import new_plan

SMALL = 2_000
LIMIT_BYTES = 100_000_000
LIMIT_BYTES_PER_CUSTOMER = 100
SAMPLE_S = 0.2
SCENARIO = "missing-payment-method"
PHASE = 4


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The largest sum of resident bytes of this process and its children while the block runs."""
    peak = [0]
    done = threading.Event()
    me = psutil.Process()

    def watch() -> None:
        while not done.wait(SAMPLE_S):
            peak[0] = max(peak[0], sum(resident(process) for process in (me, *me.children(recursive=True))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def resident(process: psutil.Process) -> int:
    """Resident bytes; 0 for a process that has just ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def measure(customers: int, workers: int) -> tuple[float, int]:
    """Seconds and peak of bytes of one recorded and judged run."""
    plan = new_plan([SCENARIO], 1, "simulated", (PHASE,), customers)
    with tempfile.TemporaryDirectory() as folder, peak_memory() as peak:
        begun = time.monotonic()
        record = run_plan(plan, Path(folder) / "run", SimulatedTarget(), FOLDS, workers=workers)
        seconds = time.monotonic() - begun
    assert record.complete
    return seconds, peak[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    _, base_bytes = measure(SMALL, arguments.workers)
    seconds, peak_bytes = measure(arguments.customers, arguments.workers)
    allowed_bytes = LIMIT_BYTES + LIMIT_BYTES_PER_CUSTOMER * arguments.customers
    print(
        f"{arguments.customers:,} customers: {seconds:.0f} s, {arguments.customers / seconds:,.0f} customers a second"
    )
    print(f"peak: {peak_bytes / 1e6:.0f} MB; with {SMALL:,} customers: {base_bytes / 1e6:.0f} MB")
    print(f"growth: {(peak_bytes - base_bytes) / 1e6:.0f} MB of {allowed_bytes / 1e6:.0f} MB allowed")


if __name__ == "__main__":
    main()
