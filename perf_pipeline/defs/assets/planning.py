"""Planned workouts: what is planned, what was done of it, and what it becomes for the athlete of today."""

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, athletes_of_turn, for_each_athlete
from perf_pipeline.defs.checks import adaptations_result
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, lineage, table_metadata
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.planned_workouts import update_planned_workouts
from perf_pipeline.pipeline.history.workout_adaptations import update_adaptations
from perf_pipeline.pipeline.history.workout_completions import update_completions
from perf_pipeline.storage import tables


@dg.asset(
    deps=["source_files"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="planning",
    kinds={"python", "postgres"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.planned_workouts"),
    metadata={
        **table_metadata(tables.planned_workouts),
        **lineage(
            tables.planned_workouts, source_file_id=("source_files", "id"), profile_id=("source_files", "profile_id")
        ),
    },
    description=(
        "Structured workouts from FIT, ZWO, ERG, MRC and YAML, as planned. One that cannot be read or adapted is kept "
        "with the reason."
    ),
)
def planned_workouts(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return update_planned_workouts(
            turn.services.store, turn.services.warehouse, turn.lease, full_refresh=scope.full_refresh
        )

    totals = for_each_athlete(context, pipeline, scope, progress, "planned_workouts", work)
    return dg.MaterializeResult(metadata=totals.metadata())


@dg.asset(
    deps=["planned_workouts", "activity_streams", "activities", "threshold_models", "daily_fitness", "daily_wellness"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="planning",
    kinds={"python", "postgres", "s3"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.stages.workout_adaptations"),
    metadata={
        **table_metadata(tables.workout_adaptations),
        **lineage(
            tables.workout_adaptations,
            planned_workout_id=("planned_workouts", "id"),
            steps=("planned_workouts", "steps"),
        ),
    },
    check_specs=[
        dg.AssetCheckSpec(
            "every_interval_can_be_finished",
            asset="workout_adaptations",
            description="no workout is handed out with an interval below the limit of its probability to be finished",
        )
    ],
    description=(
        "Each workout that is not done yet, for the athlete of today: targets by today's threshold, load by "
        "readiness, and the smallest change after which every interval can be finished, with its reasons. The plan "
        "itself is never changed; the adapted ones lie in the outbox as FIT, ZWO and ERG. What an activity has done is "
        "matched first (workout_completions), is adapted no more, and counts for those to come."
    ),
)
def workout_adaptations(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        services = turn.services
        told = (services.store, services.warehouse, turn.lease, turn.handle, turn.today)
        # In this stage, not in one of its own: what was handed out comes back from the journal when this one begins.
        done = update_completions(*told, full_refresh=scope.full_refresh)
        return {**done, **update_adaptations(*told, full_refresh=scope.full_refresh)}

    totals = for_each_athlete(context, pipeline, scope, progress, "workout_adaptations", work)
    check = adaptations_result(pipeline.services, athletes_of_turn(context, scope))
    return dg.MaterializeResult(metadata=totals.metadata(), check_results=[check])
