"""Whoever works beside whom, and however long somebody sleeps in between: the result is that of one clean run."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from perf_pipeline.storage.errors import AthleteBusyError
from perf_pipeline_tests.pipeline.conftest import LONG_AGO
from perf_pipeline_tests.reliability.world import (
    DONE,
    TOLD,
    Child,
    State,
    World,
    bring_up_to_date,
    child,
    local_world,
    run,
)

PATIENT = 60.0


@pytest.fixture(scope="module")
def clean(postgres_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, State]]:
    """A world and what one undisturbed run makes of it."""
    with local_world(postgres_home, tmp_path_factory.mktemp("clean")) as world:
        world.begin()
        run(world)
        yield world, world.state()


@pytest.fixture
def world(clean: tuple[World, State]) -> World:
    clean[0].begin()
    return clean[0]


@pytest.fixture
def wanted(clean: tuple[World, State]) -> State:
    return clean[1]


def work(
    world: World, *, again: int = 0, full_refresh: bool = False, name: str = "perf_pipeline"
) -> Callable[[], None]:
    """A run that waits for its turn at each stage, and is then done again so many times."""

    def body() -> None:
        athlete = world.athlete(wait_seconds=PATIENT, name=name)
        with athlete.warehouse:
            for _ in range(1 + again):
                bring_up_to_date(athlete)
                if full_refresh:
                    athlete.months(full_refresh=True)

    return body


def test_two_runs_at_once_end_as_one(world: World, wanted: State) -> None:
    ends = [child(work(world)), child(work(world))]
    assert [end() for end in ends] == [DONE, DONE]
    assert world.state().unlike(wanted) == []


def test_a_backfill_beside_runs_that_take_in_changes_nothing(world: World, wanted: State) -> None:
    ends = [child(work(world, full_refresh=True)), child(work(world, again=1))]
    assert [end() for end in ends] == [DONE, DONE]
    assert world.state().unlike(wanted) == []


def test_files_uploaded_while_the_inbox_is_listed_and_read_are_all_taken_in_once(world: World, wanted: State) -> None:
    inbox = world.root / "inbox" / "ann"
    names = sorted(world.inputs)
    random.Random(1).shuffle(names)
    for name in names:
        (inbox / name).unlink()
    end = child(work(world, again=4))
    for name in names:
        partial = world.root.parent / "upload"
        partial.write_bytes(world.inputs[name])
        os.utime(partial, (LONG_AGO, LONG_AGO))
        inbox.mkdir(exist_ok=True)
        partial.replace(inbox / name)
        time.sleep(0.05)
    assert end() == DONE
    run(world)
    # Which of two copies came first, and what was said of thresholds meanwhile, is the day's own; all else is not.
    unlike = world.state().unlike(wanted)
    assert [what for what in unlike if "arrivals" not in what and "threshold_models" not in what] == []
    assert last_said(world.state()) == last_said(wanted)
    assert sorted(row["name"] for row in world.state().rows["arrivals"]) == sorted(
        row["name"] for row in wanted.rows["arrivals"]
    )


@pytest.mark.parametrize("moment", [0.15, 0.35, 0.55, 0.75])
def test_a_holder_that_stalls_past_its_lease_commits_nothing_when_it_wakes(
    world: World, wanted: State, moment: float
) -> None:
    began = time.monotonic()
    assert child(work(world))() == DONE
    stalled = stopped_at_work(world, moment * (time.monotonic() - began))
    try:
        end_sessions(world, "stalled")
        assert child(work(world))() == DONE
        after = world.state()
        os.kill(stalled.pid, signal.SIGCONT)
        assert stalled() in {DONE, TOLD}
    finally:
        stalled.end()
    assert after.unlike(wanted) == []
    run(world)  # sweeps what it has staged
    assert world.state().unlike(wanted) == []


def stopped_at_work(world: World, after_seconds: float) -> Child:
    """A run that was stopped after so many seconds, or sooner where it was quicker, and holds the athlete."""
    for _ in range(8):
        world.begin()
        stalled = child(work(world, name="stalled"))
        try:
            time.sleep(after_seconds)
            os.kill(stalled.pid, signal.SIGSTOP)
            try:
                hold(world)  # it sleeps, and is still the holder
            except AthleteBusyError:
                return stalled
            os.kill(stalled.pid, signal.SIGCONT)
            assert stalled() == DONE  # it was quicker than the first: stop the next one sooner
        except BaseException:
            stalled.end()
            raise
        after_seconds *= 0.7
    return pytest.fail("the holder was never met at work")


def last_said(state: State) -> dict[tuple[object, ...], tuple[object, ...]]:
    """The newest answer of each threshold model and day."""
    rows = sorted(state.rows["threshold_models"], key=lambda row: row["version"])
    keys, values = ("sport", "model", "as_of"), ("threshold", "threshold_low", "threshold_high", "capacity", "refusal")
    return {tuple(row[name] for name in keys): tuple(row[name] for name in values) for row in rows}


def hold(world: World) -> None:
    athlete = world.athlete()
    with athlete.warehouse, athlete.lease():
        pass


def end_sessions(world: World, name: str) -> None:
    """What the network or the server does to the sessions of a process that does not answer."""
    with psycopg.connect(world.database_url, autocommit=True) as connection:
        query = "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity where application_name = %s"
        assert connection.execute(query, [name]).fetchone()[0] > 0
