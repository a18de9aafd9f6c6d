"""Alerts for whoever operates this: a run that failed for good, a check that found a fault, by `PERF_ALERT_URLS`.

They name jobs, partitions, steps and checks: no file, no value, nobody's words.
"""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

from perf_pipeline.defs.back_off import PARTITION_TAG
from perf_pipeline.defs.jobs import archive_job, marts_job, quality_job
from perf_pipeline.defs.resources import PipelineResource
from perf_pipeline.pipeline.delivery import send_to_all

WILL_RETRY = "dagster/will_retry"


@dg.run_failure_sensor(
    name="alert_on_failure",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells PERF_ALERT_URLS of a run that failed and is not tried again.",
)
def alert_on_failure(context: dg.RunFailureSensorContext, pipeline: PipelineResource) -> None:
    run = context.dagster_run
    if run.tags.get(WILL_RETRY) == "true":
        return
    steps = [event.step_key or "" for event in context.get_step_failure_events()]
    _tell(context, pipeline, f"{run.job_name} failed", _words(run, "failed steps", steps))


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[quality_job, archive_job, marts_job],
    name="alert_on_faults",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells PERF_ALERT_URLS of checks that found a fault, once the run that asked them has ended.",
)
def alert_on_faults(context: dg.RunStatusSensorContext, pipeline: PipelineResource) -> None:
    run = context.dagster_run
    records = context.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    faults = []
    for record in records.records:
        event = record.event_log_entry.dagster_event
        found = event.asset_check_evaluation_data if event else None
        if found and not found.passed and found.severity is dg.AssetCheckSeverity.ERROR:
            faults.append(f"{found.asset_key.to_user_string()}: {found.check_name}")
    if faults:
        _tell(context, pipeline, f"{run.job_name}: {len(faults)} check(s) failed", _words(run, "checks", faults))


def _words(run: dg.DagsterRun, what: str, names: Iterable[str]) -> str:
    lines = [f"run {run.run_id}", *([f"athlete {run.tags[PARTITION_TAG]}"] if PARTITION_TAG in run.tags else [])]
    return "\n".join([*lines, f"{what}: {', '.join(sorted(names)) or 'none was reached'}"])


def _tell(context: dg.RunStatusSensorContext, pipeline: PipelineResource, title: str, body: str) -> None:
    urls = pipeline.settings.alert_urls.get_secret_value()
    for kind in send_to_all(urls, title, body):
        context.log.warning("an alert could not be sent by %s", kind)
