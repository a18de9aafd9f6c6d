"""Threshold models as of every week and today."""

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, athletes_of_turn, for_each_athlete
from perf_pipeline.defs.checks import carriers_result
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, lineage, table_metadata
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.thresholds import update_thresholds
from perf_pipeline.storage.tables import threshold_models as table


@dg.asset(
    deps=["activities", "activity_efforts", "activity_metrics", "activity_duplicates"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="performance",
    kinds={"python", "postgres"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.thresholds"),
    metadata={**table_metadata(table), **lineage(table, threshold=("activity_efforts", "value"))},
    check_specs=[
        dg.AssetCheckSpec(
            "no_duplicate_carries_a_threshold",
            asset="threshold_models",
            description="no answer rests on an activity that gave way to another recording of the same",
        )
    ],
    description=(
        "Critical Power and W′, Critical Speed and D′, Critical Swim Speed with 90 % intervals, FTP from the best 20 "
        "minutes, threshold and maximal heart rate, as of each week and today, or the reason why there is no number. "
        "What was said on a day stays on record."
    ),
)
def threshold_models(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return turn.by_workers(update_thresholds)

    totals = for_each_athlete(context, pipeline, scope, progress, "threshold_models", work)
    check = carriers_result(pipeline.services, athletes_of_turn(context, scope))
    return dg.MaterializeResult(metadata=totals.metadata(), check_results=[check])
