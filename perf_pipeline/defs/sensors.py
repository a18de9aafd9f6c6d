"""The inbox sensor: a thin shell over `perf_pipeline.pipeline.inbox`. It remembers nothing: the inbox is the state."""

from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg

from perf_pipeline.defs.jobs import athlete_job
from perf_pipeline.defs.lost_runs import fail_lost_runs
from perf_pipeline.defs.partitions import ATHLETES
from perf_pipeline.defs.resources import PipelineResource
from perf_pipeline.defs.run_requests import RANGE_START, athletes_of, many_athletes, one_athlete
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.inbox import Failures, News, plan_runs, read_inbox

PARTITION_TAG = "dagster/partition"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING,
]  # fmt: skip
LOOK_BACK = 8


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
        settings = pipeline.settings
        now = datetime.now(UTC)
        # A listing that fails raises: it must never look like an empty inbox.
        news = read_inbox(pipeline.services.store.list(f"{layout.INBOX}/"), now, settings.settle_seconds)
        for folder in news.misplaced:
            context.log.warning("%s lies outside every athlete's folder, or its name may not name an athlete", folder)
        if not news.ready:
            return dg.SkipReason(_quiet(news))
        instance = context.instance
        plan = plan_runs(news, _busy(instance), _failures(instance, news.ready), now)
        if not plan.single and not plan.batches:
            return dg.SkipReason(f"{len(plan.held)} athletes with news wait for a run to end or a back-off to pass")
        known = list(instance.get_dynamic_partitions(ATHLETES.name or ""))
        asked = [*plan.single, *(handle for batch in plan.batches for handle in batch)]
        new = [handle for handle in asked if handle not in set(known)]
        requests = [one_athlete(handle) for handle in plan.single]
        requests += [many_athletes(batch, [*known, *new]) for batch in plan.batches]
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=[ATHLETES.build_add_request(new)] if new else [],
        )

    return look


def _quiet(news: News) -> str:
    parts = ["nothing new in the inbox"]
    if news.growing:
        parts.append(f"{news.growing} files are still being written")
    if news.misplaced:
        parts.append(f"left in place, not an athlete's folder: {', '.join(news.misplaced)}")
    return "; ".join(parts)


def _busy(instance: dg.DagsterInstance) -> set[str]:
    """Athletes of unfinished runs, by partition or by the list that a shared run carries."""
    busy: set[str] = set()
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED))
    lost = set(fail_lost_runs(instance, runs))
    for run in runs:
        if run.run_id in lost:
            continue
        if PARTITION_TAG in run.tags:
            busy.add(run.tags[PARTITION_TAG])
        elif RANGE_START in run.tags:
            busy.update(athletes_of(run.run_config))
    return busy


def _failures(instance: dg.DagsterInstance, handles: Iterable[str]) -> dict[str, Failures]:
    """Failures in a row of the athletes' own runs, newest first until a success."""
    found: dict[str, Failures] = {}
    for handle in handles:
        records = instance.get_run_records(
            filters=dg.RunsFilter(job_name=athlete_job.name, tags={PARTITION_TAG: handle}), limit=LOOK_BACK
        )
        count, last = 0, None
        for record in records:
            if record.dagster_run.status != dg.DagsterRunStatus.FAILURE:
                break
            count += 1
            last = last or record.update_timestamp
        if count and last is not None:
            found[handle] = Failures(count, last if last.tzinfo else last.replace(tzinfo=UTC))
    return found
