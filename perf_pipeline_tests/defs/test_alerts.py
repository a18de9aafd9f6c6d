"""Whoever operates this is told of what failed for good, and of nothing else."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text

from perf_pipeline_tests import making
from perf_pipeline_tests.defs.conftest import Graph


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Titles and bodies of the alerts that were sent."""
    found: list[tuple[str, str]] = []

    def send(urls: str, title: str, body: str) -> list[str]:
        found.append((title, body))
        return ["json"]

    monkeypatch.setattr("perf_pipeline.defs.alerts.send_to_all", send)
    return found


def tick(graph: Graph, sensor: str, result: dg.ExecuteInProcessResult, kind: dg.DagsterEventType) -> None:
    """What the daemon does when it sees the end of a run."""
    repository = graph.definitions.get_repository_def()
    (ended,) = [event for event in result.all_events if event.event_type is kind]
    context: Any = dg.build_run_status_sensor_context(
        sensor_name=sensor, dagster_event=ended, dagster_instance=graph.instance,
        dagster_run=graph.instance.get_run_by_id(result.run_id), resources={"pipeline": graph.pipeline},
    )  # fmt: skip
    if kind is dg.DagsterEventType.RUN_FAILURE:
        context = context.for_run_failure()
    with context:
        repository.get_sensor_def(sensor)(context)


def test_a_failed_run_is_told_once_it_is_not_tried_again(
    graph: Graph, told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError("a secret of /home/ann/ride.fit")

    monkeypatch.setattr("perf_pipeline.defs.assets.source_files.take_in", broken)
    graph.drop("ann", "ride.fit", making.fit(making.ride("2026-06-08")))
    run = graph.run("ann")
    assert not run.success
    tick(graph, "alert_on_failure", run, dg.DagsterEventType.RUN_FAILURE)
    ((title, body),) = told
    assert title == "athlete_job failed"
    assert "athlete ann" in body
    assert "source_files" in body
    assert "secret" not in body
    graph.instance.add_run_tags(run.run_id, {"dagster/will_retry": "true"})
    tick(graph, "alert_on_failure", run, dg.DagsterEventType.RUN_FAILURE)
    assert len(told) == 1


def test_a_fault_that_a_nightly_check_finds_is_told_and_what_is_unusual_is_not(
    graph: Graph, told: list[tuple[str, str]]
) -> None:
    graph.drop("ann", "ride.fit", making.fit(making.powers("2026-06-08T08:00", (180, 330), (300, 310))))
    assert graph.run("ann").success
    for statement, expected in (
        ("update activity_loads set load = 900", []),
        ("update activity_efforts set unit = 'hp'", ["activity_efforts: rows_meet_expectations"]),
    ):
        with graph.warehouse.begin() as connection:
            connection.execute(text(statement))
        result = graph.job("quality_job").execute_in_process(instance=graph.instance, raise_on_error=False)
        tick(graph, "alert_on_faults", result, dg.DagsterEventType.RUN_SUCCESS)
        assert [body.splitlines()[-1] for _, body in told] == [f"checks: {one}" for one in expected]
