"""The inbox sensor and the schedule, by real ticks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from perf_pipeline.defs.back_off import busy_athletes, failures_in_a_row
from perf_pipeline.defs.run_requests import (
    FAILED_TAG,
    RANGE_END,
    RANGE_START,
    athletes_of,
    many_athletes,
    one_athlete,
    register,
)
from perf_pipeline.storage.errors import StorageUnavailableError
from perf_pipeline_tests import making
from perf_pipeline_tests.defs.conftest import Graph

RIDE = making.fit(making.ride("2026-05-04", 3))
NOW = datetime.now(UTC)


def a_run(graph: Graph, request: dg.RunRequest, status: dg.DagsterRunStatus, **tags: str) -> dg.DagsterRun:
    """A run on record, as if it had been asked for and had got that far."""
    place = {"dagster/partition": request.partition_key} if request.partition_key else {}
    run = graph.instance.create_run_for_job(
        job_def=graph.job(), run_config=request.run_config, tags={**request.tags, **place, **tags},
        status=dg.DagsterRunStatus.NOT_STARTED if status == dg.DagsterRunStatus.FAILURE else status,
    )  # fmt: skip
    if status == dg.DagsterRunStatus.FAILURE:
        graph.instance.report_run_failed(run)
    return run


def asked(told: Any) -> list[str | None]:
    return [request.partition_key for request in told.run_requests or ()]


def test_a_file_in_a_new_folder_registers_the_athlete_and_asks_for_a_run(graph: Graph) -> None:
    graph.drop("ann", "ride.fit", RIDE)
    told = graph.look()
    (request,) = told.run_requests
    assert (request.partition_key, athletes_of(request.run_config), request.run_key) == ("ann", ["ann"], None)
    assert graph.partitions() == ["ann"]


def test_what_the_sensor_asks_for_empties_the_inbox_and_then_it_is_quiet(graph: Graph) -> None:
    graph.drop("ann", "ride.fit", RIDE)
    (request,) = graph.look().run_requests
    assert graph.ask(request).success
    told = graph.look()
    assert (asked(told), told.skip_reason.skip_message) == ([], "nothing new in the inbox")
    graph.drop("ann", "ride.fit", RIDE)  # the same file once more
    assert asked(graph.look()) == ["ann"]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_an_athlete_with_an_unfinished_run_is_not_asked_for_again(graph: Graph, status: dg.DagsterRunStatus) -> None:
    graph.drop("ann", "ride.fit", RIDE)
    graph.drop("bob", "ride.fit", RIDE)
    (first, _) = graph.look().run_requests
    a_run(graph, first, status)
    assert asked(graph.look()) == ["bob"]


def test_athletes_of_an_unfinished_shared_run_are_busy_whoever_lies_between_is_not(graph: Graph) -> None:
    register(graph.instance, ["ann", "bob", "cid"])
    a_run(graph, many_athletes(["ann", "cid"], graph.partitions()), dg.DagsterRunStatus.STARTED)
    assert busy_athletes(graph.instance) == {"ann", "cid"}


def test_a_range_run_without_a_list_keeps_its_whole_range_busy(graph: Graph) -> None:
    register(graph.instance, ["ann", "bob", "cid", "dan"])
    a_run(graph, dg.RunRequest(tags={RANGE_START: "bob", RANGE_END: "dan"}), dg.DagsterRunStatus.STARTED)
    assert busy_athletes(graph.instance) == {"bob", "cid", "dan"}


def test_after_a_failure_the_athlete_waits_and_the_others_do_not(graph: Graph) -> None:
    for handle in ("ann", "bob"):
        graph.drop(handle, "ride.fit", RIDE)
    (first, _) = graph.look().run_requests
    a_run(graph, first, dg.DagsterRunStatus.FAILURE)
    assert asked(graph.look()) == ["bob"]
    a_run(graph, one_athlete("bob"), dg.DagsterRunStatus.FAILURE)
    told = graph.look()
    assert (asked(told), told.skip_reason.skip_message) == (
        [], "2 athletes with news wait for a run to end or a back-off to pass",
    )  # fmt: skip


def test_failures_are_counted_back_to_the_last_success(graph: Graph) -> None:
    register(graph.instance, ["ann"])
    statuses = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS, *[dg.DagsterRunStatus.FAILURE] * 3]
    for status in statuses:
        a_run(graph, one_athlete("ann"), status)
    found = failures_in_a_row(graph.instance, ["ann", "bob"], datetime.now(UTC))
    assert {handle: failed.count for handle, failed in found.items()} == {"ann": 3}
    assert abs(found["ann"].last_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_failures_of_long_ago_hold_nobody(graph: Graph) -> None:
    register(graph.instance, ["ann"])
    a_run(graph, one_athlete("ann"), dg.DagsterRunStatus.FAILURE)
    later = datetime.now(UTC) + timedelta(hours=1, minutes=1)
    assert failures_in_a_row(graph.instance, ["ann"], later) == {}


def test_a_shared_run_that_fails_holds_those_whom_it_names(graph: Graph) -> None:
    register(graph.instance, ["ann", "bob", "cid"])
    for _ in range(2):
        a_run(
            graph,
            many_athletes(["ann", "bob", "cid"], graph.partitions()),
            dg.DagsterRunStatus.FAILURE,
            **{FAILED_TAG: "bob"},
        )
    found = failures_in_a_row(graph.instance, ["ann", "bob", "cid"], datetime.now(UTC))
    assert {handle: failed.count for handle, failed in found.items()} == {"bob": 2}


def test_a_shared_run_that_was_killed_holds_all_of_its_athletes_and_nobody_else(graph: Graph) -> None:
    register(graph.instance, ["ann", "bob", "cid"])
    a_run(graph, many_athletes(["ann", "cid"], graph.partitions()), dg.DagsterRunStatus.FAILURE)
    found = failures_in_a_row(graph.instance, ["ann", "bob", "cid"], datetime.now(UTC))
    assert {handle: failed.count for handle, failed in found.items()} == {"ann": 1, "cid": 1}


def test_failures_alone_and_shared_add_up_in_order_of_time(graph: Graph) -> None:
    register(graph.instance, ["ann", "bob"])
    shared = many_athletes(["ann", "bob"], graph.partitions())
    a_run(graph, one_athlete("ann"), dg.DagsterRunStatus.FAILURE)
    for request in (shared, one_athlete("ann"), shared):
        a_run(graph, request, dg.DagsterRunStatus.FAILURE)
    a_run(graph, one_athlete("bob"), dg.DagsterRunStatus.SUCCESS)
    found = failures_in_a_row(graph.instance, ["ann", "bob"], datetime.now(UTC))
    assert {handle: failed.count for handle, failed in found.items()} == {"ann": 4}


def test_more_than_ten_athletes_share_a_run_that_names_them(graph: Graph) -> None:
    register(graph.instance, ["a99", "mid"])  # a partition of long ago, and one in between without news
    handles = [f"a{number:02}" for number in range(11)] + ["a99"]
    for handle in handles:
        graph.drop(handle, "ride.fit", RIDE)
    (request,) = graph.look().run_requests
    assert request.partition_key is None
    assert sorted(athletes_of(request.run_config)) == handles
    partitions = graph.partitions()
    assert set(partitions) == {*handles, "mid"}
    first, last = partitions.index(request.tags[RANGE_START]), partitions.index(request.tags[RANGE_END])
    assert set(handles) <= set(partitions[first : last + 1])


def test_a_growing_file_waits(graph: Graph) -> None:
    graph.drop("ann", "ride.fit", RIDE, age_seconds=0)
    told = graph.look()
    assert (asked(told), graph.partitions()) == ([], [])
    assert told.skip_reason.skip_message == "nothing new in the inbox; 1 files are still being written"


def test_a_folder_that_may_not_name_an_athlete_is_left_in_place_and_named(graph: Graph) -> None:
    path = graph.drop("Ann Smith", "ride.fit", RIDE)
    told = graph.look()
    assert (
        told.skip_reason.skip_message
        == "nothing new in the inbox; left in place, not an athlete's folder: inbox/Ann Smith"
    )
    assert path.exists()
    assert graph.partitions() == []


def test_a_listing_that_fails_is_no_empty_inbox(graph: Graph) -> None:
    graph.drop("ann", "ride.fit", RIDE)
    shutil.rmtree(graph.root)
    with pytest.raises(StorageUnavailableError, match="is not there"):
        graph.look()


def tick_of_a_new_day(graph: Graph, folder: Path, handles: Sequence[str]) -> Any:
    """One tick of the schedule, with records on disk: a schedule opens them itself."""
    schedule = graph.definitions.get_repository_def().get_schedule_def("new_day")
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        register(instance, handles)
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=NOW, resources={"pipeline": graph.pipeline}
        ) as context:
            return schedule.evaluate_tick(context)


def test_a_new_day_asks_for_every_athlete_in_runs_of_at_most_200(graph: Graph, tmp_path: Path) -> None:
    handles = [f"a{number:03}" for number in range(201)]
    requests = tick_of_a_new_day(graph, tmp_path, handles).run_requests
    assert [len(athletes_of(request.run_config)) for request in requests] == [200, 1]
    assert [h for request in requests for h in athletes_of(request.run_config)] == handles
    assert [(r.tags[RANGE_START], r.tags[RANGE_END]) for r in requests] == [("a000", "a199"), ("a200", "a200")]


def test_a_new_day_without_athletes_asks_for_nothing(graph: Graph, tmp_path: Path) -> None:
    told = tick_of_a_new_day(graph, tmp_path, [])
    assert (list(told.run_requests or ()), told.skip_message) == ([], "no athlete yet")


def test_a_new_day_asks_for_athletes_whom_only_the_archive_knows(graph: Graph, tmp_path: Path) -> None:
    (graph.root / "archive" / "athlete=cleo").mkdir(parents=True)
    (request,) = tick_of_a_new_day(graph, tmp_path, ["ann"]).run_requests
    assert athletes_of(request.run_config) == ["ann", "cleo"]


def test_a_new_day_comes_although_the_archive_cannot_be_listed(graph: Graph, tmp_path: Path) -> None:
    shutil.rmtree(graph.root)
    (request,) = tick_of_a_new_day(graph, tmp_path, ["ann"]).run_requests
    assert athletes_of(request.run_config) == ["ann"]


def test_two_sensors_that_ask_for_the_same_athlete_do_no_harm(graph: Graph) -> None:
    graph.drop("ann", "a.fit", making.fit(making.ride("2026-05-04", 2)))
    asked = [*graph.look().run_requests, *graph.look().run_requests]  # the second looks before the first has begun
    assert len(asked) == 2
    assert all(graph.ask(request).success for request in asked)
    athlete = graph.athlete()
    assert [len(athlete.rows(table)) for table in ("arrivals", "source_files", "activities")] == [1, 1, 1]
    assert athlete.keys("inbox", "staging") == []
