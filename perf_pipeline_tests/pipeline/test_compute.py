"""Executors: whatever a task does to its worker costs that task alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perf_pipeline.pipeline.compute import (
    MALLOC,
    Executor,
    InlineExecutor,
    ProcessExecutor,
    WorkerLostError,
    make_executor,
    side_by_side,
)
from perf_pipeline_tests.pipeline import workers

LONG = 60.0


@pytest.fixture(scope="module")
def shared() -> Iterator[ProcessExecutor]:
    """One pool for all tests of this file, so that each also shows that the one before it left the pool usable."""
    executor = ProcessExecutor(2)
    executor.run(workers.square, [1], timeout_seconds=LONG)
    yield executor
    executor.close()


@pytest.fixture(params=["inline", "processes"])
def either(request: pytest.FixtureRequest, shared: ProcessExecutor) -> Executor:
    return shared if request.param == "processes" else InlineExecutor()


def test_every_task_has_an_outcome_with_its_result(either: Executor) -> None:
    outcomes = list(either.run(workers.square, range(50), timeout_seconds=LONG))
    assert sorted((o.task, o.result) for o in outcomes) == [(n, n * n) for n in range(50)]


def test_exceptions_come_back_as_values_beside_the_results(either: Executor) -> None:
    outcomes = {o.task: o for o in either.run(workers.fail_on_odd, range(6), timeout_seconds=LONG)}
    assert [outcomes[n].result for n in (0, 2, 4)] == [0, 2, 4]
    assert [str(outcomes[n].error) for n in (1, 3, 5)] == ["1 is odd", "3 is odd", "5 is odd"]
    assert all(o.lost is None for o in outcomes.values())


def test_a_worker_holds_what_months_need_and_no_data_frames(shared: ProcessExecutor) -> None:
    (outcome,) = shared.run(workers.make_arrays_and_list_modules, [[1.0, 2.0]], timeout_seconds=LONG)
    assert outcome.result is not None
    assert {"perf_pipeline.pipeline.month_work", "timezonefinder.timezonefinder"} <= outcome.result
    assert not {"pandas", "scipy", "dagster"} & outcome.result


def test_no_tasks_give_no_outcomes(either: Executor) -> None:
    assert list(either.run(workers.square, [], timeout_seconds=LONG)) == []


def test_a_worker_that_dies_costs_its_task_alone(shared: ProcessExecutor) -> None:
    outcomes = {o.task[0]: o for o in shared.run(workers.die_on, [(n, 5) for n in range(20)], timeout_seconds=LONG)}
    assert outcomes.pop(5).lost == "the reader's process died"
    assert {n: o.result for n, o in outcomes.items()} == {n: n * n for n in range(20) if n != 5}


def test_several_deadly_tasks_are_each_named(shared: ProcessExecutor) -> None:
    tasks = [(n, n if n % 4 == 0 else -1) for n in range(10)]
    outcomes = list(shared.run(workers.die_on, tasks, timeout_seconds=LONG))
    assert sorted(o.task[0] for o in outcomes if o.lost) == [0, 4, 8]
    assert sorted(o.result for o in outcomes if not o.lost) == [1, 4, 9, 25, 36, 49, 81]


def test_a_hanging_task_is_ended_at_its_time_and_the_others_arrive(shared: ProcessExecutor) -> None:
    outcomes = {o.task[0]: o for o in shared.run(workers.hang_on, [(n, 2) for n in range(8)], timeout_seconds=1.5)}
    assert outcomes.pop(2).lost == "the reader was stopped after 1.5 s"
    assert {n: o.result for n, o in outcomes.items()} == {n: n * n for n in range(8) if n != 2}


def test_the_queue_is_read_no_further_than_the_workers_can_chew(shared: ProcessExecutor) -> None:
    drawn = 0

    def tasks() -> Iterator[int]:
        nonlocal drawn
        for number in range(500):
            drawn += 1
            yield number

    outcomes = shared.run(workers.square, tasks(), timeout_seconds=LONG)
    most = 0
    for arrived, _ in enumerate(outcomes, 1):
        most = max(most, drawn - arrived)
    assert drawn == 500
    assert most <= 2 * shared.workers


def test_a_caller_that_stops_listening_does_not_wait_for_a_hanging_worker() -> None:
    executor = ProcessExecutor(2)
    outcomes = executor.run(workers.hang_on, [(0, 2), (1, 2), (2, 2), (3, 2)], timeout_seconds=3600)
    assert next(outcomes).result is not None
    outcomes.close()
    executor.close()  # would not end while a worker sleeps
    assert [o.result for o in executor.run(workers.square, [3], timeout_seconds=LONG)] == [9]
    executor.close()


@pytest.mark.parametrize("starts", ["before", "after"])
def test_a_worker_that_starts_while_the_pool_breaks_is_not_waited_for(starts: str) -> None:
    """It starts before or after the pool has told its workers to end, and is known to the pool only afterwards."""
    executor = ProcessExecutor(2)
    assert [o.result for o in executor.run(workers.square, [3], timeout_seconds=LONG)] == [9]
    pool = executor._pool
    assert pool is not None
    spawn, known = pool._spawn_process, pool._processes

    def spawn_late() -> None:
        pool._processes = {}
        if starts == "before":
            spawn()
        deadline = time.monotonic() + 20
        while not pool._broken and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        if starts == "after":
            spawn()
        known.update(pool._processes)
        pool._processes = known

    pool._spawn_process = spawn_late
    outcomes = list(executor.run(workers.die_on, [(1, 1), (2, 1), (3, 1)], timeout_seconds=LONG))
    assert {o.task[0]: o.result or o.lost for o in outcomes} == {1: "the reader's process died", 2: 4, 3: 9}
    executor.close()


def test_workers_are_other_processes(shared: ProcessExecutor) -> None:
    ids = {o.result for o in shared.run(workers.process_id, range(8), timeout_seconds=LONG)}
    assert os.getpid() not in ids


def test_the_settings_choose_the_executor() -> None:
    assert isinstance(make_executor("inline", 0), InlineExecutor)
    processes = make_executor("processes", 3)
    assert isinstance(processes, ProcessExecutor)
    assert processes.workers == 3
    processes.close()


def test_a_hanging_worker_ends_when_the_process_that_asked_for_it_is_killed() -> None:
    script = """
from perf_pipeline.pipeline.compute import ProcessExecutor
from perf_pipeline_tests.pipeline.workers import say_and_hang

list(ProcessExecutor(1).run(say_and_hang, [1], timeout_seconds=600))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        worker = Path(f"/proc/{program.stdout.readline().strip()}")
        assert worker.exists()
        program.kill()
        deadline = time.monotonic() + 20
        while worker.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert not worker.exists()


@pytest.mark.parametrize("here", [True, False])
def test_side_by_side_gives_the_results_in_the_order_of_the_tasks(shared: ProcessExecutor, *, here: bool) -> None:
    executor = None if here else shared
    assert side_by_side(executor, workers.square, list(range(30, 0, -1))) == [n * n for n in range(30, 0, -1)]
    assert side_by_side(executor, workers.square, []) == []
    with pytest.raises(ValueError, match="3 is odd"):
        side_by_side(executor, workers.fail_on_odd, [2, 3, 4])


def test_side_by_side_says_that_a_worker_was_lost(shared: ProcessExecutor) -> None:
    with pytest.raises(WorkerLostError, match="process died"):
        side_by_side(shared, workers.die_on, [(n, 1) for n in range(3)])
    assert side_by_side(shared, workers.square, [4]) == [16]


def test_workers_are_started_with_memory_to_keep_and_this_process_is_left_as_it_was(shared: ProcessExecutor) -> None:
    (outcome,) = shared.run(workers.environment, ["MALLOC_TRIM_THRESHOLD_"], timeout_seconds=LONG)
    assert outcome.result == MALLOC["MALLOC_TRIM_THRESHOLD_"]
    assert "MALLOC_TRIM_THRESHOLD_" not in os.environ
