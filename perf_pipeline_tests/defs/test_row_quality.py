"""great-expectations in Dagster: each table's asset has its verdict, and an athlete's run does not pay for it."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
from sqlalchemy import text

from perf_pipeline.defs.row_quality import CHECKED_ASSETS
from perf_pipeline.defs.run_requests import run_config
from perf_pipeline_tests import making
from perf_pipeline_tests.defs.conftest import Graph, checks


def test_what_a_run_wrote_meets_expectations_and_a_broken_row_fails_the_check_of_its_asset(graph: Graph) -> None:
    graph.drop("ann", "ride.fit", making.fit(making.powers("2026-06-08T08:00", (180, 330), (300, 310), (720, 280))))
    run = graph.run("ann")
    assert run.success
    assert "rows_meet_expectations" not in checks(run)
    job = graph.job("quality_job")
    found = job.execute_in_process(instance=graph.instance).get_asset_check_evaluations()
    told = {e.asset_key.to_user_string(): e for e in found}
    assert set(told) == set(CHECKED_ASSETS)
    broken = {name: e.metadata["broken"].value for name, e in told.items() if not e.passed}
    assert broken == {}
    assert all(e.metadata["athletes"].value == 1 for e in found)
    with graph.warehouse.begin() as connection:
        connection.execute(text("update activity_efforts set unit = 'hp' where duration_seconds = 300"))
        connection.execute(text("update activity_loads set load = 900"))
    again = job.execute_in_process(instance=graph.instance, raise_on_error=False).get_asset_check_evaluations()
    failed = {e.asset_key.to_user_string(): e.severity.value for e in again if not e.passed}
    assert failed == {"activity_efforts": "ERROR", "activity_loads": "WARN"}


def test_checks_of_the_night_stay_silent_where_assets_are_materialized(graph: Graph) -> None:
    graph.drop("ann", "ride.fit", making.fit(making.powers("2026-06-08T08:00", (600, 250))))
    run = graph.run("ann", asset_selection=[dg.AssetKey("source_files"), dg.AssetKey("activity_loads")])
    assert run.success
    steps = {event.step_key for event in run.all_events if event.event_type_value == "STEP_SUCCESS"}
    assert {"source_files", "row_quality", "archive_is_whole"} <= steps  # Dagster brought them along
    assert not {"rows_meet_expectations", "archive_is_whole"} & set(checks(run))
    assert "nothing_in_quarantine" in checks(run)


def test_what_was_written_before_is_looked_at_on_demand_only(graph: Graph) -> None:
    graph.drop("ann", "ride.fit", making.fit(making.powers("2026-06-08T08:00", (600, 250))))
    graph.drop("ann", "old.fit", making.fit(making.powers("2026-04-08T08:00", (600, 250))))
    assert graph.run("ann").success
    with graph.warehouse.begin() as connection:
        for statement in (
            "update month_outputs set computed_at = now() - interval '3 days' where month = '2026-04'",
            "update activity_outputs set computed_at = now() - interval '3 days'",
            "update activity_efforts set unit = 'hp' where recorded_at < '2026-05-01'",
        ):
            connection.execute(text(statement))
    job = graph.job("quality_job")
    assert all(e.passed for e in job.execute_in_process(instance=graph.instance).get_asset_check_evaluations())
    config = run_config([], full_refresh=True)
    again = job.execute_in_process(instance=graph.instance, run_config=config).get_asset_check_evaluations()
    assert [e.asset_key.to_user_string() for e in again if not e.passed] == ["activity_efforts"]


def test_the_graph_is_loaded_without_great_expectations_and_sqlglot() -> None:
    code = "import sys, perf_pipeline.definitions; print(sorted({'great_expectations', 'sqlglot'} & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout.strip() == "[]"
