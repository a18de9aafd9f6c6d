"""Schedules: what changes with the calendar alone."""

from collections.abc import Iterator

import dagster as dg

from perf_pipeline.defs.jobs import calendar_job, quality_job
from perf_pipeline.defs.partitions import ATHLETES
from perf_pipeline.defs.run_requests import many_athletes
from perf_pipeline.pipeline.inbox import BATCH


@dg.schedule(
    name="new_day",
    job=calendar_job,
    cron_schedule="10 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Soon after midnight UTC: thresholds, fitness and notifications of every athlete as of the new day.",
)
def new_day(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    athletes = list(context.instance.get_dynamic_partitions(ATHLETES.name or ""))
    if not athletes:
        yield dg.SkipReason("no athlete yet")
    for start in range(0, len(athletes), BATCH):
        # A tick that asks for several runs must tell them apart; the keys of another day's tick are others.
        day = context.scheduled_execution_time.date().isoformat()
        yield many_athletes(athletes[start : start + BATCH], athletes, run_key=f"{day} from {start}")


nightly_quality = dg.ScheduleDefinition(
    name="nightly_quality",
    job=quality_job,
    cron_schedule="40 3 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: great-expectations over what is stored.",
)
