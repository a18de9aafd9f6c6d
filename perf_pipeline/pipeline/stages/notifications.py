"""Stage `notifications`: one personal-record notification an activity, listing all its records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.records import ALL_TIME, Record, RecordedEffort, find_records
from perf_pipeline.pipeline.series import SeriesActivity, SeriesEffort
from perf_pipeline.storage.ids import content_id

LISTED = 3
"""Records that the message spells out; the others are in the data."""


def rows(profile_id: UUID, series: Sequence[SeriesActivity], efforts: Sequence[SeriesEffort]) -> list[dict[str, Any]]:
    """The rows of `notifications` that the athlete's history gives."""
    activities = {str(activity.id): activity for activity in series}
    by_activity: dict[str, list[Record]] = defaultdict(list)
    for record in find_records([_recorded(effort) for effort in efforts]):
        by_activity[record.effort.activity_id].append(record)
    return [_row(profile_id, activities[key], records) for key, records in by_activity.items()]


def _recorded(effort: SeriesEffort) -> RecordedEffort:
    return RecordedEffort(
        activity_id=str(effort.activity_id), sport=effort.sport, effort_type=effort.effort_type,
        duration_seconds=effort.duration_seconds, value=effort.value, recorded_at=effort.recorded_at.timestamp(),
        distance_meters=effort.distance_meters, grade=effort.grade,
    )  # fmt: skip


def _row(profile_id: UUID, activity: SeriesActivity, records: Sequence[Record]) -> dict[str, Any]:
    ranked = sorted(records, key=lambda r: (r.scope != ALL_TIME, r.effort.effort_type == "speed", -r.gain))
    spelled = "; ".join(_words(record) for record in ranked[:LISTED])
    more = f"; and {len(ranked) - LISTED} more" if len(ranked) > LISTED else ""
    best = "all-time" if ranked[0].scope == ALL_TIME else "90-day"
    noun = "record" if len(ranked) == 1 else "records"
    return {
        "id": content_id("notification", profile_id, "personal_record", activity.id),
        "profile_id": profile_id,
        "type": "personal_record",
        "title": f"{len(ranked)} personal {noun} ({best}) in {activity.name}",
        "message": f"{spelled}{more}.",
        "data": {"activity_id": str(activity.id), "records": [_evidence(record) for record in ranked]},
        "occurred_at": _when(activity),
    }


def _when(activity: SeriesActivity) -> datetime:
    return activity.started_at


def _words(record: Record) -> str:
    effort, gain = record.effort, 100 * record.gain
    if effort.distance_meters is not None:
        per = 100 if effort.sport == "swim" else 1000
        what = f"{_distance(effort.distance_meters)} in {_clock(effort.value * effort.distance_meters / per)}"
    elif effort.effort_type == "power":
        what = f"{_clock(effort.duration_seconds)} at {effort.value:.0f} W"
    else:
        what = f"{_clock(effort.duration_seconds)} at {effort.value * 3.6:.1f} km/h"
    candidate = "" if effort.grade == "confirmed" else f" ({effort.grade})"
    return f"{what}, {gain:.1f} % better{candidate}"


def _distance(meters: float) -> str:
    names = {
        1609.344: "1 mile", 3218.688: "2 miles", 8046.72: "5 miles", 16093.44: "10 miles", 80467.2: "50 miles",
        21097.5: "half marathon", 42195.0: "marathon",
    }  # fmt: skip
    named = next((name for value, name in names.items() if abs(value - meters) < 0.01), None)
    return named or (f"{meters / 1000:g} km" if meters >= 1000 else f"{meters:g} m")


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}" if minutes else f"{left} s"


def _evidence(record: Record) -> dict[str, Any]:
    effort = record.effort
    return {
        "scope": record.scope,
        "effort_type": effort.effort_type,
        "duration_seconds": effort.duration_seconds,
        "distance_meters": effort.distance_meters,
        "value": effort.value,
        "previous_value": record.previous.value,
        "previous_activity_id": record.previous.activity_id,
        "gain_percent": round(100 * record.gain, 2),
        "grade": effort.grade,
    }
