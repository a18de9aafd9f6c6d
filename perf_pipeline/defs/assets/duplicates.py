"""Which activities are one and the same."""

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, athletes_of_turn, for_each_athlete
from perf_pipeline.defs.checks import duplicates_result
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, lineage, table_metadata
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.duplicates import update_duplicates
from perf_pipeline.storage.tables import activities


@dg.asset(
    deps=["activity_streams", "activities"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="activities",
    kinds={"python", "postgres", "parquet"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.duplicates"),
    metadata={**table_metadata(activities), **lineage(activities, superseded_by=("activities", "id"))},
    check_specs=[
        dg.AssetCheckSpec(
            "what_is_kept_is_there",
            asset="activity_duplicates",
            description="no activity gave way to one that is not there, or that gave way itself",
        )
    ],
    description=(
        "Recordings of one activity by two devices or in two formats: the richer is kept, the other is marked in "
        "`activities.superseded_by` with the reason, and every stage downstream leaves it out."
    ),
)
def activity_duplicates(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return update_duplicates(
            turn.services.store,
            turn.services.warehouse,
            turn.lease,
            turn.handle,
            turn.services.executor,
            file_timeout_seconds=turn.services.settings.file_timeout_seconds,
            full_refresh=scope.full_refresh,
            progress=turn.progress,
        )

    totals = for_each_athlete(context, pipeline, scope, progress, "activity_duplicates", work)
    check = duplicates_result(pipeline.services, athletes_of_turn(context, scope))
    return dg.MaterializeResult(metadata=totals.metadata(), check_results=[check])
