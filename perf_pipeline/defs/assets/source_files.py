"""Intake: from the inbox to the archive."""

from datetime import timedelta

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, athletes_of_turn, for_each_athlete
from perf_pipeline.defs.checks import quarantine_result
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, table_metadata
from perf_pipeline.pipeline.intake import take_in
from perf_pipeline.pipeline.second_chance import try_again
from perf_pipeline.storage.tables import source_files as table

CHECKS = [
    dg.AssetCheckSpec(
        "nothing_in_quarantine",
        asset="source_files",
        description="warns while files of the athlete are in quarantine, with their number by reason",
    )
]


@dg.asset(
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="intake",
    kinds={"python", "postgres", "s3"},
    owners=[OWNER],
    metadata=table_metadata(table),
    check_specs=CHECKS,
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(days=7), warn_window=timedelta(hours=36)),
    description=(
        "The immutable source of truth: every file that was dropped into `inbox/<athlete>/`, identified by its bytes, "
        "deduplicated by sha256, archived or quarantined with the reason. Nothing leaves the inbox unrecorded."
    ),
)
def source_files(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        settings = turn.services.settings
        again = try_again(
            turn.services.store,
            turn.services.warehouse,
            turn.lease,
            turn.handle,
            turn.services.executor,
            file_timeout_seconds=settings.file_timeout_seconds,
        )
        report = take_in(
            turn.services.store,
            turn.lease,
            turn.handle,
            turn.services.executor,
            settle_seconds=0.0 if scope.take_in_at_once else settings.settle_seconds,
            file_timeout_seconds=settings.file_timeout_seconds,
            progress=turn.progress,
        )
        for name, reason in report.problems:
            context.log.warning("athlete %s: %s is quarantined: %s", turn.handle, name, reason)
        return {**again, **report.received, "files": report.received.total(), "waiting": report.waiting}

    totals = for_each_athlete(context, pipeline, scope, progress, "source_files", work)
    return dg.MaterializeResult(
        metadata=totals.metadata(),
        check_results=[quarantine_result(pipeline.services, athletes_of_turn(context, scope))],
    )
