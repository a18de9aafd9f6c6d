"""The marts in Dagster: built, checked and described by their own job, wired to what feeds them."""

from __future__ import annotations

import dagster as dg
import pytest
from sqlalchemy import text

from perf_pipeline.defs.sql_models import PROJECT, upstream_assets
from perf_pipeline_tests import making
from perf_pipeline_tests.defs.conftest import Graph

EFFORTS = tuple((seconds, 250 + 18_000 / seconds) for seconds in (180, 300, 720, 1200))
"""Maximal efforts that agree on a Critical Power of 250 W: a threshold with an interval."""


def test_models_are_there_after_an_athletes_run_and_their_job_checks_and_describes_them(graph: Graph) -> None:
    graph.drop("ann", "ride.fit", making.fit(making.powers("2026-06-08T08:00", *EFFORTS, rest=600)))
    assert graph.run("ann").success
    with graph.warehouse.begin() as connection:
        assert connection.scalar(text("select activities from marts.athlete_summary where athlete = 'ann'")) == 1
    result = graph.job("marts_job").execute_in_process(instance=graph.instance, raise_on_error=False)
    assert result.success
    _tells_types_and_lineage(graph, result)
    with graph.warehouse.begin() as connection:
        connection.execute(text("update threshold_models set threshold_high = threshold_low - 1"))
    again = graph.job("marts_job").execute_in_process(
        instance=graph.instance, raise_on_error=False, asset_selection=[dg.AssetKey("threshold_history")]
    )
    failed = [e for e in again.get_asset_check_evaluations() if not e.passed]
    assert {e.asset_key.to_user_string() for e in failed} == {"threshold_history"}
    assert all(e.metadata["broken"].value >= 1 and "ann" not in str(e.metadata["sample"].value) for e in failed)


def _tells_types_and_lineage(graph: Graph, result: dg.ExecuteInProcessResult) -> None:
    evaluations = result.get_asset_check_evaluations()
    assert len(evaluations) == sum(len(model.tests) for model in PROJECT.models.values())
    assert [e.check_name for e in evaluations if not e.passed] == []
    done = {
        e.asset_key.to_user_string(): e.step_materialization_data.materialization.metadata
        for e in result.all_events
        if e.is_step_materialization
    }
    assert set(done) == set(PROJECT.models)
    columns = {c.name: c for c in done["power_curve"]["dagster/column_schema"].value.columns}
    assert (columns["watts"].type, columns["watts"].description) == (
        "double precision", "best mean power over the window",
    )  # fmt: skip
    deps = done["power_curve"]["dagster/column_lineage"].value.deps_by_column["watts"]
    assert [(d.asset_key.to_user_string(), d.column_name) for d in deps] == [("stg_activity_efforts", "value")]
    deps = done["stg_activity_efforts"]["dagster/column_lineage"].value.deps_by_column["value"]
    assert [(d.asset_key.to_user_string(), d.column_name) for d in deps] == [("activity_efforts", "value")]
    assert done["season_comparison"]["dagster/row_count"].value == 1
    with graph.warehouse.begin() as connection:
        query = "select max(watts) from marts.power_curve where athlete = 'ann' and duration_seconds = 180"
        assert connection.scalar(text(query)) == pytest.approx(350, rel=0.01)


def test_one_model_can_be_built_alone(graph: Graph) -> None:
    done = graph.job("marts_job").execute_in_process(
        instance=graph.instance, asset_selection=[dg.AssetKey("season_comparison")]
    )
    assert done.success
    assert [e.asset_key.to_user_string() for e in done.all_events if e.is_step_materialization] == ["season_comparison"]


def test_models_hang_on_stages_and_models(graph: Graph) -> None:
    nodes = graph.definitions.resolve_asset_graph()
    for name, model in PROJECT.models.items():
        parents = {key.to_user_string() for key in nodes.get(dg.AssetKey(name)).parent_keys}
        assert parents == set(upstream_assets(model))
        assert nodes.get(dg.AssetKey(name)).group_name == "marts"
    assert {"activity_efforts", "stg_activities"} <= set(upstream_assets(PROJECT.models["stg_activity_efforts"]))
