"""An edit of a stage's code shows in Dagster: the stage is stale, and what follows from it."""

from __future__ import annotations

import dagster as dg
import pytest

# What the UI's "stale" comes from; there is no public door to it but GraphQL.
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from perf_pipeline_tests import making
from perf_pipeline_tests.defs.conftest import Graph


def stale(graph: Graph, definitions: dg.Definitions) -> set[str]:
    """Names of the assets that Dagster calls stale for the athlete `ann`."""
    assets = definitions.get_repository_def().asset_graph
    resolver = CachingStaleStatusResolver(graph.instance, assets, LoadingContextForTest(graph.instance))
    keys = [dg.AssetKey(name) for name in ("activity_streams", "activity_efforts", "activity_metrics", "notifications")]
    return {key.to_user_string() for key in keys if resolver.get_status(key, "ann") is not StaleStatus.FRESH}


@pytest.mark.filterwarnings("ignore:Function `Definitions.map")
def test_an_edited_stage_is_stale_until_it_has_run(graph: Graph):
    graph.drop("ann", "ride.fit", making.fit(making.ride("2026-05-04", 3)))
    assert graph.run("ann").success
    assert stale(graph, graph.definitions) == set()

    def edited(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(code_version="edited") if spec.key.path == ["activity_efforts"] else spec

    definitions = graph.definitions.map_asset_specs(func=edited)
    assert stale(graph, definitions) == {"activity_efforts"}
    result = definitions.resolve_job_def("athlete_job").execute_in_process(
        instance=graph.instance, partition_key="ann", asset_selection=[dg.AssetKey("activity_efforts")]
    )
    assert result.success
    assert "activity_efforts" not in stale(graph, definitions)
