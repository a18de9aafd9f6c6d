"""Writes `workout_adaptations`, append-only, and the files of the outbox."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from perf_pipeline.formats.workouts import from_plain, written_out
from perf_pipeline.physiology.adaptation import TRUST_WINDOW_DAYS, Followed
from perf_pipeline.physiology.readiness import Signals
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.outbox import export, sweep
from perf_pipeline.pipeline.stages import workout_adaptations as stage
from perf_pipeline.pipeline.stages.workout_adaptations import Answer, Known
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import (
    activities,
    daily_fitness,
    daily_wellness,
    planned_workouts,
    threshold_models,
    workout_adaptations,
    workout_completions,
)
from perf_pipeline.storage.warehouse import Lease, Warehouse, copy_rows

Row = Mapping[str, Any]
_COMPARED = ("status", "refusal", "steps", "changes")
_FRESH_DAYS = 2
"""Wellness that was last measured longer ago says nothing of today."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A workout that is not done yet, and what was said of it so far, oldest first."""

    planned: Row
    said: Sequence[Row]


def update_adaptations(
    store: ObjectStore, warehouse: Warehouse, lease: Lease, handle: str, today: date, *, full_refresh: bool = False
) -> dict[str, int]:
    """Adapts each workout that is not done and not past, where its inputs have changed since it was last adapted.

    Appends what differs from what was said last; exports what holds now, and takes everything else out of the outbox.
    """
    version = code_version("perf_pipeline.pipeline.stages.workout_adaptations")
    with warehouse.begin() as connection:
        tasks = _tasks(connection, lease.profile_id, today)
        known = _known(connection, lease.profile_id, today) if tasks else None
        history = _history(connection, lease.profile_id) if known else []
    counts = {"workouts": len(tasks), "adapted": 0, "unchanged": 0, "refused": 0, "computed": 0, "written": 0}
    new: list[dict[str, Any]] = []
    seen: list[tuple[UUID, str]] = []
    wanted: dict[str, tuple[Row, Row]] = {}
    for task in tasks:
        assert known is not None  # noqa: S101 - there are tasks
        before = _threshold_before(task.planned, history)
        digest = _digest(version, task.planned, known, before)
        last: Row | None = task.said[-1] if task.said else None
        if last is None or last["input_hash"] != digest or full_refresh:
            counts["computed"] += 1
            found = stage.answer(task.planned, known, before)
            if last is not None and _same(last, found):
                seen.append((last["id"], digest))
            else:
                last = _row(lease.profile_id, task, known.today, found, digest)
                new.append(last)
        counts[last["status"]] += 1
        for key in last["exports"]:
            wanted[key] = (task.planned, last)
    export(store, handle, wanted, fresh={row["id"] for row in new})
    with lease.transaction() as connection:
        copy_rows(connection, workout_adaptations, new)
        for row_id, digest in seen:
            table = workout_adaptations
            connection.execute(update(table).where(table.c.id == row_id).values(input_hash=digest))
    counts["swept"] = sweep(store, handle, wanted)
    return {**counts, "written": len(new), "exported": len(wanted)}


def _tasks(connection: Connection, profile_id: UUID, today: date) -> list[_Task]:
    planned, done = planned_workouts.c, workout_completions.c
    query = (
        select(planned_workouts)
        .outerjoin(workout_completions, done.planned_workout_id == planned.id)
        .where(planned.profile_id == profile_id, done.planned_workout_id.is_(None))
        .where(planned.planned_date.is_(None) | (planned.planned_date >= today))
        .order_by(planned.planned_date, planned.name, planned.id)
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    said: dict[UUID, list[Row]] = defaultdict(list)
    table = workout_adaptations.c
    for row in connection.execute(
        select(workout_adaptations)
        .where(table.planned_workout_id.in_([row["id"] for row in rows]))
        .order_by(table.as_of, table.version)
    ).mappings():
        said[row["planned_workout_id"]].append(dict(row))
    return [_Task(row, said[row["id"]]) for row in rows]


def _known(connection: Connection, profile_id: UUID, today: date) -> Known:
    table = threshold_models.c
    newest = (
        select(threshold_models)
        .where(table.profile_id == profile_id, table.as_of <= today + timedelta(days=1))
        .where(table.model.in_(set(stage.MODELS.values())))
        .ext(distinct_on(table.sport, table.model))
        .order_by(table.sport, table.model, table.as_of.desc(), table.version.desc())
    )
    thresholds = {(row["sport"], row["model"]): dict(row) for row in connection.execute(newest).mappings()}
    return Known(today, thresholds, _signals(connection, profile_id, today), _followed(connection, profile_id, today))


def _signals(connection: Connection, profile_id: UUID, today: date) -> Signals:
    table = daily_wellness.c
    query = (
        select(table.metric_type, table.mean_7d, table.mean_60d, table.sd_60d, table.valid_60d)
        .where(table.profile_id == profile_id, table.date <= today, table.date > today - timedelta(days=_FRESH_DAYS))
        .ext(distinct_on(table.metric_type))
        .order_by(table.metric_type, table.date.desc())
    )
    found = {row.metric_type: row for row in connection.execute(query) if row.valid_60d >= 14}
    fitness = connection.execute(
        select(daily_fitness.c.tsb, daily_fitness.c.ramp).where(
            daily_fitness.c.profile_id == profile_id, daily_fitness.c.date == today
        )
    ).first()

    def value(metric: str, name: str) -> float | None:
        return getattr(found[metric], name) if metric in found else None

    return Signals(
        hrv_week=value("hrv_ms", "mean_7d"), hrv_usual=value("hrv_ms", "mean_60d"), hrv_sd=value("hrv_ms", "sd_60d"),
        resting_week=value("resting_hr_bpm", "mean_7d"), resting_usual=value("resting_hr_bpm", "mean_60d"),
        sleep_week=value("sleep_hours", "mean_7d"), sleep_usual=value("sleep_hours", "mean_60d"),
        tsb=fitness.tsb if fitness else None, ramp=fitness.ramp if fitness else None,
    )  # fmt: skip


def _followed(connection: Connection, profile_id: UUID, today: date) -> dict[str, Followed]:
    done = workout_completions.c
    query = (
        select(activities.c.type, done.intervals, done.finished)
        .join(activities, activities.c.id == done.activity_id)
        .where(done.profile_id == profile_id)
        .where(
            activities.c.started_at
            >= datetime.combine(today, datetime.min.time(), UTC) - timedelta(days=TRUST_WINDOW_DAYS)
        )
        .where(activities.c.started_at < datetime.combine(today, datetime.min.time(), UTC) + timedelta(days=2))
    )
    found: dict[str, Followed] = {}
    for sport, intervals, finished in connection.execute(query):
        one = found.get(sport, Followed())
        found[sport] = Followed(one.sessions + 1, one.intervals + intervals, one.finished + finished)
    return found


def _history(connection: Connection, profile_id: UUID) -> list[Row]:
    """Thresholds there were, oldest first: for workouts in watts that do not say what they were planned against."""
    table = threshold_models.c
    query = (
        select(table.sport, table.model, table.as_of, table.threshold)
        .where(table.profile_id == profile_id, table.threshold.is_not(None))
        .where(table.model.in_(set(stage.MODELS.values())))
        .order_by(table.as_of, table.version)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _threshold_before(planned: Row, history: Sequence[Row]) -> float | None:
    """The threshold as of the day on which a workout with absolute targets came."""
    items = from_plain(planned["steps"])
    if planned["base_threshold"] is not None or not any(s.target and not s.target.relative for s in written_out(items)):
        return None
    model = stage.model_of(planned)
    held = [
        row["threshold"]
        for row in history
        if (row["sport"], row["model"]) == model and row["as_of"] <= planned["received_on"]
    ]
    return held[-1] if held else None


def _digest(version: str, planned: Row, known: Known, before: float | None) -> str:
    """Hash of all that the answer depends on; the day itself only as far as readiness does."""
    model = stage.model_of(planned) if planned["refusal"] is None else None
    threshold = known.thresholds.get(model) if model else None
    day = planned["planned_date"]
    applies = day is None or day <= known.today + timedelta(days=stage.DAYS_AHEAD)
    inputs = [
        version,
        planned["input_hash"],
        before,
        None if threshold is None else [threshold["id"], threshold["threshold"], threshold["capacity"]],
        asdict(known.signals) if applies else None,
        asdict(known.followed.get(planned["sport"] or "", Followed())),
    ]
    return hashlib.sha256(json.dumps(inputs, default=str, sort_keys=True).encode()).hexdigest()[:32]


def _same(row: Row, found: Answer) -> bool:
    return all(row[name] == json.loads(json.dumps(getattr(found, name))) for name in _COMPARED)


def _row(profile_id: UUID, task: _Task, today: date, found: Answer, digest: str) -> dict[str, Any]:
    from perf_pipeline.pipeline.outbox import export_keys

    planned_id = task.planned["id"]
    version = sum(1 for row in task.said if row["as_of"] == today)
    row = {
        "id": content_id("workout_adaptation", planned_id, today, version),
        "profile_id": profile_id,
        "planned_workout_id": planned_id,
        "as_of": today,
        "version": version,
        **asdict(found),
        "exports": [],
        "input_hash": digest,
        "computed_at": datetime.now(UTC),
    }
    if found.status != "refused":
        row["exports"] = export_keys(task.planned, row)
    return row
