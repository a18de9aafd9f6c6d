"""Few tasks are done in this process: starting workers for them takes longer than they do.

A task that kills its process is then a dead run and no longer a lost worker. So a run says in the storage that it reads
the athlete's files itself, and takes that back at its end: where it did not come so far, the next one uses workers,
which finds out the file. A task that hangs is stopped by an alarm, and where it does not hear of it, the process is.
"""

from __future__ import annotations

import faulthandler
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from types import FrameType
from typing import TypeVar
from uuid import uuid4

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.compute import Outcome, ProcessExecutor, attempt
from perf_pipeline.storage.arrow import do_without_pandas
from perf_pipeline.storage.objects import ObjectStore

T = TypeVar("T")
R = TypeVar("R")

FEW = 4
"""So many tasks are done before workers would have started."""
_STDERR = 2


class Attempts:
    """What runs say of themselves in the storage: this one reads an athlete's files in its own process."""

    def __init__(self, store: Callable[[], ObjectStore]) -> None:
        self._store = store
        self._token = uuid4().hex
        self._trusted: dict[str, bool] = {}
        self._handle: str | None = None

    @contextmanager
    def about(self, handle: str) -> Iterator[None]:
        """Meanwhile, the athlete is the one whose files are read."""
        before, self._handle = self._handle, handle
        try:
            yield
        finally:
            self._handle = before

    def begin(self) -> bool:
        """Says that this process reads the athlete's files; False where it had better not."""
        handle = self._handle
        if handle is None:
            return False
        if handle not in self._trusted:
            # Whoever is at it and whoever died of it look the same: workers are right for both.
            others = [item.key for item in self._store().list(layout.attempts(handle))]
            if not others:
                self._store().put(layout.attempts(handle, self._token), b"")
            self._trusted[handle] = not others
            self._forget(others)
        return self._trusted[handle]

    def end(self) -> None:
        """This process has come through."""
        self._forget(layout.attempts(handle, self._token) for handle, trusted in self._trusted.items() if trusted)
        self._trusted.clear()

    def _forget(self, keys: Iterable[str]) -> None:
        self._store().delete_many(keys)


class FewHereExecutor:
    """Does few tasks in this process and more of them in the pool's; few as well, once the pool is there."""

    def __init__(self, pool: ProcessExecutor, attempts: Attempts) -> None:
        self._pool = pool
        self._attempts = attempts

    def run(self, function: Callable[[T], R], tasks: Iterable[T], *, timeout_seconds: float) -> Iterator[Outcome[T, R]]:
        """Every task's outcome, as from any executor."""
        queue = iter(tasks)
        first = list(islice(queue, FEW + 1))
        if not first:
            return
        # Only the main thread is told of an alarm.
        alone = threading.current_thread() is threading.main_thread()
        if len(first) > FEW or self._pool.is_started or not alone or not self._attempts.begin():
            yield from self._pool.run(function, chain(first, queue), timeout_seconds=timeout_seconds)
            return
        do_without_pandas()
        for task in first:
            yield attempt_within(function, task, timeout_seconds)

    def close(self) -> None:
        self._pool.close()


class _OverdueError(BaseException):
    """The alarm: no `except Exception` of a reader takes it for a fault of the file."""


def attempt_within(function: Callable[[T], R], task: T, timeout_seconds: float) -> Outcome[T, R]:
    """Does the task here and now, and gives up after so many seconds. For the main thread alone."""

    def ring(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise _OverdueError

    began = time.monotonic()
    handler = signal.signal(signal.SIGALRM, ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, timeout_seconds)
    faulthandler.dump_traceback_later(2 * timeout_seconds, exit=True, file=_STDERR)
    try:
        try:
            return attempt(function, task)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
    except _OverdueError:
        return Outcome(task, lost=f"the reader was stopped after {timeout_seconds:g} s")
    finally:
        signal.signal(signal.SIGALRM, handler)
        if left:
            # Somebody else's alarm goes on, less what has passed.
            signal.setitimer(signal.ITIMER_REAL, max(0.001, left - (time.monotonic() - began)), interval)
