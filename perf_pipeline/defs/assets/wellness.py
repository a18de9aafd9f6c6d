"""What was measured of the athlete beside training."""

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, for_each_athlete
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, lineage, table_metadata
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.wellness import update_wellness
from perf_pipeline.storage.tables import daily_wellness as table


@dg.asset(
    deps=["profile_metrics"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="performance",
    kinds={"python", "postgres"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.wellness"),
    metadata={
        **table_metadata(table),
        **lineage(
            table,
            **dict.fromkeys(("value", "mean_7d", "mean_60d", "sd_60d"), ("profile_metrics", "value")),
            source=("profile_metrics", "source"),
            metric_type=("profile_metrics", "metric_type"),
            date=("profile_metrics", "recorded_at"),
        ),
    },
    description=(
        "Weight, resting heart rate, HRV and sleep by local day with 7- and 60-day baselines, each day by one source "
        "and no baseline of two; the last value is carried forward and its age shown."
    ),
)
def daily_wellness(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return update_wellness(turn.services.warehouse, turn.lease, turn.today, full_refresh=scope.full_refresh)

    totals = for_each_athlete(context, pipeline, scope, progress, "daily_wellness", work)
    return dg.MaterializeResult(metadata=totals.metadata())
