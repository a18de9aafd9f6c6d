"""Writes `activities.superseded_by`: of the recordings of one activity the richest is kept, the others give way.

A group of candidates whose members, streams and code are as they were last time is not looked at again. The mark goes
when its ground goes: a file erased, another sport told.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from perf_pipeline.physiology.duplicates import Description, find_duplicates
from perf_pipeline.pipeline.chosen_streams import ChosenActivities
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.compute import Executor
from perf_pipeline.pipeline.months import MonthsFailedError
from perf_pipeline.pipeline.stages.duplicates import DescribeTask, Recorded, candidate_groups, describe
from perf_pipeline.storage.errors import StorageError
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import activities, activity_outputs, month_outputs
from perf_pipeline.storage.warehouse import Lease, Warehouse, upsert

STAGE = "activity_duplicates"
Group = tuple[Recorded, ...]
Verdict = tuple[UUID, str]


def update_duplicates(
    store: ObjectStore,
    warehouse: Warehouse,
    lease: Lease,
    handle: str,
    executor: Executor,
    *,
    file_timeout_seconds: float,
    full_refresh: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Marks the athlete's duplicates. Raises `MonthsFailedError` where a month's streams could not be read."""
    version = code_version("perf_pipeline.pipeline.stages.duplicates")
    with warehouse.begin() as connection:
        groups = candidate_groups(_recorded(connection, lease.profile_id))
        held = _fingerprints(connection, lease.profile_id)
        marked = _marked(connection, lease.profile_id)
    prints = {one.id: digest for group in groups for digest in (_digest(version, group),) for one in group}
    stale = [group for group in groups if full_refresh or any(held.get(one.id) != prints[one.id] for one in group)]
    described = _describe(store, handle, executor, stale, file_timeout_seconds, progress)
    examined = {one.id for group in stale for one in group}
    kept = {i: verdict for i, verdict in marked.items() if i in prints and i not in examined}
    wanted = {**kept, **_verdicts(stale, described)}
    changed = {i: wanted.get(i) for i in {*wanted, *marked} if wanted.get(i) != marked.get(i)}
    with lease.transaction() as connection:
        _mark(connection, changed)
        _record(connection, lease.profile_id, prints, held)
    return {
        "candidates": len(prints),
        "examined": len(examined),
        "superseded": len(wanted),
        "changed": len(changed),
    }


def _recorded(connection: Connection, profile_id: UUID) -> list[Recorded]:
    a, m = activities.c, month_outputs.c
    same_month = and_(m.profile_id == a.profile_id, m.month == a.archive_month, m.stage == "activity_streams")
    query = (
        select(
            a.id, a.source_file_id, a.archive_month, a.type, a.sport_source, a.started_at, a.duration_seconds,
            func.coalesce(a.elapsed_seconds, a.duration_seconds), a.distance_meters, a.device,
            func.coalesce(m.code_version, ""),
        )
        .outerjoin(month_outputs, same_month)
        .where(a.profile_id == profile_id)
    )  # fmt: skip
    return [
        Recorded(row[0], row[1], row[2], row[3], row[4] in ("file", "sidecar"), *row[5:])
        for row in connection.execute(query)
    ]


def _digest(version: str, group: Group) -> str:
    """Of all that decides about the group: ids are content, so bytes and reader stand for the streams."""
    told = [
        (str(a.id), a.reader_version, a.sport, a.sport_told, a.start_ms, a.elapsed_seconds, a.distance_meters)
        for a in sorted(group, key=lambda a: a.id)
    ]
    return hashlib.sha256(repr((version, told)).encode()).hexdigest()[:32]


def _describe(
    store: ObjectStore,
    handle: str,
    executor: Executor,
    groups: Sequence[Group],
    file_timeout_seconds: float,
    progress: Callable[[int, int], None],
) -> dict[str, Description]:
    months: dict[str, dict[UUID, Recorded]] = defaultdict(dict)
    for group in groups:
        for one in group:
            months[one.month][one.id] = one
    tasks = [
        DescribeTask(ChosenActivities(handle, month, store, {i: one.sport for i, one in chosen.items()}), chosen)
        for month, chosen in sorted(months.items())
    ]
    described: dict[str, Description] = {}
    failures: dict[str, str] = {}
    most = max((len(task.activities) for task in tasks), default=0)
    for done, outcome in enumerate(
        executor.run(describe, tasks, timeout_seconds=file_timeout_seconds * (1 + most / 10)), start=1
    ):
        if isinstance(outcome.error, StorageError):
            raise outcome.error
        if outcome.result is None:
            failures[outcome.task.chosen.month] = outcome.lost or f"{type(outcome.error).__name__}: {outcome.error}"
        else:
            described.update({one.activity_id: one for one in outcome.result})
        progress(done, len(tasks))
    if failures:
        raise MonthsFailedError(handle, failures)
    return described


def _verdicts(groups: Iterable[Group], described: dict[str, Description]) -> dict[UUID, Verdict]:
    found: dict[UUID, Verdict] = {}
    for group in groups:
        known = [described[str(one.id)] for one in group if str(one.id) in described]
        for pair in find_duplicates(known):
            found[UUID(pair.superseded)] = (UUID(pair.kept), pair.reason)
    return found


def _marked(connection: Connection, profile_id: UUID) -> dict[UUID, Verdict]:
    a = activities.c
    query = select(a.id, a.superseded_by, a.superseded_reason).where(
        a.profile_id == profile_id, a.superseded_by.is_not(None)
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def _mark(connection: Connection, changed: dict[UUID, Verdict | None]) -> None:
    rows = [
        {"activity": activity_id, "by": by, "reason": reason}
        for activity_id, verdict in changed.items()
        for by, reason in (verdict or (None, None),)
    ]
    if rows:
        statement = (
            update(activities)
            .where(activities.c.id == bindparam("activity"))
            .values(superseded_by=bindparam("by"), superseded_reason=bindparam("reason"), updated_at=func.now())
        )
        connection.execute(statement, rows)


def _fingerprints(connection: Connection, profile_id: UUID) -> dict[UUID, str]:
    o = activity_outputs.c
    query = select(o.activity_id, o.fingerprint).where(o.profile_id == profile_id, o.stage == STAGE)
    return {row.activity_id: row.fingerprint for row in connection.execute(query)}


def _record(connection: Connection, profile_id: UUID, prints: dict[UUID, str], held: dict[UUID, str]) -> None:
    rows: list[dict[str, Any]] = [
        {"activity_id": i, "stage": STAGE, "profile_id": profile_id, "fingerprint": digest}
        for i, digest in prints.items()
        if held.get(i) != digest
    ]
    upsert(connection, activity_outputs, rows)
    gone = [i for i in held if i not in prints]
    if gone:
        connection.execute(
            delete(activity_outputs).where(activity_outputs.c.stage == STAGE, activity_outputs.c.activity_id.in_(gone))
        )
