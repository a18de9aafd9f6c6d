"""Threads beside a test, which end with it: one that hangs fails the test, shows where, and keeps no process alive."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE_SECONDS = 60.0
"""What takes long takes seconds, also on a machine that others use."""


class HangingThreadError(AssertionError):
    """A thread did not end in its time; the message has its stack."""


@contextmanager
def beside(
    *works: Callable[[], object], stop: threading.Event | None = None, seconds: float = PATIENCE_SECONDS
) -> Iterator[None]:
    """Does the works in threads while the block runs; after it, however it ends, `stop` is set and they are awaited."""
    # Daemons: the interpreter waits for all others at its end, without a limit.
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        if stop is not None:
            stop.set()
        _join(threads, seconds)


def at_once(*works: Callable[[], object]) -> None:
    """Does all the works at the same time."""
    with beside(*works):
        pass


def _join(threads: list[threading.Thread], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    hanging = [thread.ident for thread in threads if thread.is_alive()]
    if hanging:
        frames = sys._current_frames()
        stacks = ["".join(traceback.format_stack(frames[ident])) for ident in hanging if ident in frames]
        raise HangingThreadError(f"{len(hanging)} threads did not end in {seconds:g} s\n" + "\n".join(stacks))
