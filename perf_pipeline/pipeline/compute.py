"""Where work runs: one `Executor` interface, so that a laptop and a cluster share one code path.

A task that kills or hangs its worker costs that one task: the others go on, and the failure comes back as a value.
"""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.connection
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from perf_pipeline.storage.arrow import do_without_pandas

T = TypeVar("T")
R = TypeVar("R")

PRELOAD = (
    "perf_pipeline.pipeline.month_work",
    "perf_pipeline.pipeline.intake_work",
    "perf_pipeline.pipeline.stages.relative_metrics",
    "timezonefinder.timezonefinder",
)
"""Imported once by the fork server, so that a worker starts in milliseconds: what is imported at its first task instead
is imported by every worker anew."""
MOST_SECONDS = 3600.0
"""Of a task that computes and reads no file: it ends a hang."""
MALLOC = {"MALLOC_TRIM_THRESHOLD_": "134217728", "MALLOC_MMAP_THRESHOLD_": "134217728"}
"""Has glibc keep what a month has freed for the next one: giving arrays back to the system and asking for them again
costs a twentieth of the time."""
COLLECT_AFTER = 50_000
"""Objects made before a worker looks for circles among them."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T, R]):
    """What became of a task: its `result`, or the reason why its worker was lost.

    An exception that the task itself raised is `error`; it is the caller's to judge.
    """

    task: T
    result: R | None = None
    lost: str | None = None
    error: BaseException | None = None


class Executor(Protocol):
    """Runs a function over tasks; outcomes come as they are ready, in any order."""

    def run(self, function: Callable[[T], R], tasks: Iterable[T], *, timeout_seconds: float) -> Iterator[Outcome[T, R]]:
        """Every task's outcome. `timeout_seconds` bounds one task's time in its worker."""
        ...

    def close(self) -> None:
        """Ends the workers."""
        ...


class InlineExecutor:
    """In this process: for debugging, and for work too small to send away."""

    def run(self, function: Callable[[T], R], tasks: Iterable[T], *, timeout_seconds: float) -> Iterator[Outcome[T, R]]:
        del timeout_seconds  # nobody is there to interrupt us
        for task in tasks:
            yield attempt(function, task)

    def close(self) -> None:
        return


class ProcessExecutor:
    """A pool of local processes that survives the loss of any of them."""

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._pool: ProcessPoolExecutor | None = None

    def run(self, function: Callable[[T], R], tasks: Iterable[T], *, timeout_seconds: float) -> Iterator[Outcome[T, R]]:
        running: dict[Future[R], tuple[T, float]] = {}
        try:
            yield from self._run(function, iter(tasks), running, timeout_seconds)
        finally:
            if running:
                # The caller stopped listening: what still runs may hang, and nobody would end it.
                self._discard()

    def _run(
        self,
        function: Callable[[T], R],
        queue: Iterator[T],
        running: dict[Future[R], tuple[T, float]],
        timeout_seconds: float,
    ) -> Iterator[Outcome[T, R]]:
        suspects: list[T] = []
        exhausted = False
        while True:
            # One task waits for each that runs: workers never idle, and memory stays flat however long the queue is.
            while not exhausted and len(running) < 2 * self.workers:
                try:
                    task = next(queue)
                except StopIteration:
                    exhausted = True
                    break
                running[self._submit(function, task)] = (task, time.monotonic())
            if not running:
                break
            # A task may wait behind one other in the pool before its own time starts.
            overdue = min(start for _, start in running.values()) + 2 * timeout_seconds
            done, _ = wait(running, timeout=max(0.05, overdue - time.monotonic()), return_when=FIRST_COMPLETED)
            if not done:
                if self._pool is not None:
                    _kill(self._pool._processes)  # noqa: SLF001 - the pool offers no other way to end a hung worker
                done, _ = wait(running, timeout=10)
            for future in done:
                task, _ = running.pop(future)
                outcome = _outcome(future, task)
                if outcome.lost is None:
                    yield outcome
                else:
                    suspects.append(task)
            if suspects and any(future.done() for future in running):
                continue  # a broken pool breaks every future it holds: collect them all before going on
            if suspects:
                self._discard()
                for task in suspects:
                    yield self._alone(function, task, timeout_seconds)
                suspects.clear()

    @property
    def is_started(self) -> bool:
        """Whether there are workers already."""
        return self._pool is not None

    def close(self) -> None:
        self._discard(patience_seconds=10)

    def _alone(self, function: Callable[[T], R], task: T, timeout_seconds: float) -> Outcome[T, R]:
        """Runs a suspect in a process of its own, so that the loss has one name."""
        with _surroundings_of_workers():
            pool = ProcessPoolExecutor(1, mp_context=_context(), initializer=_begin)
            future = pool.submit(function, task)
        try:
            done, _ = wait([future], timeout=timeout_seconds)
            if not done:
                return Outcome(task, lost=f"the reader was stopped after {timeout_seconds:g} s")
            return _outcome(future, task)
        finally:
            _end(pool, patience_seconds=10 if future.done() else 0)

    def _submit(self, function: Callable[[T], R], task: T) -> Future[R]:
        with _surroundings_of_workers():
            if self._pool is None:
                self._pool = ProcessPoolExecutor(self.workers, mp_context=_context(), initializer=_begin)
            try:
                return self._pool.submit(function, task)
            except (BrokenProcessPool, OSError) as error:
                # The second where it breaks at this very moment: a new worker cannot be given what has been closed.
                if not self._pool._broken:  # noqa: SLF001
                    raise
                broken: Future[R] = Future()
                broken.set_exception(BrokenProcessPool(str(error)))
                return broken

    def _discard(self, patience_seconds: float = 0) -> None:
        if self._pool is not None:
            _end(self._pool, patience_seconds)
            self._pool = None


def _kill(workers: Mapping[int, multiprocessing.process.BaseProcess]) -> None:
    for process in list(workers.values()):
        process.kill()


def _end(pool: ProcessPoolExecutor, patience_seconds: float) -> None:
    """Ends the pool; workers that are not done after so many seconds are killed.

    The pool's own `shutdown(wait=True)` may wait for ever: a worker that starts while the pool finds out that another
    one died is waited for and never told to end.
    """
    manager: Any = pool._executor_manager_thread  # noqa: SLF001 - the pool forgets both when told to end
    workers = pool._processes  # noqa: SLF001
    pool.shutdown(wait=False, cancel_futures=True)
    if manager is None:
        return
    manager.join(patience_seconds)
    while manager.is_alive():
        _kill(workers)
        manager.join(0.02)


def make_executor(compute: str, workers: int) -> Executor:
    """The executor that the settings ask for."""
    if compute.startswith("dask://"):
        from perf_pipeline.pipeline.cluster import DaskExecutor

        return DaskExecutor(compute)
    return InlineExecutor() if compute == "inline" else ProcessExecutor(workers)


def _begin() -> None:
    """What a worker does first."""
    do_without_pandas()
    # What is imported stays, and a month makes rows by the hundred thousand, none of them in a circle: looking for
    # circles among them as often as Python does by default takes a twentieth of the time.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    _end_with_parent()


def _end_with_parent() -> None:
    """Has the worker end when the process that asked for it is gone: killed, it could not say so to its pool."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


class WorkerLostError(RuntimeError):
    """A worker died or hung over work that reads no file."""


def side_by_side(executor: Executor | None, function: Callable[[T], R], tasks: Sequence[T]) -> list[R]:
    """The results in the order of the tasks; done here, one after the other, where there is no executor.

    Raises what a task raised, `WorkerLostError` where its worker was lost.
    """
    if executor is None:
        return [function(task) for task in tasks]
    found: dict[int, R] = {}
    for outcome in executor.run(_Numbered(function), list(enumerate(tasks)), timeout_seconds=MOST_SECONDS):
        if outcome.error is not None:
            raise outcome.error
        if outcome.result is None:
            raise WorkerLostError(outcome.lost or "nothing came back")
        number, result = outcome.result
        found[number] = result
    return [found[number] for number in range(len(tasks))]


@dataclass(frozen=True, slots=True)
class _Numbered(Generic[T, R]):
    """Outcomes come in any order: the number tells which task it was."""

    function: Callable[[T], R]

    def __call__(self, task: tuple[int, T]) -> tuple[int, R]:
        return task[0], self.function(task[1])


def attempt(function: Callable[[T], R], task: T) -> Outcome[T, R]:
    """Does the task here and now."""
    try:
        return Outcome(task, result=function(task))
    except Exception as error:  # noqa: BLE001 - handed to the caller as a value
        return Outcome(task, error=error)


def _outcome(future: Future[R], task: T) -> Outcome[T, R]:
    error = future.exception(timeout=0)
    if isinstance(error, BrokenProcessPool):
        return Outcome(task, lost="the reader's process died")
    return Outcome(task, error=error) if error is not None else Outcome(task, result=future.result())


def _context() -> multiprocessing.context.BaseContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOAD))
    return context


@contextmanager
def _surroundings_of_workers() -> Iterator[None]:
    """What the fork server and its workers are to find where they are started."""
    with _no_main_module(), _environment(MALLOC):
        yield


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    added = [name for name in wanted if name not in os.environ]
    os.environ.update({name: wanted[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Workers would import the main module again, Dagster's included: a second and 100 MB each for nothing they use."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    main.__spec__ = None
    if file is not None:
        del main.__file__
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file
