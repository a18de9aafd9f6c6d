"""Few tasks in this process: the same outcomes without workers, and workers wherever this process might not survive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.compute import ProcessExecutor
from perf_pipeline.pipeline.few_tasks import FEW, Attempts, FewHereExecutor, attempt_within
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline_tests.beside import at_once
from perf_pipeline_tests.pipeline import workers

LONG = 60.0


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    store = ObjectStore.from_url(str(tmp_path))
    store.prepare()
    return store


@pytest.fixture
def pool() -> Iterator[ProcessExecutor]:
    pool = ProcessExecutor(1)
    yield pool
    pool.close()


def where(executor: FewHereExecutor, count: int) -> set[bool]:
    """Whether tasks were done in this process."""
    outcomes = list(executor.run(workers.process_id, range(count), timeout_seconds=LONG))
    assert sorted(outcome.task for outcome in outcomes) == list(range(count))
    return {outcome.result == os.getpid() for outcome in outcomes}


def test_few_tasks_are_done_here_and_more_by_workers_who_then_do_the_few_too(
    store: ObjectStore, pool: ProcessExecutor
) -> None:
    attempts = Attempts(lambda: store)
    executor = FewHereExecutor(pool, attempts)
    with attempts.about("ann"):
        assert where(executor, FEW) == {True}
        assert not pool.is_started
        assert where(executor, FEW + 1) == {False}
        assert where(executor, 1) == {False}


def test_a_run_that_did_not_come_through_is_followed_by_one_with_workers_and_that_by_one_without(
    store: ObjectStore,
) -> None:
    def begins() -> tuple[bool, Attempts]:
        attempts = Attempts(lambda: store)
        with attempts.about("ann"):
            return attempts.begin(), attempts

    trusted, _ = begins()  # and never comes to its end
    assert trusted
    trusted, after = begins()
    assert not trusted
    after.end()
    trusted, last = begins()
    assert trusted
    last.end()
    assert list(store.list(layout.attempts("ann"))) == []


def test_the_mark_of_one_athlete_says_nothing_of_another(store: ObjectStore) -> None:
    first, second = Attempts(lambda: store), Attempts(lambda: store)
    with first.about("ann"), second.about("bob"):
        assert first.begin()
        assert second.begin()


def test_without_an_athlete_or_outside_of_the_main_thread_workers_do_it(
    store: ObjectStore, pool: ProcessExecutor
) -> None:
    assert where(FewHereExecutor(pool, Attempts(lambda: store)), 1) == {False}
    found: set[bool] = set()
    attempts = Attempts(lambda: store)
    with attempts.about("ann"):
        at_once(lambda: found.update(where(FewHereExecutor(pool, attempts), 1)))
    assert found == {False}


def test_a_task_that_hangs_is_stopped_though_it_catches_every_exception() -> None:
    began = time.monotonic()
    outcome = attempt_within(workers.hang_and_catch, 1, 0.3)
    assert outcome.lost == "the reader was stopped after 0.3 s"
    assert time.monotonic() - began < 5


def test_an_alarm_of_somebody_else_still_rings() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rung.append(number))
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0.4)
    try:
        assert attempt_within(workers.square, 3, LONG).result == 9
        time.sleep(0.6)
        assert rung == [signal.SIGALRM]
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left, interval)


def test_a_task_that_hears_no_alarm_takes_the_process_with_it() -> None:
    code = (
        "from perf_pipeline.pipeline.few_tasks import attempt_within\n"
        "from perf_pipeline_tests.pipeline.workers import hang_deaf\n"
        "attempt_within(hang_deaf, 1, 0.3)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "hang_deaf" in done.stderr


def test_a_worker_reads_and_writes_parquet_without_pandas(pool: ProcessExecutor) -> None:
    (outcome,) = pool.run(workers.modules_after_parquet, ["pandas"], timeout_seconds=LONG)
    assert outcome.error is None
    assert outcome.result == []
