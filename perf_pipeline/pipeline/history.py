"""The athlete-grain stages: they read the athlete's whole series from PostgreSQL, and write what changed."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, delete, select, update

from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.series import SeriesEffort, load_activities, load_efforts, newest_day
from perf_pipeline.pipeline.stages import fitness, loads, notifications, thresholds
from perf_pipeline.pipeline.stages.loads import KnownThreshold, ThresholdHistory
from perf_pipeline.pipeline.stages.thresholds import Answer, Model
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import (
    activity_loads,
    daily_fitness,
    profile_metrics,
    profiles,
    threshold_models,
)  # fmt: skip
from perf_pipeline.storage.tables import notifications as notifications_table
from perf_pipeline.storage.warehouse import Lease, Warehouse, copy_rows, upsert

VALUES = ("threshold", "threshold_low", "threshold_high", "capacity", "capacity_low", "capacity_high", "refusal")
SUNDAY = 6
NOTHING = Answer(refusal="no effort of the right length in the last 90 days")


def update_thresholds(
    warehouse: Warehouse,
    lease: Lease,
    today: date,
    *,
    full_refresh: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, int]:
    """Answers each model as of every Sunday and today; appends the answers that differ from what was said last."""
    version = code_version("perf_pipeline.pipeline.stages.thresholds")
    with warehouse.begin() as connection:
        series = load_activities(connection, lease.profile_id, today)
        efforts = load_efforts(connection, lease.profile_id, series)
        said = _said(connection, lease.profile_id)
    today = newest_day(series, today)
    new: list[dict[str, Any]] = []
    seen: list[tuple[UUID, str]] = []
    counts = {"as_of_days": 0, "fitted": 0, "written": 0}
    for index, model in enumerate(thresholds.MODELS):
        usable = thresholds.candidates(model, efforts)
        held = {
            as_of: rows for (sport, name, as_of), rows in said.items() if (sport, name) == (model.sport, model.name)
        }
        for as_of in _as_of_days(usable, held, today):
            counts["as_of_days"] += 1
            chosen = thresholds.window(usable, as_of)
            digest = _digest(version, chosen)
            last = held[as_of][-1] if as_of in held else None
            if last is not None and last["input_hash"] == digest and not full_refresh:
                continue
            counts["fitted"] += 1
            answer = model.answer(chosen) if chosen else NOTHING
            if last is None and as_of == today and _repeats(held, as_of, answer):
                continue  # an ordinary day on which nothing changed since the last answer
            if last is not None and _same(last, answer):
                seen.append((last["id"], digest))
            else:
                row = _threshold_row(lease.profile_id, model, as_of, answer, digest, len(held.get(as_of, ())))
                held[as_of] = [*held.get(as_of, ()), row]
                new.append(row)
        progress(index + 1, len(thresholds.MODELS))
    with lease.transaction() as connection:
        copy_rows(connection, threshold_models, new)
        for row_id, digest in seen:
            connection.execute(
                update(threshold_models).where(threshold_models.c.id == row_id).values(input_hash=digest)
            )
    return {**counts, "written": len(new)}


def update_loads(warehouse: Warehouse, lease: Lease, today: date) -> dict[str, int]:
    """Loads of all activities, each against the thresholds of its day."""
    with warehouse.begin() as connection:
        series = load_activities(connection, lease.profile_id, today)
        histories = _histories(connection, lease.profile_id)
        sex = connection.scalar(select(profiles.c.sex).where(profiles.c.id == lease.profile_id))
        resting = _resting(connection, lease.profile_id)
    rows = loads.rows(lease.profile_id, series, histories, sex, resting)
    return _replace_changed(lease, activity_loads, rows, ("activity_id",))


def update_fitness(warehouse: Warehouse, lease: Lease, today: date) -> dict[str, int]:
    """The daily series up to today and two weeks on."""
    with warehouse.begin() as connection:
        daily = connection.execute(
            select(activity_loads.c.local_date, activity_loads.c.load).where(
                activity_loads.c.profile_id == lease.profile_id
            )
        ).all()
    # East of Greenwich the local day may have begun that is still to come in UTC.
    newest = max([today, *(day for day, _ in daily if day <= today + timedelta(days=1))])
    rows = fitness.rows(lease.profile_id, [(day, load) for day, load in daily], newest)
    return _replace_changed(lease, daily_fitness, rows, ("profile_id", "date"))


def update_notifications(warehouse: Warehouse, lease: Lease, today: date) -> dict[str, int]:
    """What the athlete should hear of; `is_read` is kept, what has lost its ground is withdrawn."""
    with warehouse.begin() as connection:
        series = load_activities(connection, lease.profile_id, today)
        efforts = load_efforts(connection, lease.profile_id, series)
    rows = notifications.rows(lease.profile_id, series, efforts)
    return _replace_changed(lease, notifications_table, rows, ("id",), keep={"is_read", "created_at"})


def _replace_changed(
    lease: Lease, table: Table, rows: Sequence[dict[str, Any]], key: tuple[str, ...], keep: set[str] | None = None
) -> dict[str, int]:
    """Makes the athlete's rows those given, touching only what differs."""
    with lease.transaction() as connection:
        mine = table.c.profile_id == lease.profile_id
        columns = [table.c[name] for name in key]
        held = {tuple(row) for row in connection.execute(select(*columns).where(mine))}
        wanted = {tuple(row[name] for name in key) for row in rows}
        gone = held - wanted
        for values in gone:
            connection.execute(
                delete(table).where(mine, *(column == value for column, value in zip(columns, values, strict=True)))
            )
        counts = upsert(connection, table, rows, keep=keep or set())
    return {"rows": len(rows), "inserted": counts.inserted, "updated": counts.updated, "withdrawn": len(gone)}


def _said(connection: Connection, profile_id: UUID) -> dict[tuple[str, str, date], list[dict[str, Any]]]:
    """What was said so far, by model and day, oldest first."""
    said: dict[tuple[str, str, date], list[dict[str, Any]]] = defaultdict(list)
    query = (
        select(threshold_models).where(threshold_models.c.profile_id == profile_id).order_by(threshold_models.c.version)
    )
    for row in connection.execute(query).mappings():
        said[(row["sport"], row["model"], row["as_of"])].append(dict(row))
    return said


def _as_of_days(efforts: Sequence[SeriesEffort], held: Iterable[date], today: date) -> list[date]:
    """Sundays while there is an effort in the window (and the first one after), days answered before, and today."""
    sundays: set[date] = set()
    for day in {effort.day for effort in efforts}:
        sunday = day + timedelta(days=(SUNDAY - day.weekday()) % 7)
        sundays.update(sunday + timedelta(weeks=week) for week in range(14))
    days = {day for day in {*sundays, *held} if day <= today}
    return sorted(days | {today}) if efforts or days else []


def _digest(version: str, efforts: Iterable[SeriesEffort]) -> str:
    inputs = [version, [asdict(effort) for effort in efforts]]
    return hashlib.sha256(json.dumps(inputs, default=str, sort_keys=True).encode()).hexdigest()[:32]


def _repeats(held: Mapping[date, Sequence[dict[str, Any]]], as_of: date, answer: Answer) -> bool:
    earlier = [day for day in held if day < as_of]
    return bool(earlier) and as_of.weekday() != SUNDAY and _same(held[max(earlier)][-1], answer)


def _same(row: dict[str, Any], answer: Answer) -> bool:
    return all(row[name] == getattr(answer, name) for name in VALUES)


def _threshold_row(
    profile_id: UUID, model: Model, as_of: date, answer: Answer, digest: str, version: int
) -> dict[str, Any]:
    return {
        "id": content_id("threshold", profile_id, model.sport, model.name, as_of, version),
        "profile_id": profile_id,
        "sport": model.sport,
        "model": model.name,
        "as_of": as_of,
        "version": version,
        **{name: getattr(answer, name) for name in VALUES},
        "unit": model.unit,
        "details": dict(answer.details),
        "input_hash": digest,
        "computed_at": datetime.now(UTC),
    }


def _histories(connection: Connection, profile_id: UUID) -> dict[tuple[str, str], ThresholdHistory]:
    table = threshold_models.c
    query = (
        select(table.sport, table.model, table.as_of, table.threshold)
        .where(table.profile_id == profile_id)
        .order_by(table.as_of, table.version)
    )
    newest: dict[tuple[str, str], dict[date, float | None]] = defaultdict(dict)
    for sport, model, as_of, threshold in connection.execute(query):
        newest[sport, model][as_of] = threshold  # what was said last of a day is what counts
    return {
        key: ThresholdHistory([KnownThreshold(as_of, value) for as_of, value in answers.items() if value is not None])
        for key, answers in newest.items()
    }


def _resting(connection: Connection, profile_id: UUID) -> list[KnownThreshold]:
    table = profile_metrics.c
    query = (
        select(table.recorded_at, table.value)
        .where(table.profile_id == profile_id, table.metric_type == "resting_hr_bpm")
        .order_by(table.recorded_at)
    )
    return [KnownThreshold(at.date(), float(value)) for at, value in connection.execute(query)]
