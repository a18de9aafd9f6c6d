"""Stage `planned_workouts`: what one workout file plans, or why it cannot be adapted."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from perf_pipeline.formats.model import FileFormat, FormatError
from perf_pipeline.formats.workouts import as_plain, timed_seconds
from perf_pipeline.formats.workouts_reading import day_in, read_workout, workout_format
from perf_pipeline.storage.ids import content_id, source_file_id_of


def row(profile_id: UUID, sha256: str, name: str, received_on: dt.date, data: bytes) -> dict[str, Any]:
    """The row of `planned_workouts` for a file under one name; one that cannot be read has the reason instead of steps.

    The file's own day goes before that of its name. A file that comes again under another day is another workout.
    """
    day = day_in(name)
    told: dict[str, Any] = {
        "name": _own_name(name), "sport": None, "format": str(_format(data)), "steps": [], "duration_seconds": None,
        "notes": None, "base_threshold": None, "refusal": None,
    }  # fmt: skip
    try:
        workout = read_workout(data)
        day = workout.day or day
        told |= {
            "name": workout.name if workout.name != "Workout" else _own_name(name),
            "sport": workout.sport,
            "steps": as_plain(workout.items),
            "duration_seconds": round(timed_seconds(workout.items)) or None,
            "notes": workout.notes,
            "base_threshold": workout.threshold,
        }
    except FormatError as error:
        told["refusal"] = str(error)
    return {
        "id": content_id("planned_workout", profile_id, sha256, day or "undated"),
        "profile_id": profile_id,
        "source_file_id": source_file_id_of(profile_id, sha256),
        "planned_date": day,
        "received_on": received_on,
        **told,
    }


def _format(data: bytes) -> FileFormat:
    try:
        return workout_format(data)
    except FormatError:
        return FileFormat.UNKNOWN


def _own_name(name: str) -> str:
    """The file's name without folder and ending."""
    own = name.replace("\\", "/").rpartition("/")[2]
    return own.rpartition(".")[0] or own
