"""Who is being worked on, and whose runs failed lately: what Dagster's own records tell of the athletes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg

from perf_pipeline.defs.jobs import athlete_job
from perf_pipeline.defs.lost_runs import fail_lost_runs
from perf_pipeline.defs.partitions import ATHLETES, COHORTS, key_of
from perf_pipeline.defs.run_requests import FAILED_TAG, RANGE_END, RANGE_START, SHARED_TAG, athletes_of
from perf_pipeline.pipeline.inbox import LONGEST_BACK_OFF, Failures

PARTITION_TAG = "dagster/partition"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING,
]  # fmt: skip
LOOK_BACK = 8
"""Failures in a row that are counted: as many make the longest wait."""
SHARED_LOOK_BACK = 50


def busy_athletes(instance: dg.DagsterInstance) -> set[str]:
    """Athletes of unfinished runs."""
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=UNFINISHED))
    lost = set(fail_lost_runs(instance, runs))
    return {handle for run in runs if run.run_id not in lost for handle in athletes_of_run(instance, run)}


def failures_in_a_row(instance: dg.DagsterInstance, handles: Iterable[str], now: datetime) -> dict[str, Failures]:
    """How often the last runs of these athletes failed for them, in runs of their own or shared, until one did not."""
    lately = instance.get_run_records(
        filters=dg.RunsFilter(
            job_name=athlete_job.name,
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=now - LONGEST_BACK_OFF,  # nobody waits for longer than that
        )
    )
    suspects = set(handles).intersection(handle for record in lately for handle in _failed_of(instance, record))
    if not suspects:
        return {}
    shared = instance.get_run_records(
        filters=dg.RunsFilter(job_name=athlete_job.name, tags={SHARED_TAG: "yes"}), limit=SHARED_LOOK_BACK
    )
    found = {}
    for handle in sorted(suspects):
        own = instance.get_run_records(
            filters=dg.RunsFilter(job_name=athlete_job.name, tags={PARTITION_TAG: key_of(handle)}),
            limit=SHARED_LOOK_BACK if COHORTS else LOOK_BACK,
        )
        records = [*own, *(r for r in shared if handle in athletes_of_run(instance, r.dagster_run))]
        # In the order in which they were asked for: an athlete's runs come one after the other.
        if failures := _counted(instance, handle, sorted(records, key=lambda r: r.storage_id, reverse=True)):
            found[handle] = failures
    return found


def _counted(instance: dg.DagsterInstance, handle: str, newest_first: Iterable[dg.RunRecord]) -> Failures | None:
    count, last = 0, None
    for record in newest_first:
        if record.dagster_run.status in UNFINISHED:
            continue
        if record.dagster_run.status != dg.DagsterRunStatus.FAILURE or handle not in _failed_of(instance, record):
            break
        count += 1
        last = last or _moment(record)
    return Failures(count, last) if last is not None else None


def _failed_of(instance: dg.DagsterInstance, record: dg.RunRecord) -> list[str]:
    """Whom the run failed: those it names itself, or all of its athletes where it was killed before it could."""
    named = record.dagster_run.tags.get(FAILED_TAG)
    return named.split(",") if named else athletes_of_run(instance, record.dagster_run)


def athletes_of_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """The run's athletes: its partition, the list that a shared run carries, or its range of partitions."""
    if listed := athletes_of(run.run_config):
        return listed
    if PARTITION_TAG in run.tags:
        return [run.tags[PARTITION_TAG]]
    if RANGE_START not in run.tags:
        return []
    keys = list(instance.get_dynamic_partitions(ATHLETES.name or ""))
    ends = (run.tags[RANGE_START], run.tags.get(RANGE_END, run.tags[RANGE_START]))
    if not set(ends) <= set(keys):
        return list(ends)
    return keys[keys.index(ends[0]) : keys.index(ends[1]) + 1]


def _moment(record: dg.RunRecord) -> datetime:
    moment = record.update_timestamp
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
