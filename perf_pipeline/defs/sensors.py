"""The inbox sensor: a thin shell over `perf_pipeline.pipeline.inbox`. It remembers nothing: the inbox is the state."""

import time
from datetime import UTC, datetime

import dagster as dg

from perf_pipeline.defs.back_off import busy_athletes, failures_in_a_row
from perf_pipeline.defs.jobs import athlete_job
from perf_pipeline.defs.partitions import ATHLETES, key_of, keys_for
from perf_pipeline.defs.resources import PipelineResource
from perf_pipeline.defs.run_requests import many_athletes, one_athlete
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.inbox import News, plan_runs, read_inbox
from perf_pipeline.settings import Settings
from perf_pipeline.storage.objects import ObjectStore

LOOK_AGAIN_SECONDS = 1.0


def inbox_sensor(interval_seconds: int) -> dg.SensorDefinition:
    """The sensor with its pause between two looks (the daemon looks every 5 s at the most)."""

    @dg.sensor(
        name="inbox_sensor",
        job=athlete_job,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Watches the inbox; asks for a run while an athlete has settled files and no unfinished run.",
    )
    def look(context: dg.SensorEvaluationContext, pipeline: PipelineResource) -> dg.SensorResult | dg.SkipReason:
        news, now = watch(pipeline.services.store, pipeline.settings)
        for folder in news.misplaced:
            context.log.warning("%s lies outside every athlete's folder, or its name may not name an athlete", folder)
        if not news.ready:
            return dg.SkipReason(_quiet(news))
        instance = context.instance
        at_work = busy_athletes(instance)  # a run of whole cohorts names these alone
        busy = {handle for handle in news.ready if not at_work.isdisjoint({handle, key_of(handle)})}
        plan = plan_runs(news, busy, failures_in_a_row(instance, news.ready, now), now, order=key_of)
        if not plan.single and not plan.batches:
            return dg.SkipReason(f"{len(plan.held)} athletes with news wait for a run to end or a back-off to pass")
        known = list(instance.get_dynamic_partitions(ATHLETES.name or ""))
        asked = [*plan.single, *(handle for batch in plan.batches for handle in batch)]
        there = set(known)
        missing = [handle for handle in asked if key_of(handle) not in there]
        new = [key for key in keys_for(missing) if key not in there]
        requests = [one_athlete(handle) for handle in plan.single]
        requests += [many_athletes(batch, [*known, *new]) for batch in plan.batches]
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=[ATHLETES.build_add_request(new)] if new else [],
        )

    return look


def watch(store: ObjectStore, settings: Settings) -> tuple[News, datetime]:
    """Looks until something is ready, or as long as one look may last; what was seen last, and when.

    The daemon asks every five seconds at the most: whoever waits here sees a file within a second. A listing that fails
    raises: it must never look like an empty inbox.
    """
    deadline = time.monotonic() + settings.sensor_hold_seconds
    while True:
        now = datetime.now(UTC)
        news = read_inbox(store.list(f"{layout.INBOX}/"), now, settings.settle_seconds)
        if news.ready or time.monotonic() + LOOK_AGAIN_SECONDS > deadline:
            return news, now
        time.sleep(LOOK_AGAIN_SECONDS)


def _quiet(news: News) -> str:
    parts = ["nothing new in the inbox"]
    if news.growing:
        parts.append(f"{news.growing} files are still being written")
    if news.misplaced:
        parts.append(f"left in place, not an athlete's folder: {', '.join(news.misplaced)}")
    return "; ".join(parts)
