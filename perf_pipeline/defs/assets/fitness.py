"""Training load of each activity, and what it makes of fitness day by day."""

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, athletes_of_turn, for_each_athlete, today_of
from perf_pipeline.defs.checks import fitness_result
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, lineage, table_metadata
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.fitness import update_fitness
from perf_pipeline.pipeline.history.loads import update_loads
from perf_pipeline.storage import tables


@dg.asset(
    deps=["activities", "activity_metrics", "daily_wellness", "threshold_models"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="performance",
    kinds={"python", "postgres"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.loads"),
    metadata={
        **table_metadata(tables.activity_loads),
        **lineage(
            tables.activity_loads,
            activity_id=("activities", "id"),
            load=("activity_metrics", "value"),
            threshold=("threshold_models", "threshold"),
            threshold_as_of=("threshold_models", "as_of"),
            trimp=("activity_metrics", "value"),
        ),
    },
    description=(
        "Training Stress Score or its kin by the best method that the activity allows (power, pace, swim, heart rate, "
        "duration), against the threshold valid on its day; the method is stored."
    ),
)
def activity_loads(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return update_loads(turn.services.warehouse, turn.lease, turn.today, full_refresh=scope.full_refresh)

    totals = for_each_athlete(context, pipeline, scope, progress, "activity_loads", work)
    return dg.MaterializeResult(metadata=totals.metadata())


@dg.asset(
    deps=["activity_loads"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="performance",
    kinds={"python", "postgres"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.fitness"),
    metadata={
        **table_metadata(tables.daily_fitness),
        **lineage(
            tables.daily_fitness,
            **dict.fromkeys(("load", "ctl", "atl", "tsb", "ramp", "monotony", "strain"), ("activity_loads", "load")),
            date=("activity_loads", "local_date"),
        ),
    },
    check_specs=[
        dg.AssetCheckSpec(
            "fitness_reaches_today",
            asset="daily_fitness",
            description="the series of every athlete with a load ends today",
        )
    ],
    description="Fitness (CTL), fatigue (ATL), form (TSB), ramp, monotony and strain by local day, to today and two "
    "weeks on without training.",
)
def daily_fitness(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return update_fitness(turn.services.warehouse, turn.lease, turn.today, full_refresh=scope.full_refresh)

    totals = for_each_athlete(context, pipeline, scope, progress, "daily_fitness", work)
    check = fitness_result(pipeline.services, athletes_of_turn(context, scope), today_of(scope))
    return dg.MaterializeResult(metadata=totals.metadata(), check_results=[check])
