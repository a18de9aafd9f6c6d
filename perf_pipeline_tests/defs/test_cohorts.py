"""`PERF_COHORTS`: a partition is a hash bucket of athletes; what is computed is the same."""

from __future__ import annotations

from collections import Counter

import dagster as dg
import pytest

from perf_pipeline.defs import athletes, back_off, partitions, schedules
from perf_pipeline.defs.partitions import key_of, set_name
from perf_pipeline.defs.run_requests import run_config
from perf_pipeline_tests import making
from perf_pipeline_tests.defs.conftest import TODAY, Graph

HANDLES = ["ann", "bob", "cid", "dan", "eve", "fay"]


@pytest.fixture
def cohorts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Four cohorts, as if the environment had asked for them when the graph was made."""
    for module in (partitions, athletes, back_off, schedules):
        monkeypatch.setattr(module, "COHORTS", 4)
    return 4


def bucket_mates() -> list[str]:
    """The athletes of the fullest cohort."""
    keys = {handle: key_of(handle, 4) for handle in HANDLES}
    (fullest, _) = Counter(keys.values()).most_common(1)[0]
    return [handle for handle in HANDLES if keys[handle] == fullest]


def test_the_hash_is_the_same_for_ever_and_fills_the_cohorts_evenly():
    assert [key_of(handle, 1024) for handle in ("ann", "bob")] == ["cohort-0046", "cohort-0730"]
    assert (key_of("ann", 0), set_name(0), set_name(64)) == ("ann", "athletes", "cohorts_64")
    sizes = Counter(key_of(f"athlete-{n}", 64) for n in range(20_000))
    assert len(sizes) == 64
    assert 220 < min(sizes.values()) <= max(sizes.values()) < 410  # 312.5, give or take five standard deviations


def test_the_sensor_asks_for_cohorts_and_runs_do_the_athletes_that_have_news(graph: Graph, cohorts: int):
    for day, handle in enumerate(HANDLES, 1):
        graph.drop(handle, "ride.fit", making.fit(making.ride(f"2026-05-{day:02d}", 2)))
    told = graph.look()
    assert [r.partition_key for r in told.run_requests] == sorted(key_of(handle) for handle in HANDLES)
    assert graph.partitions() == [f"cohort-{number}" for number in range(4)]
    done = [request.run_config["resources"]["scope"]["config"]["athletes"][0] for request in told.run_requests[:2]]
    for request in told.run_requests[:2]:
        assert graph.ask(request).success
    with graph.warehouse.begin() as connection:
        counted = connection.exec_driver_sql("select p.handle from activities a join profiles p on p.id = a.profile_id")
        assert sorted(counted.scalars()) == sorted(done)
    assert {r.run_config["resources"]["scope"]["config"]["athletes"][0] for r in graph.look().run_requests} == set(
        HANDLES
    ) - set(done)


def test_a_run_of_a_whole_cohort_covers_its_athletes_and_no_other(graph: Graph, cohorts: int):
    mates = bucket_mates()
    assert 1 < len(mates) < len(HANDLES)
    for handle in HANDLES:
        graph.warehouse.ensure_profile(handle)
        graph.drop(handle, "ride.fit", making.fit(making.ride("2026-05-04", 2)))
    graph.instance.add_dynamic_partitions(partitions.ATHLETES.name or "", [key_of(mates[0])])
    result = graph.job().execute_in_process(
        run_config=run_config(today=TODAY, agreement_sample=0), instance=graph.instance,
        partition_key=key_of(mates[0]), asset_selection=[dg.AssetKey("source_files")],
    )  # fmt: skip
    assert result.success
    left = {key.split("/")[1] for key in graph.athlete().keys("inbox")}
    assert left == set(HANDLES) - set(mates)


def test_athletes_wait_while_their_cohort_is_at_work(graph: Graph, cohorts: int):
    mates = bucket_mates()
    graph.instance.add_dynamic_partitions(partitions.ATHLETES.name or "", [key_of(mates[0])])
    graph.instance.create_run_for_job(
        graph.job(), run_config=run_config(), tags={"dagster/partition": key_of(mates[0])},
        status=dg.DagsterRunStatus.STARTED,
    )  # fmt: skip
    for handle in HANDLES:
        graph.drop(handle, "ride.fit", making.fit(making.ride("2026-05-04", 2)))
    asked = [r.run_config["resources"]["scope"]["config"]["athletes"] for r in graph.look().run_requests]
    assert sorted(handle for listed in asked for handle in listed) == sorted(set(HANDLES) - set(mates))
