"""Writes the metrics of the grain `athlete`, activity by activity: only those are read whose day or signals changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection, Double, cast, delete, select

from perf_pipeline.physiology.metric import ATHLETE_GRAIN
from perf_pipeline.physiology.relative_metrics import BEST_SECONDS
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.compute import Executor
from perf_pipeline.pipeline.history.freshness import Settled, first_unsettled, turn
from perf_pipeline.pipeline.history.knowing import load_knowledge
from perf_pipeline.pipeline.history.thresholds import threshold_version
from perf_pipeline.pipeline.history.wellness import wellness_version
from perf_pipeline.pipeline.months import MonthsFailedError
from perf_pipeline.pipeline.series import activities_since, load_activities
from perf_pipeline.pipeline.stages import relative_metrics as stage
from perf_pipeline.pipeline.stages.relative_metrics import Related, RelateTask, Relation
from perf_pipeline.storage.copy_text import CopyBlock
from perf_pipeline.storage.errors import StorageError
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import (
    activities,
    activity_efforts,
    activity_metrics,
    activity_outputs,
    month_outputs,
)  # fmt: skip
from perf_pipeline.storage.warehouse import Lease, Warehouse, copy_rows, upsert

STAGE = "relative_metrics"
WRITTEN_AT_ONCE = 1_000
"""Activities in one transaction: one for each month took as long as the months' work."""


def update_relative_metrics(
    store: ObjectStore,
    warehouse: Warehouse,
    lease: Lease,
    handle: str,
    executor: Executor,
    today: date,
    *,
    file_timeout_seconds: float,
    full_refresh: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Brings every activity's relative metrics up to date, months side by side, many activities in a transaction.

    Raises `MonthsFailedError` where a month's signals are not there or could not be read; the others are done.
    """
    version = code_version("perf_pipeline.pipeline.stages.relative_metrics")
    upstream = version + threshold_version() + wellness_version()
    counts = {"activities": 0, "computed": 0, "rows": 0}
    # Its rows share their table with those of the months, whose number changes with every file.
    history = Settled(lease.profile_id, STAGE, upstream, None, knowledge=True)
    with turn(warehouse, lease, STAGE, today, upstream, activity_outputs, full_refresh=full_refresh) as mine:
        if mine.current:
            return {**counts, "up_to_date": 1}
        with warehouse.begin() as connection:
            settled = None if full_refresh else history.until(connection)
            since = first_unsettled(settled)
            relations = _relations(connection, lease.profile_id, today, since)
            held = _held(connection, lease.profile_id, since)
        prints = {one.activity_id: one.fingerprint(version) for one in relations}
        stale = [one for one in relations if full_refresh or held.get(one.activity_id) != prints[one.activity_id]]
        silent = [one for one in stale if not one.has_any()]
        _write(lease, [], {one.activity_id: prints[one.activity_id] for one in silent})
        _forget(lease, [i for i in held if i not in prints])
        wanted = [one for one in stale if one.has_any()]
        failures = {one.month: "no signals: materialize activity_signals" for one in wanted if not one.signals}
        tasks = _tasks(store, handle, lease.profile_id, [one for one in wanted if one.month not in failures])
        for some in _related(executor, tasks, file_timeout_seconds, failures, progress):
            _write(lease, [one.rows for one in some], {i: prints[i] for one in some for i in one.activity_ids})
            counts["rows"] += sum(len(one.rows) for one in some)
        if failures:
            raise MonthsFailedError(handle, failures)
        with lease.transaction() as connection:
            history.note(connection, today, settled)
        mine.done = True
    return {**counts, "activities": len(relations), "computed": len(stale)}


def _related(
    executor: Executor,
    tasks: Sequence[RelateTask],
    file_timeout_seconds: float,
    failures: dict[str, str],
    progress: Callable[[int, int], None],
) -> Iterator[list[Related]]:
    """What comes of the months, so many at a time that they are worth a transaction; adds to `failures` by month."""
    most = max((len(task.relations) for task in tasks), default=0)
    waiting: list[Related] = []
    outcomes = executor.run(stage.relate, tasks, timeout_seconds=file_timeout_seconds * (1 + most / 10))
    for done, outcome in enumerate(outcomes, start=1):
        month, related = outcome.task.month, outcome.result
        if isinstance(outcome.error, StorageError):
            raise outcome.error
        if related is None:
            failures[month] = outcome.lost or f"{type(outcome.error).__name__}: {outcome.error}"
            continue
        if missing := len(outcome.task.relations) - len(related.activity_ids):
            failures[month] = f"no signals of {missing} activities: materialize activity_signals"
        waiting.append(related)
        if sum(len(one.activity_ids) for one in waiting) >= WRITTEN_AT_ONCE:
            yield waiting
            waiting = []
        progress(done, len(tasks))
    yield waiting


def _relations(connection: Connection, profile_id: UUID, today: date, since: datetime | None) -> list[Relation]:
    """Every activity that began then or later, with what was known on its day."""
    series = load_activities(connection, profile_id, today, metrics=stage.METRICS, since=since)
    knowledge = load_knowledge(connection, profile_id)
    places = _places(connection, profile_id)
    best = _best_watts(connection, profile_id, since)
    return [
        Relation(
            one.id, one.sport, places[one.id][0], places[one.id][1], stage.known_of(knowledge, one), one.metrics,
            best.get(one.id, {}),
        )
        for one in series
    ]  # fmt: skip


def _places(connection: Connection, profile_id: UUID) -> dict[UUID, tuple[str, str]]:
    """Archive month of each activity, and the code that read its file and wrote its signals (empty: nobody did)."""
    o, a = month_outputs.c, activities.c
    query = select(o.month, o.stage, o.code_version).where(
        o.profile_id == profile_id, o.stage.in_(("activity_streams", "activity_signals"))
    )
    versions = {(month, stage): version for month, stage, version in connection.execute(query)}
    written = {
        month: versions.get((month, "activity_streams"), "") + version
        for (month, stage), version in versions.items()
        if stage == "activity_signals"
    }
    months = connection.execute(select(a.id, a.archive_month).where(a.profile_id == profile_id))
    return {activity_id: (month, written.get(month, "")) for activity_id, month in months}


def _best_watts(connection: Connection, profile_id: UUID, since: datetime | None) -> Mapping[UUID, dict[int, float]]:
    e = activity_efforts.c
    query = select(e.activity_id, e.duration_seconds, cast(e.value, Double)).where(
        e.profile_id == profile_id, e.effort_type == "power", e.grade != "rejected", e.distance_meters.is_(None),
        e.duration_seconds.in_(BEST_SECONDS),
    )  # fmt: skip
    if since is not None:
        query = query.where(e.activity_id.in_(activities_since(profile_id, since)))
    found: dict[UUID, dict[int, float]] = defaultdict(dict)
    for activity_id, seconds, value in connection.execute(query):
        found[activity_id][seconds] = value
    return found


def _held(connection: Connection, profile_id: UUID, since: datetime | None) -> dict[UUID, str]:
    o = activity_outputs.c
    query = select(o.activity_id, o.fingerprint).where(o.profile_id == profile_id, o.stage == STAGE)
    if since is not None:
        query = query.where(o.activity_id.in_(activities_since(profile_id, since)))
    return {row.activity_id: row.fingerprint for row in connection.execute(query)}


def _tasks(store: ObjectStore, handle: str, profile_id: UUID, stale: Iterable[Relation]) -> list[RelateTask]:
    months: dict[str, dict[UUID, Relation]] = defaultdict(dict)
    for one in stale:
        months[one.month][one.activity_id] = one
    return [RelateTask(handle, month, store, profile_id, chosen) for month, chosen in sorted(months.items())]


def _write(lease: Lease, blocks: Sequence[CopyBlock], prints: Mapping[UUID, str]) -> None:
    """Puts the activities' rows in the place of what was there, with the fingerprints that they hold by."""
    if not prints:
        return
    outputs = [
        {"activity_id": i, "stage": STAGE, "profile_id": lease.profile_id, "fingerprint": digest}
        for i, digest in prints.items()
    ]
    with lease.transaction() as connection:
        _delete_rows(connection, list(prints))
        for rows in blocks:
            copy_rows(connection, activity_metrics, rows)
        upsert(connection, activity_outputs, outputs)


def _forget(lease: Lease, gone: list[UUID]) -> None:
    """Activities that gave way to another recording, or whose clock is no longer believed."""
    if not gone:
        return
    with lease.transaction() as connection:
        _delete_rows(connection, gone)
        o = activity_outputs.c
        connection.execute(delete(activity_outputs).where(o.stage == STAGE, o.activity_id.in_(gone)))


def _delete_rows(connection: Connection, activity_ids: list[UUID]) -> None:
    m = activity_metrics.c
    connection.execute(delete(activity_metrics).where(m.activity_id.in_(activity_ids), m.grain == ATHLETE_GRAIN))
