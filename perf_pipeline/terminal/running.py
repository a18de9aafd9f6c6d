"""Runs from the command line: the same definitions and the same Dagster storage as the UI, in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg

from perf_pipeline.definitions import build_definitions
from perf_pipeline.defs.jobs import athlete_job
from perf_pipeline.defs.resources import Progress, ProgressResource
from perf_pipeline.defs.run_requests import register, run_config
from perf_pipeline.pipeline.services import dagster_url
from perf_pipeline.settings import Settings

POSTGRES_VARIABLE = "PERF_DAGSTER_POSTGRES_URL"


def prepare_dagster_home(settings: Settings) -> Path:
    """Puts dagster.yaml in place and the environment right; starts the embedded database where that is the default."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    target = home / "dagster.yaml"
    text = files("perf_pipeline").joinpath("dagster.yaml").read_text()
    if not target.exists() or target.read_text() != text:
        target.write_text(text)
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ[POSTGRES_VARIABLE] = dagster_url(settings)
    os.environ["PERF_HOME"] = str(settings.home)
    return home


@contextmanager
def dagster_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance, its storage made on first use (here, in one process, before any server starts)."""
    prepare_dagster_home(settings)
    with dg.DagsterInstance.get() as instance:
        yield instance


def run_athlete(
    instance: dg.DagsterInstance, handle: str, *, progress: Progress | None = None, **scope: Any
) -> tuple[bool, str]:
    """Brings one athlete up to date; (whether it succeeded, the reason if it did not)."""
    register(instance, [handle])
    overrides = {"progress": ProgressResource.to(progress)} if progress else {}
    job = build_definitions(overrides).resolve_job_def(athlete_job.name)
    config = {**run_config([handle], **scope), "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    result = job.execute_in_process(run_config=config, instance=instance, partition_key=handle, raise_on_error=False)
    if result.success:
        return True, ""
    reasons = [
        event.event_specific_data.error.message.strip()  # type: ignore[union-attr]
        for event in result.all_events
        if event.is_step_failure and event.event_specific_data.error  # type: ignore[union-attr]
    ]
    return False, reasons[0] if reasons else f"run {result.run_id} failed"


def last_run(settings: Settings) -> dict[str, Any] | None:
    """How the latest run ended."""
    with dagster_instance(settings) as instance:
        records = instance.get_run_records(limit=1)
    if not records:
        return None
    run = records[0].dagster_run
    ended = records[0].end_time
    return {
        "id": run.run_id,
        "job": run.job_name,
        "status": run.status.value.lower(),
        "ended_at": datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds") if ended else None,
    }
