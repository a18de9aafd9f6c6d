"""Runs from the command line: the same definitions and the same Dagster storage as the UI, in this process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg

from perf_pipeline.definitions import build_definitions
from perf_pipeline.defs.alerts import WILL_RETRY
from perf_pipeline.defs.jobs import athlete_job
from perf_pipeline.defs.lost_runs import PROCESS_TAG, fail_lost_runs, this_process
from perf_pipeline.defs.partitions import key_of
from perf_pipeline.defs.refreshing import refresh_tags
from perf_pipeline.defs.resources import PipelineResource, Progress, ProgressResource, keep_connections
from perf_pipeline.defs.run_requests import register, run_config
from perf_pipeline.pipeline.services import dagster_url
from perf_pipeline.settings import Settings

POSTGRES_VARIABLE = "PERF_DAGSTER_POSTGRES_URL"
OURS = "# Written by perf-pipeline"
"""How a dagster.yaml begins that we may replace; without this line it is the user's own."""


def prepare_dagster_home(settings: Settings) -> Path:
    """Puts dagster.yaml in place and the environment right, starting the embedded database where it is used."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    target = home / "dagster.yaml"
    text = files("perf_pipeline").joinpath("dagster.yaml").read_text()
    if not target.exists() or (target.read_text() != text and target.read_text().startswith(OURS)):
        fresh = home / f".dagster.yaml.{os.getpid()}"
        fresh.write_text(text)
        fresh.replace(target)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ[POSTGRES_VARIABLE] = dagster_url(settings)
    os.environ["PERF_HOME"] = str(settings.home)
    return home


@contextmanager
def dagster_instance(settings: Settings, *, for_runs: bool = False) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance. Its storage is made on first use, by one process: two at once trip over each other.

    `for_runs`: what runs in this process prints goes to the terminal alone.
    """
    home = prepare_dagster_home(settings)
    with locked(home / "lock"):
        instance = dg.DagsterInstance.get()
        instance.get_runs(limit=1)
    if for_runs:
        instance = _without_capture(instance)
    with instance:
        keep_connections(instance)
        yield instance


def _without_capture(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The same instance without copies of what a run prints: here that is progress bars, and the processes that copy
    them would each print a traceback of their own at a Ctrl-C.
    """
    reference = instance.get_ref()
    nowhere = reference.compute_logs_data._replace(
        module_name="dagster._core.storage.noop_compute_log_manager", class_name="NoOpComputeLogManager",
        config_yaml="{}",
    )  # fmt: skip
    instance.dispose()
    return dg.DagsterInstance.from_ref(reference._replace(compute_logs_data=nowhere))


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """The file's lock, which goes with the process that holds it; raises `BlockingIOError` where we do not wait."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def run_athlete(
    instance: dg.DagsterInstance,
    handle: str,
    *,
    progress: Progress | None = None,
    pipeline: PipelineResource | None = None,
    stages: Sequence[str] = (),
    **scope: Any,
) -> tuple[bool, str]:
    """Brings one athlete up to date, in all stages or some; (whether it succeeded, the reason if it did not).

    A full refresh that was stopped is taken up where it was.
    """
    register(instance, [handle])
    fail_lost_runs(instance, instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])))
    overrides: dict[str, Any] = {"progress": ProgressResource(progress)} if progress else {}
    if pipeline is not None:
        overrides["pipeline"] = pipeline
    job = build_definitions(overrides).resolve_job_def(athlete_job.name)
    config = {**run_config([handle], **scope), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    refresh = refresh_tags(instance, handle, stages, scope) if scope.get("full_refresh") else {}
    result = job.execute_in_process(
        run_config=config,
        instance=instance,
        asset_selection=[dg.AssetKey(stage) for stage in stages] or None,
        partition_key=key_of(handle),
        raise_on_error=False,
        tags={PROCESS_TAG: this_process(), **refresh},
    )
    return (True, "") if result.success else (False, failure_reason(instance, result.run_id))


def failure_reason(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why the run failed, in one line: what its first failed step says."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1).records
    for record in records:
        event = record.event_log_entry.dagster_event
        error = getattr(event.event_specific_data, "error", None) if event else None
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None and "InterruptedError" in error.message:
            return "it was interrupted. Run again: it goes on from there"
        if error is not None:
            return _without_class(error.message)
    return f"run {run_id} failed; its log in the UI tells more"


def _without_class(message: str) -> str:
    """The message on one line, without the dotted path of the class before it."""
    line = " ".join(message.split())
    head, _, rest = line.partition(": ")
    return (rest or line) if head.replace(".", "").replace("_", "").isalnum() and "dagster" in head else line


def failed_lately(settings: Settings) -> int:
    """How many runs failed for good within the last day: those that were tried again are left out."""
    with dagster_instance(settings) as instance:
        chosen = dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE], created_after=datetime.now(UTC) - timedelta(days=1)
        )
        return sum(run.tags.get(WILL_RETRY) != "true" for run in instance.get_runs(filters=chosen))


def last_run(settings: Settings) -> dict[str, Any] | None:
    """How the latest run ended."""
    with dagster_instance(settings) as instance:
        fail_lost_runs(instance, instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])))
        records = instance.get_run_records(limit=1)
        if not records:
            return None
        run = records[0].dagster_run
        ended = records[0].end_time
        is_failure = run.status == dg.DagsterRunStatus.FAILURE
        return {
            "id": run.run_id,
            "job": run.job_name,
            "status": run.status.value.lower(),
            "ended_at": datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds") if ended else None,
            "reason": failure_reason(instance, run.run_id) if is_failure else None,
        }
