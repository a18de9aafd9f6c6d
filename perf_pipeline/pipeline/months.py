"""The unit of work, one athlete-month: finds what is stale, has it computed, commits each month in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, Text, cast, delete, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY

from perf_pipeline.physiology.metric import ACTIVITY_GRAIN
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.compute import Executor, Outcome
from perf_pipeline.pipeline.intake_work import write_reason
from perf_pipeline.pipeline.month_tasks import month_tasks
from perf_pipeline.pipeline.month_work import (
    ACTIVITIES,
    EFFORTS,
    METRICS,
    MONTH_STAGES,
    PROFILE_METRICS,
    STREAMS,
    MonthFile,
    MonthResult,
    MonthTask,
    StageOutput,
    compute_month,
    try_one,
)  # fmt: skip
from perf_pipeline.pipeline.pace import Pace
from perf_pipeline.storage.errors import StorageError
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import (
    activities,
    activity_efforts,
    activity_metrics,
    month_outputs,
    profile_metrics,
    source_files,
)  # fmt: skip
from perf_pipeline.storage.warehouse import Lease, Warehouse, copy_rows, delete_vanished, upsert

CHILDREN = {EFFORTS: activity_efforts, METRICS: activity_metrics}


class MonthsFailedError(Exception):
    """Some months, or stages of them, could not be computed; `failures` maps month to reason.

    The others are done: `report` tells of them.
    """

    def __init__(self, handle: str, failures: Mapping[str, str], report: MonthsReport | None = None) -> None:
        listing = "; ".join(f"{month}: {reason}" for month, reason in sorted(failures.items()))
        super().__init__(f"athlete {handle}: {len(failures)} months failed ({listing})")
        self.failures = failures
        self.report = report or MonthsReport()


@dataclass(slots=True)
class MonthsReport:
    """What was done. `counts` has rows by stage, `verdicts` files by status, `decoded` paths of what was read.

    `at_rest`: all stages of all months were looked at, and none had anything to do.
    """

    computed: list[str] = field(default_factory=list)
    skipped: int = 0
    at_rest: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    decoded: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, task: MonthTask, result: MonthResult) -> None:
        """One more month was computed and committed."""
        self.computed.append(task.month)
        self.seconds += result.seconds
        self.verdicts.update(status for status, _ in result.verdicts.values())
        self.decoded += [file.path for file in task.inputs(STREAMS) if _was_read(result, file)]
        for stage, output in result.outputs.items():
            for name, count in output.counts.items():
                self.counts[f"{stage}.{name}"] += int(count)


def bring_up_to_date(
    store: ObjectStore,
    warehouse: Warehouse,
    lease: Lease,
    handle: str,
    executor: Executor,
    *,
    stages: frozenset[str],
    file_timeout_seconds: float,
    full_refresh: bool = False,
    refresh_began: datetime | None = None,
    since: str | None = None,
    until: str | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, words: None,
) -> MonthsReport:
    """Computes the stale months of one athlete (from month `since` to `until`, YYYY-MM, both inclusive).

    `full_refresh` computes the others as well, but not what has been computed since `refresh_began`: a refresh that was
    stopped goes on. `progress` hears of the months done, of all of them, and how it goes in words.

    Raises `MonthsFailedError` at its end where months failed, `StorageError` at once where storage or database fail.
    """
    report = MonthsReport()
    # What a killed run has staged and not committed. Ours is the lease: nobody else is staging now.
    store.delete_many([item.key for item in store.list(layout.staging(handle))])
    tasks = []
    forced = stages if full_refresh else ()
    for task in month_tasks(
        store, warehouse, lease.profile_id, handle, stages, forced=forced, refresh_began=refresh_began
    ):
        if (since and task.month < since) or (until and task.month > until):
            continue
        if task.needs_work():
            tasks.append(task)
        else:
            report.skipped += 1
    report.at_rest = not tasks and not since and not until and stages.issuperset(MONTH_STAGES)
    failures: dict[str, str] = {}
    pace = Pace(len(tasks), sum(len(task.files) for task in tasks))
    for outcome in _run(executor, tasks, file_timeout_seconds):
        month = outcome.task.month
        if isinstance(outcome.error, StorageError):
            raise outcome.error
        if outcome.result is None:
            failures[month] = outcome.lost or f"{type(outcome.error).__name__}: {outcome.error}"
            pace.advance(len(outcome.task.files))
            continue
        if outcome.result.failures:
            failures[month] = ", ".join(f"{stage}: {why}" for stage, why in sorted(outcome.result.failures.items()))
        _commit(store, lease, outcome.task, outcome.result)
        report.add(outcome.task, outcome.result)
        pace.advance(len(outcome.task.files))
        progress(pace.done_months, pace.months, pace.words)
    if tasks:
        store.remove_empty_folders(layout.staging(handle))
    if failures:
        raise MonthsFailedError(handle, failures, report)
    return report


def _was_read(result: MonthResult, file: MonthFile) -> bool:
    return result.verdicts.get(file.sha256, ("",))[0] == "archived"


def _run(
    executor: Executor, tasks: Sequence[MonthTask], file_timeout_seconds: float
) -> Iterator[Outcome[MonthTask, MonthResult]]:
    most = max((len(task.files) for task in tasks), default=1)
    # A month is as slow as its files; the bound exists to end a hang, not to judge speed.
    timeout = file_timeout_seconds * (1 + most / 10)
    lost: list[MonthTask] = []
    for outcome in executor.run(compute_month, tasks, timeout_seconds=timeout):
        if outcome.lost is None:
            yield outcome
        else:
            lost.append(outcome.task)
    retry = [replace(task, skip=_deadly_files(executor, task, file_timeout_seconds)) for task in lost]
    yield from executor.run(compute_month, retry, timeout_seconds=timeout)


def _deadly_files(executor: Executor, task: MonthTask, timeout_seconds: float) -> dict[str, str]:
    """Reads the month's files one by one to find those that cost a worker its life."""
    probes = [replace(task, files=(file,)) for file in task.files]
    return {
        outcome.task.files[0].sha256: outcome.lost
        for outcome in executor.run(try_one, probes, timeout_seconds=timeout_seconds)
        if outcome.lost is not None
    }


def _commit(store: ObjectStore, lease: Lease, task: MonthTask, result: MonthResult) -> None:
    """Replaces the month in one transaction. Parquet gets its name last before the commit: file first, then row."""
    _note_quarantine(store, task, result)
    with lease.transaction() as connection:
        if ACTIVITIES in result.outputs:
            _replace_activities(connection, task, result)
        if PROFILE_METRICS in result.outputs:
            _replace_profile_metrics(connection, task, result)
        for stage, table in CHILDREN.items():
            if stage in result.outputs:
                month_ids = select(activities.c.id).where(
                    activities.c.profile_id == task.profile_id, activities.c.archive_month == task.month
                )
                ours = table.c.grain == ACTIVITY_GRAIN if table is activity_metrics else true()
                connection.execute(delete(table).where(table.c.activity_id.in_(month_ids), ours))
                _copy(connection, table, result.outputs[stage])
        _record_verdicts(connection, task, result)
        _record_outputs(connection, task, result)
        for temporary, final in result.staged.items():
            if task.inputs(STREAMS):
                store.move(temporary, final)
            else:
                store.delete(temporary)
                store.delete(final)


def _record_outputs(connection: Connection, task: MonthTask, result: MonthResult) -> None:
    """Names what is up to date now; a stage that has lost its last file has nothing to be up to date with."""
    now = datetime.now(UTC)
    rows = [
        {
            "profile_id": task.profile_id, "month": task.month, "stage": stage, "fingerprint": output.fingerprint,
            "code_version": task.versions[stage], "output_hash": output.output_hash, "counts": dict(output.counts),
            "computed_at": now,
        }
        for stage, output in result.outputs.items()
        if task.inputs(stage)
    ]  # fmt: skip
    connection.execute(
        delete(month_outputs).where(
            month_outputs.c.profile_id == task.profile_id,
            month_outputs.c.month == task.month,
            month_outputs.c.stage.in_(result.outputs),
        )
    )
    copy_rows(connection, month_outputs, rows)


def _replace_profile_metrics(connection: Connection, task: MonthTask, result: MonthResult) -> None:
    month_files = select(source_files.c.id).where(
        source_files.c.profile_id == task.profile_id, source_files.c.month == task.month
    )
    connection.execute(delete(profile_metrics).where(profile_metrics.c.source_file_id.in_(month_files)))
    _copy(connection, profile_metrics, result.outputs[PROFILE_METRICS])


def _replace_activities(connection: Connection, task: MonthTask, result: MonthResult) -> None:
    ids = list(result.activity_ids)
    if connection.scalar(select(activities.c.id).where(activities.c.id.in_(ids)).limit(1)) is None:
        _copy(connection, activities, result.outputs[ACTIVITIES])
    else:
        upsert(connection, activities, result.outputs[ACTIVITIES].rows or (), keep={"superseded_by"})
    delete_vanished(connection, activities, ids, where={"profile_id": task.profile_id, "archive_month": task.month})


def _copy(connection: Connection, table: Table, output: StageOutput) -> None:
    if output.rows is not None:
        copy_rows(connection, table, output.rows)


def _record_verdicts(connection: Connection, task: MonthTask, result: MonthResult) -> None:
    """What the readers say of each file, where it is not what is recorded: for most files it is."""
    if not result.verdicts:
        return
    shas, statuses, reasons = zip(*((sha, *verdict) for sha, verdict in result.verdicts.items()), strict=True)
    values = [cast(list(column), ARRAY(Text)) for column in (shas, statuses, reasons)]
    told = func.unnest(*values).table_valued("sha256", "status", "reason").render_derived(name="told")
    connection.execute(
        update(source_files)
        .where(source_files.c.profile_id == task.profile_id, source_files.c.sha256 == told.c.sha256)
        .where(or_(source_files.c.status != told.c.status, source_files.c.reason.is_distinct_from(told.c.reason)))
        .values(status=told.c.status, reason=told.c.reason)
    )


def _note_quarantine(store: ObjectStore, task: MonthTask, result: MonthResult) -> None:
    """The note beside the quarantine for a file that failed after archiving; its bytes stay in the archive."""
    files = {file.sha256: file for file in task.files}
    for sha256, (status, reason) in result.verdicts.items():
        note = layout.quarantine(task.handle, sha256, "json")
        if status == "quarantined":
            write_reason(store, note, name=files[sha256].path, reason=reason or "", received_at=datetime.now(UTC))
        elif files[sha256].status == "quarantined":
            store.delete(note)
