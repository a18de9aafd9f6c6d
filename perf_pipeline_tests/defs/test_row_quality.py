"""great-expectations in Dagster: each table's asset has its verdict, and an athlete's run does not pay for it."""

from __future__ import annotations

import subprocess
import sys

from sqlalchemy import text

from perf_pipeline.defs.row_quality import CHECKED_ASSETS
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


def test_the_graph_is_loaded_without_great_expectations_and_sqlglot() -> None:
    code = "import sys, perf_pipeline.definitions; print(sorted({'great_expectations', 'sqlglot'} & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout.strip() == "[]"
