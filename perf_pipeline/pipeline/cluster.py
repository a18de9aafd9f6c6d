"""The executor on a Dask cluster: the same tasks and outcomes as on this machine's processes.

The workers run the same version of this package, and reach the same storage under the same URL (an object store, or a
folder that all of them mount). They need no database: rows come back to the driver, which commits them.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

from perf_pipeline.pipeline.compute import Outcome, attempt
from perf_pipeline.storage.errors import StorageError

T = TypeVar("T")
R = TypeVar("R")

SCHEME = "dask://"
CHUNK_SECONDS = 0.5
"""A message to a worker costs milliseconds: tasks that take less than that are sent together, for so long at a time."""
LARGEST_CHUNK = 64
CONNECT_SECONDS = 10.0
LOOK_SECONDS = 2.0
WITHOUT_WORKERS_SECONDS = 60.0
"""How long a cluster may be without any worker (all of them restarting) before the run gives up."""


class ClusterUnavailableError(StorageError):
    """The cluster cannot be reached, or has no workers."""


@dataclass
class _Chunk(Generic[T, R]):
    """Tasks that one worker does in turn, and since when they are on their way."""

    tasks: Sequence[T]
    future: Any
    begun: float = field(default_factory=time.monotonic)


class DaskExecutor:
    """Runs tasks on the cluster whose scheduler listens at `dask://host:port`."""

    def __init__(self, url: str) -> None:
        self.address = "tcp://" + url.removeprefix(SCHEME)
        self._client: Any = None
        self._news = threading.Event()
        self._seen: tuple[float, int] = (-math.inf, 0)

    def run(self, function: Callable[[T], R], tasks: Iterable[T], *, timeout_seconds: float) -> Iterator[Outcome[T, R]]:
        """Every task's outcome; raises `ClusterUnavailableError` where there is nobody to do them."""
        queue = iter(tasks)
        running: list[_Chunk[T, R]] = []
        suspects: list[T] = []
        size = 1
        try:
            while True:
                most = 2 * self._threads() - len(running)
                running += [self._send(function, chunk) for chunk in _chunks(queue, size, most)]
                if not running:
                    break
                for chunk in self._finished(running, timeout_seconds):
                    running.remove(chunk)
                    outcomes, seconds = self._outcomes(chunk)
                    if outcomes is None:
                        suspects += chunk.tasks
                        continue
                    size = _next_size(size, seconds / len(chunk.tasks))
                    yield from outcomes
        finally:
            self._forget(running)
        for task in suspects:
            yield self._alone(function, task, timeout_seconds)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def describe(self) -> str:
        """Who is there, for `doctor`."""
        workers = len(self._connected().nthreads())
        return f"{workers} workers with {self._threads()} threads at {self.address}"

    def _connected(self) -> Any:
        if self._client is None:
            try:
                import distributed
            except ImportError as error:
                raise ClusterUnavailableError(
                    "PERF_COMPUTE names a Dask cluster, and the package `distributed` is not installed",
                    "Install perf-pipeline[cluster], or set PERF_COMPUTE=processes",
                ) from error
            try:
                connect: Any = distributed.Client
                self._client = connect(self.address, timeout=CONNECT_SECONDS, set_as_default=False)
            except (OSError, TimeoutError, ValueError) as error:
                raise ClusterUnavailableError(
                    f"no Dask scheduler answers at {self.address}",
                    "Start it, correct PERF_COMPUTE, or set PERF_COMPUTE=processes",
                ) from error
        return self._client

    def _threads(self) -> int:
        """Threads of all workers, as of the last seconds; waits a while for workers that are being restarted."""
        began = time.monotonic()
        while self._seen[1] == 0 or time.monotonic() - self._seen[0] > LOOK_SECONDS:
            self._seen = (time.monotonic(), int(sum(self._connected().nthreads().values())))
            if self._seen[1] == 0:
                if time.monotonic() - began > WITHOUT_WORKERS_SECONDS:
                    raise ClusterUnavailableError(
                        f"the cluster at {self.address} has no workers", "Start `dask worker`s"
                    )
                time.sleep(0.2)
        return self._seen[1]

    def _send(self, function: Callable[[T], R], tasks: Sequence[T]) -> _Chunk[T, R]:
        # Never "pure": the same months are computed again when something beside them has changed.
        future = self._connected().submit(attempt_all, function, list(tasks), pure=False)
        future.add_done_callback(lambda _: self._news.set())
        return _Chunk(tasks, future)

    def _finished(self, running: Sequence[_Chunk[T, R]], timeout_seconds: float) -> list[_Chunk[T, R]]:
        """The chunks that are done, after a wait for the first of them; what is overdue is ended."""
        # A chunk may wait behind one other of its worker before its own time starts. It is made to last half a second:
        # one that takes as long as a single task may hangs in one of them, and each is then tried by itself.
        left = [chunk.begun + 2 * timeout_seconds - time.monotonic() for chunk in running]
        if not any(chunk.future.done() for chunk in running):
            self._news.wait(max(0.05, min([*left, LOOK_SECONDS])))
        self._news.clear()
        for chunk, seconds in zip(running, left, strict=True):
            if seconds <= 0 and not chunk.future.done():
                self._end(chunk.future)
        return [chunk for chunk in running if chunk.future.done()]

    def _end(self, future: Any) -> None:
        """Ends the worker that hangs on this future: a thread cannot be ended, but its process's nanny can do it."""
        client = self._connected()
        with suppress(Exception):  # whatever the scheduler no longer knows needs no end
            busy = [worker for worker, keys in client.processing().items() if future.key in keys]
            future.cancel(force=True)
            client.restart_workers(busy, timeout=30, raise_for_error=False)

    def _outcomes(self, chunk: _Chunk[T, R]) -> tuple[list[Outcome[T, R]] | None, float]:
        """What became of the tasks and the seconds they took; None where the worker was lost with them."""
        if chunk.future.status != "finished":
            return None, 0.0
        results, seconds = chunk.future.result()
        return [
            Outcome(task, result=result, error=error)
            for task, (result, error) in zip(chunk.tasks, results, strict=True)
        ], seconds

    def _alone(self, function: Callable[[T], R], task: T, timeout_seconds: float) -> Outcome[T, R]:
        """Does a suspect by itself, so that the loss has one name."""
        chunk: _Chunk[T, R] = self._send(function, [task])
        while not chunk.future.done() and time.monotonic() < chunk.begun + timeout_seconds:
            self._finished([chunk], timeout_seconds)
        if not chunk.future.done():
            self._end(chunk.future)
            return Outcome(task, lost=f"the reader was stopped after {timeout_seconds:g} s")
        outcomes, _ = self._outcomes(chunk)
        return outcomes[0] if outcomes else Outcome(task, lost="the reader's process died")

    def _forget(self, running: Sequence[_Chunk[T, R]]) -> None:
        """The caller stopped listening: what still runs may hang, and nobody would end it."""
        for chunk in running:
            if not chunk.future.done():
                self._end(chunk.future)


def attempt_all(function: Callable[[T], R], tasks: Sequence[T]) -> tuple[list[tuple[R | None, Any]], float]:
    """In a worker: each task's result or exception, and the seconds that all of them took."""
    began = time.perf_counter()
    outcomes: list[Outcome[T, R]] = [attempt(function, task) for task in tasks]
    return [(outcome.result, outcome.error) for outcome in outcomes], time.perf_counter() - began


def _chunks(queue: Iterator[T], size: int, most: int) -> Iterator[list[T]]:
    for _ in range(most):
        chunk = list(islice(queue, size))
        if not chunk:
            return
        yield chunk


def _next_size(size: int, task_seconds: float) -> int:
    """Twice as many at a time, as long as they are done soon."""
    wanted = round(CHUNK_SECONDS / max(task_seconds, 1e-4))
    return max(1, min(2 * size, wanted, LARGEST_CHUNK))
