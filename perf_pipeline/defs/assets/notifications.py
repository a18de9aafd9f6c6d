"""What the athlete should hear of."""

from datetime import UTC, datetime

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, for_each_athlete
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, table_metadata
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.delivery import deliver
from perf_pipeline.pipeline.history.notifications import update_notifications
from perf_pipeline.storage.tables import notifications as table


@dg.asset(
    deps=["activity_efforts", "threshold_models", "daily_fitness", "daily_wellness"],
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
        "`is_read` survives a rebuild; a notification whose evidence has gone is withdrawn. News "
        "are sent to the services of PERF_NOTIFY_URLS, each once; none by default."
    ),
)
def notifications(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        told = update_notifications(
            turn.services.warehouse, turn.lease, turn.today, full_refresh=turn.scope.full_refresh
        )
        urls = turn.services.settings.notify_urls.get_secret_value()
        sent = deliver(turn.services.warehouse, turn.lease, urls, datetime.now(UTC))
        if sent["services_failed"]:
            context.log.warning(
                "%d of the services did not take notifications of %s", sent["services_failed"], turn.handle
            )
        return {**told, **sent}

    totals = for_each_athlete(context, pipeline, scope, progress, "notifications", work)
    return dg.MaterializeResult(metadata=totals.metadata())
