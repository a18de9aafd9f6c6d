"""Files that end whoever reads them. Workers import this by its name."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from unittest.mock import patch

from perf_pipeline.formats import containers, reading
from perf_pipeline.pipeline.compute import Executor, Outcome


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(0)


def hang() -> None:
    time.sleep(3600)


FATES: Mapping[str, Callable[[], None]] = {f.__name__: f for f in (kill, crash, leave, hang)}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Marked:
    """Does `function`, in a process in which the readers meet their fate at certain files (sha256 -> fate)."""

    function: Callable[[object], object]
    fates: Mapping[str, str]

    def __call__(self, task: object) -> object:
        with ExitStack() as stack:
            for module, name in ((reading, "read"), (reading, "identify"), (containers, "unpack")):
                stack.enter_context(patch.object(module, name, self._guarded(getattr(module, name))))
            return self.function(task)

    def _guarded(self, read: Callable[..., object]) -> Callable[..., object]:
        def guarded(data: bytes, *rest: object, **options: object) -> object:
            fate = self.fates.get(sha(data))
            if fate is not None:
                FATES[fate]()
            return read(data, *rest, **options)

        return guarded


@dataclass
class MarkedExecutor:
    """Another executor, in whose workers some files are deadly."""

    inner: Executor
    fates: Mapping[str, str]

    def run(self, function: Callable, tasks: Iterable, *, timeout_seconds: float) -> Iterator[Outcome]:
        return self.inner.run(Marked(function, self.fates), tasks, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self.inner.close()


def warm(number: int) -> int:
    return number
