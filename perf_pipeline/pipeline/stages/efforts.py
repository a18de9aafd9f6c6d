"""Stage `activity_efforts`: how well? The best window per duration or distance."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.efforts import Effort, best_efforts
from perf_pipeline.pipeline.stages.preparation import Prepared
from perf_pipeline.storage.ids import content_id


def rows(profile_id: UUID, prepared: Prepared) -> list[dict[str, Any]]:
    """The rows of `activity_efforts` for one session."""
    stored, clean = prepared.stored, prepared.clean
    found = []
    for effort in best_efforts(clean, stored.session, prepared.lines):
        if max(effort.duration_seconds, effort.start_offset) >= 2**31:
            continue  # between two times of a clock gone mad: no effort, and no row that a database takes
        distance = None if effort.distance_meters is None else round(effort.distance_meters, 3)
        window = f"{effort.duration_seconds}s" if distance is None else f"{distance}m"
        found.append(
            {
                "id": content_id("effort", stored.activity_id, effort.effort_type, window),
                "activity_id": stored.activity_id,
                "profile_id": profile_id,
                "duration_seconds": effort.duration_seconds,
                "effort_type": effort.effort_type,
                "value": round(float(effort.value), 4),
                "unit": effort.unit,
                "start_offset": effort.start_offset,
                "recorded_at": datetime.fromtimestamp(clean.start_ms / 1000 + effort.start_offset, UTC),
                "distance_meters": distance,
                "elapsed_seconds": _elapsed_seconds(effort),
                "grade": effort.grade,
                "evidence": dict(effort.evidence),
            }
        )
    return found


def _elapsed_seconds(effort: Effort) -> float | None:
    """The exact time of a distance effort, of which its pace is the rounded telling."""
    if effort.distance_meters is None:
        return None
    per_meters = 100 if effort.unit == "s/100m" else 1000
    return round(effort.value * effort.distance_meters / per_meters, 3)
