"""Killed, cut off, refused or out of room: the work resumes, loses nothing, doubles nothing (see `trials`)."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perf_pipeline_tests.reliability.migrations import KIND, kill_migrations
from perf_pipeline_tests.reliability.polling import polling
from perf_pipeline_tests.reliability.sessions import breaking, local_breaker
from perf_pipeline_tests.reliability.trials import FAULTS, S3_FAULTS, Breaker, Tally
from perf_pipeline_tests.reliability.world import World, child, local_world, rebuild, run

LONG = int(os.environ.get("PERF_CHAOS", "0"))
"""Trials of each kind; without it, as many as belong into everybody's test run."""


@pytest.fixture(scope="module")
def breaker(postgres_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breaker]:
    with local_breaker(postgres_home, tmp_path_factory.mktemp("broken"), random.Random(7)) as ready:
        yield ready


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in FAULTS}))
def test_after_each_kind_of_fault_the_next_run_ends_as_an_undisturbed_one(breaker: Breaker, kind: str) -> None:
    tally, breaker.faults = Tally(), [fault for fault in FAULTS if fault[0] == kind]
    for _ in range(LONG or 1):
        breaker.trial(tally)
    assert tally.failures == []


def test_a_process_that_does_not_end_is_killed_and_named() -> None:
    sleeper = child(lambda: time.sleep(600))
    with pytest.raises(TimeoutError, match=f"process {sleeper.pid} was not done within 0.2 s"):
        sleeper(within_seconds=0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(sleeper.pid, 0)


def test_migrations_killed_at_any_moment_are_completed_by_the_next_process(postgres_home: Path) -> None:
    tally = Tally()
    kill_migrations(postgres_home, random.Random(3), LONG or 2, tally)
    assert tally.failures == []
    assert set(tally.survived) == {KIND}


def test_a_reader_who_polls_through_rebuilds_misses_no_row(postgres_home: Path, tmp_path: Path) -> None:
    with local_world(postgres_home, tmp_path / "polled") as world:
        world.begin()
        run(world)
        with polling(world) as seen:
            for _ in range(LONG or 2):
                rebuild(world)
    assert (seen[0].missing, seen[0].looks > 5) == (0, True)


def test_the_reader_would_notice_a_gap(breaker: Breaker) -> None:
    world: World = breaker.world
    world.begin()
    run(world)
    with polling(world) as seen:
        world.lose_database()
        run(world)
    assert seen[0].missing > 0


def test_the_comparison_would_notice_a_lost_row_an_object_too_many_and_a_line_that_differs(breaker: Breaker) -> None:
    world, wanted = breaker.world, breaker.wanted
    assert wanted is not None
    world.begin()
    run(world)
    assert world.state().unlike(wanted) == []
    athlete = world.athlete()
    with athlete.warehouse:
        with athlete.warehouse.begin() as connection:
            connection.exec_driver_sql("delete from activity_loads")
            connection.exec_driver_sql("update threshold_models set unit = 'x'")
        athlete.store.put("archive/athlete=ann/x", b"x")
        with athlete.lease() as lease, lease.transaction():
            pass
    told = " ".join(world.state().unlike(wanted))
    for what in ("activity_loads", "unit differ", "object archive/athlete=ann/x", "journal threshold_models"):
        assert what in told


@pytest.mark.skipif(not LONG, reason="a bucket is slow: make chaos")
def test_faults_of_a_bucket_are_survived_too(postgres_home: Path, tmp_path: Path) -> None:
    with breaking(postgres_home, tmp_path / "worker", random.Random(5)) as (_, bucket, tally):
        assert bucket is not None
        for fault in S3_FAULTS:
            bucket.faults = [fault]
            for _ in range(max(1, LONG // 4)):
                bucket.trial(tally)
    assert tally.failures == []
