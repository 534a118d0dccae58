"""Worker processes: started, fed in order, and stopped, whatever happens."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from types import FrameType
from typing import Final, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

TASKS_IN_FLIGHT_PER_WORKER: Final = 4
"""Enough that no worker idles behind a slow task; few enough that a million customers are not held in memory."""


class WorkerLost(Exception):
    """A worker process ended by itself, most often because memory ran out."""


def in_order(
    function: Callable[[Task], Result], tasks: Iterable[Task], pool: Executor | None, workers: int
) -> Iterator[Result]:
    """The results in the order of the tasks, few of which are under way at once. Without a pool: in this process."""
    if pool is None:
        yield from map(function, tasks)
        return
    under_way: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            under_way.append(pool.submit(function, task))
            if len(under_way) >= workers * TASKS_IN_FLIGHT_PER_WORKER:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()


@contextlib.contextmanager
def worker_pool(workers: int, executor: Executor | None) -> Iterator[Executor | None]:
    """The executor to use; processes of our own are stopped, not waited for, when something goes wrong."""
    if executor is not None or workers == 1:
        yield executor
        return
    others = set(multiprocessing.active_children())
    # Spawned, because forking a process that has threads may deadlock.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin_worker)
    try:
        yield pool
    except BaseException as error:
        for process in multiprocessing.active_children():
            if process not in others:
                process.terminate()
        pool.shutdown(cancel_futures=True)
        if isinstance(error, BrokenProcessPool):
            raise WorkerLost(
                "a worker process ended unexpectedly, most often because memory ran out; use fewer --workers"
            ) from error
        raise
    pool.shutdown()


def _begin_worker() -> None:
    """A worker leaves Ctrl-C to its parent, and does not outlive it, not even when the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM stop the run as Ctrl-C does. Only the main thread may say what signals do."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
