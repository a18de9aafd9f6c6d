"""Activities set against their athlete, and what training does to the athlete's tests."""

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, for_each_athlete
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, lineage, table_metadata
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.impulse_response import update_impulse_response
from perf_pipeline.pipeline.history.relative_metrics import update_relative_metrics
from perf_pipeline.storage import tables


@dg.asset(
    deps=["activity_signals", "activity_efforts", "activity_metrics", "daily_wellness", "threshold_models"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="performance",
    kinds={"python", "postgres", "parquet"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.relative_metrics"),
    metadata={
        **table_metadata(tables.activity_metrics),
        **lineage(tables.activity_metrics, activity_id=("activities", "id"), value=("threshold_models", "threshold")),
    },
    description=(
        "Metrics that need a threshold, a heart rate or a weight of the day: intensity, TRIMP, time in zones of power, "
        "heart rate and pace, least W′ balance, W/kg. Rows of `activity_metrics` with the grain `athlete`."
    ),
)
def relative_metrics(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return update_relative_metrics(
            turn.services.store,
            turn.services.warehouse,
            turn.lease,
            turn.handle,
            turn.services.executor,
            turn.today,
            file_timeout_seconds=turn.services.settings.file_timeout_seconds,
            full_refresh=scope.full_refresh,
            progress=turn.progress,
        )

    totals = for_each_athlete(context, pipeline, scope, progress, "relative_metrics", work)
    return dg.MaterializeResult(metadata=totals.metadata())


@dg.asset(
    deps=["activities", "activity_efforts", "activity_loads"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="performance",
    kinds={"python", "postgres"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.impulse_response"),
    metadata={
        **table_metadata(tables.impulse_response_models),
        **lineage(
            tables.impulse_response_models,
            **dict.fromkeys(("p0", "tests"), ("activity_efforts", "value")),
            **dict.fromkeys(("k1", "k2", "tau1_days", "tau2_days"), ("activity_loads", "load")),
        ),
    },
    description=(
        "Banister's impulse and response fitted to the athlete's near-maximal efforts of one length, or the reason "
        "why they do not tell: too few, too alike, or a model that predicts no better than their mean."
    ),
)
def impulse_response_models(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return update_impulse_response(turn.services.warehouse, turn.lease, turn.today, full_refresh=scope.full_refresh)

    totals = for_each_athlete(context, pipeline, scope, progress, "impulse_response_models", work)
    return dg.MaterializeResult(metadata=totals.metadata())
