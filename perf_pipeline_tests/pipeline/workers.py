"""What the tests have worker processes do. Workers import it by this name."""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from perf_pipeline.formats.model import FileFormat, Session, Streams
from perf_pipeline.pipeline.compute import Executor
from perf_pipeline.pipeline.month_work import MonthTask
from perf_pipeline.storage.sessions import FileMeta, StoredSession
from perf_pipeline.storage.streams import read_streams, write_streams


def square(number: int) -> int:
    return number * number


def environment(name: str) -> str | None:
    return os.environ.get(name)


def make_arrays_and_list_modules(values: list[float]) -> set[str]:
    """Does with pyarrow what months do; the modules that this process holds then."""
    import numpy as np
    import pyarrow as pa

    pa.array(np.array(values)).to_numpy()
    return set(sys.modules)


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


def hang_and_catch(task: object) -> None:
    del task
    while True:
        with suppress(Exception):  # as a reader may do
            time.sleep(60)


def hang_deaf(task: object) -> None:
    """As a loop beneath Python: no signal is heard."""
    del task
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    time.sleep(60)


def modules_after_parquet(name: str) -> list[str]:
    """The module, if it is there when Parquet has been written and read."""
    streams = Streams(np.array([0, 1000]), {"power_watts": np.array([1.0, np.nan])})
    item = StoredSession(uuid.UUID(int=1), "0" * 64, FileMeta(FileFormat.FIT), Session(0, "bike", 0, 1000, streams))
    assert len(read_streams(write_streams([item]))) == 1
    return sorted({name} & set(sys.modules))
