"""The same work on a Dask cluster of real worker processes: same results, and no task lost with a worker."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator

import pytest

from perf_pipeline.pipeline.cluster import ClusterUnavailableError, DaskExecutor, attempt_all
from perf_pipeline.pipeline.compute import make_executor
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.settings import SettingsError, load_settings
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete
from perf_pipeline_tests.pipeline.workers import die_on, fail_on_odd, hang_on, nap, process_id, square

# The cluster's own threads end when they like, and say so in warnings.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Two worker processes, each with a nanny that starts it again."""
    import dask
    from distributed import LocalCluster

    with warnings.catch_warnings(), dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        warnings.simplefilter("ignore")
        with LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
        ) as running:
            yield running.scheduler_address.replace("tcp://", "dask://")


@pytest.fixture
def executor(cluster: str) -> Iterator[DaskExecutor]:
    made = make_executor(cluster, 0)
    assert isinstance(made, DaskExecutor)
    yield made
    made.close()


def test_every_task_has_its_outcome_and_small_ones_travel_together(executor):
    outcomes = list(executor.run(square, range(500), timeout_seconds=30))
    assert sorted((o.task, o.result) for o in outcomes) == [(n, n * n) for n in range(500)]
    assert all(o.lost is None and o.error is None for o in outcomes)
    assert len({o.result for o in executor.run(process_id, range(40), timeout_seconds=30)}) == 2


def test_an_exception_of_a_task_is_its_outcome(executor):
    outcomes = {o.task: o for o in executor.run(fail_on_odd, range(6), timeout_seconds=30)}
    assert [outcomes[n].result for n in (0, 2, 4)] == [0, 2, 4]
    assert [str(outcomes[n].error) for n in (1, 3, 5)] == ["1 is odd", "3 is odd", "5 is odd"]


def test_a_task_that_kills_its_worker_is_lost_alone(executor):
    outcomes = {o.task[0]: o for o in executor.run(die_on, [(n, 7) for n in range(12)], timeout_seconds=30)}
    assert {n: o.result for n, o in outcomes.items() if n != 7} == {n: n * n for n in range(12) if n != 7}
    assert (outcomes[7].result, outcomes[7].lost) == (None, "the reader's process died")


def test_a_task_that_hangs_is_stopped_and_the_others_go_on(executor):
    began = time.monotonic()
    outcomes = {o.task[0]: o for o in executor.run(hang_on, [(n, 3) for n in range(8)], timeout_seconds=2)}
    assert {n: o.result for n, o in outcomes.items() if n != 3} == {n: n * n for n in range(8) if n != 3}
    assert outcomes[3].lost == "the reader was stopped after 2 s"
    assert time.monotonic() - began < 60


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(executor):
    (victim,) = {o.result for o in executor.run(process_id, [0], timeout_seconds=30)}
    killer = threading.Timer(0.5, os.kill, (victim, signal.SIGKILL))
    killer.start()
    outcomes = list(executor.run(nap, [0.1] * 30, timeout_seconds=30))
    killer.join(30)
    assert [o.result for o in outcomes] == [0.1] * 30


def test_months_on_the_cluster_give_the_rows_of_this_process(athlete: Athlete, executor):
    for month in range(1, 5):
        athlete.drop(f"{month}.fit", making.fit(making.ride(f"2026-{month:02d}-04", 5)))
    athlete.drop("bad.fit", making.corrupt(making.fit(making.ride("2026-02-05", 5))))
    athlete.take_in(executor=executor)
    athlete.months(executor=executor)
    before, objects = athlete.snapshot(), athlete.contents("streams", "sessions", "curves", "signals", "archive")
    assert len(athlete.rows("activities")) == 4
    report = athlete.months(full_refresh=True)
    assert len(report.computed) == 4
    assert differences(before, athlete.snapshot()) == []
    after = athlete.contents("streams", "sessions", "curves", "signals", "archive")
    assert {k: v for k, v in after.items() if "/journal/" not in k} == {
        k: v for k, v in objects.items() if "/journal/" not in k
    }


def test_a_scheduler_that_does_not_answer_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setattr("perf_pipeline.pipeline.cluster.CONNECT_SECONDS", 0.3)
    with pytest.raises(
        ClusterUnavailableError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9.*PERF_COMPUTE"
    ):
        list(DaskExecutor("dask://127.0.0.1:9").run(square, [1], timeout_seconds=1))


def test_without_the_package_the_remedy_is_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterUnavailableError, match=r"Install perf-pipeline\[cluster\]"):
        list(DaskExecutor("dask://127.0.0.1:9").run(square, [1], timeout_seconds=1))


@pytest.mark.parametrize("value", ["dask://", "dask://host", "dask://host:port", "dask://:1", "ray://host:1"])
def test_an_address_that_cannot_be_one_is_refused(monkeypatch, value):
    monkeypatch.setenv("PERF_COMPUTE", value)
    with pytest.raises(SettingsError, match="PERF_COMPUTE must be processes, inline or dask://host:port"):
        load_settings()


def test_a_chunk_tells_results_and_errors_in_order():
    results, seconds = attempt_all(fail_on_odd, [2, 3])
    assert results[0] == (2, None)
    assert (results[1][0], str(results[1][1])) == (None, "3 is odd")
    assert seconds >= 0
