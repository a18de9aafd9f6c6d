"""Schedules: what the calendar asks for."""

from collections.abc import Iterator

import dagster as dg

from perf_pipeline.defs.jobs import archive_job, calendar_job, marts_job, quality_job
from perf_pipeline.defs.partitions import ATHLETES, COHORTS
from perf_pipeline.defs.resources import PipelineResource
from perf_pipeline.defs.run_requests import many_athletes, register, whole_cohorts
from perf_pipeline.pipeline.inbox import BATCH
from perf_pipeline.pipeline.restore import athletes_in_archive
from perf_pipeline.storage.errors import StorageError

COHORTS_PER_RUN = 8


@dg.schedule(
    name="new_day",
    job=calendar_job,
    cron_schedule="10 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Soon after midnight UTC: every athlete, also whom only the archive knows, as of the new day.",
)
def new_day(
    context: dg.ScheduleEvaluationContext, pipeline: PipelineResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    try:
        register(context.instance, athletes_in_archive(pipeline.services.store))
    except StorageError as error:
        # Those whom we know have their day all the same; their runs are tried again, a schedule's tick is not.
        context.log.warning("the archive cannot be listed for athletes nobody knows: %s", error)
    keys = list(context.instance.get_dynamic_partitions(ATHLETES.name or ""))
    if not keys:
        yield dg.SkipReason("no athlete yet")
    day = context.scheduled_execution_time.date().isoformat()
    size = COHORTS_PER_RUN if COHORTS else BATCH
    for start in range(0, len(keys), size):
        # A tick that asks for several runs must tell them apart; the keys of another day's tick are others.
        some, run_key = keys[start : start + size], f"{day} from {start}"
        yield whole_cohorts(some, run_key=run_key) if COHORTS else many_athletes(some, keys, run_key=run_key)


nightly_quality = dg.ScheduleDefinition(
    name="nightly_quality",
    job=quality_job,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: great-expectations over what is stored.",
)
nightly_archive = dg.ScheduleDefinition(
    name="nightly_archive",
    job=archive_job,
    cron_schedule="20 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: a twenty-eighth of the archive is read again, what was not looked at for longest first.",
)
marts_refresh = dg.ScheduleDefinition(
    name="marts_refresh",
    job=marts_job,
    cron_schedule="25 */6 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Four times a day: stored marts refreshed, the tests of all models. Views are always fresh.",
)
