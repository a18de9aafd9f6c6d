"""What the athlete should hear of."""

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, for_each_athlete
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, table_metadata
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.notifications import update_notifications
from perf_pipeline.storage.tables import notifications as table


@dg.asset(
    deps=["activity_efforts", "threshold_models", "daily_fitness"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="performance",
    kinds={"python", "postgres"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.notifications"),
    metadata=table_metadata(table),
    description=(
        "Personal records of all time, the season and 90 days (one notification an activity, with the evidence "
        "of each record), milestones, and recovery alerts (one an episode). "
        "`is_read` survives a rebuild; a notification whose evidence has gone is withdrawn."
    ),
)
def notifications(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return update_notifications(turn.services.warehouse, turn.lease, turn.today)

    totals = for_each_athlete(context, pipeline, scope, progress, "notifications", work)
    return dg.MaterializeResult(metadata=totals.metadata())
