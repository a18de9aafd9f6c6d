"""No thread of a test can keep it, or the process after it, waiting for ever."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from perf_pipeline_tests.beside import HangingThreadError, at_once, beside

ABANDON = """
import threading
from perf_pipeline_tests.beside import beside
with beside(threading.Event().wait, seconds=0.1):
    pass
"""


def test_a_thread_is_told_to_stop_also_where_the_test_fails() -> None:
    stop, ended = threading.Event(), threading.Event()

    def watch() -> None:
        stop.wait(30)
        ended.set()

    with pytest.raises(ZeroDivisionError), beside(watch, stop=stop):
        raise ZeroDivisionError
    assert ended.is_set()


def test_works_are_done_at_the_same_time() -> None:
    meet = threading.Barrier(3)
    at_once(*(lambda: meet.wait(30) for _ in range(3)))
    assert not meet.broken


def test_a_thread_that_hangs_is_shown_with_its_stack() -> None:
    release = threading.Event()

    def hang_here() -> None:
        release.wait(30)

    with (
        pytest.raises(HangingThreadError, match=r"(?s)1 threads did not end in 0.1 s.*hang_here"),
        beside(hang_here, seconds=0.1),
    ):
        pass
    release.set()


def test_a_thread_that_hangs_does_not_keep_its_process_alive() -> None:
    done = subprocess.run([sys.executable, "-c", ABANDON], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "HangingThreadError: 1 threads did not end in 0.1 s" in done.stderr
