"""What the tests have worker processes do. Workers import it by this name."""

from __future__ import annotations

import os
import signal
import sys
import time


def square(number: int) -> int:
    return number * number


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
