"""Writes `threshold_models`: each model as of every Sunday and today; what was said stays on record."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select, update

from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.series import SeriesEffort, load_activities, load_efforts, newest_day
from perf_pipeline.pipeline.stages import thresholds
from perf_pipeline.pipeline.stages.thresholds import Answer, Model
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import threshold_models
from perf_pipeline.storage.warehouse import Lease, Warehouse, copy_rows

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
