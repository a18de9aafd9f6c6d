"""What the tests have worker processes do. Workers import it by this name."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from perf_pipeline.pipeline.compute import Executor
from perf_pipeline.pipeline.month_work import MonthTask


def square(number: int) -> int:
    return number * number


def say_and_hang(_: int) -> None:
    """Tells the worker's pid on the output that it shares with its parent, and never comes back."""
    print(os.getpid(), flush=True)  # noqa: T201
    time.sleep(3600)


def die_on(task: tuple[int, int]) -> int:
    """The square of the first number, unless it is the second: then this process kills itself."""
    number, deadly = task
    if number == deadly:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def hang_on(task: tuple[int, int]) -> int:
    """As `die_on`, but hanging."""
    number, slow = task
    if number == slow:
        time.sleep(3600)
    return number * number


def fail_on_odd(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def leave(number: int) -> int:
    sys.exit(number)


def process_id(_: int) -> int:
    return os.getpid()


@dataclass(frozen=True)
class Deadly:
    """Does what `function` does with a month, unless that touches the file with this hash: then its process dies."""

    function: Callable[[MonthTask], object]
    sha256: str

    def __call__(self, task: MonthTask) -> object:
        if any(file.sha256 == self.sha256 and file.sha256 not in task.skip for file in task.files):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.function(task)


@dataclass
class DeadlyFile:
    """An executor in whose workers one file kills whoever reads it."""

    inner: Executor
    sha256: str

    def run(self, function: Callable, tasks: Iterable, *, timeout_seconds: float) -> Iterator:
        return self.inner.run(Deadly(function, self.sha256), tasks, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self.inner.close()


def nap(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
