"""Stage `activities`: what did the athlete do?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.activity import summarise
from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.storage.ids import source_file_id_of
from perf_pipeline.storage.sessions import StoredSession

SPORT_NOUNS = {"bike": "Ride", "run": "Run", "swim": "Swim", "walk": "Walk", "hike": "Hike", "row": "Row", "ski": "Ski"}


def row(
    profile_id: UUID,
    month: str,
    archive_path: str,
    sidecar: Mapping[str, str],
    stored: StoredSession,
    clean: CleanStreams,
) -> dict[str, Any]:
    """The row of `activities` for one session. The sidecar's word goes before the file's."""
    session = stored.session
    summary = summarise(session, clean)
    started_at = datetime.fromtimestamp(clean.start_ms / 1000, UTC)
    sport = session.sport
    return {
        "id": stored.activity_id,
        "profile_id": profile_id,
        "name": sidecar.get("name") or session.name or _default_name(sport, started_at, session.utc_offset_seconds),
        "notes": sidecar.get("notes") or session.notes,
        "type": sport,
        "started_at": started_at,
        "duration_seconds": _whole(summary.duration_seconds),
        "moving_seconds": _whole(summary.moving_seconds),
        "distance_meters": None if summary.distance_meters is None else _whole(summary.distance_meters),
        "temperature": _rounded(summary.temperature_celsius, 1),
        "fit_file_path": archive_path,
        "sub_type": session.sub_sport,
        "utc_offset_seconds": session.utc_offset_seconds,
        "elevation_gain_meters": _rounded(summary.elevation_gain_meters, 1),
        "device": str(stored.file_meta.device) or None,
        "source_file_id": source_file_id_of(profile_id, stored.source_sha256),
        "session_index": session.index,
        "archive_month": month,
        "device_summary": {key: round(value, 6) for key, value in sorted(session.summary.items())},
        "anomalies": [asdict(anomaly) for anomaly in clean.anomalies],
        "warnings": list(stored.file_meta.warnings),
        "partial": stored.file_meta.partial,
        "reader": stored.file_meta.reader,
    }


def _whole(value: float) -> int:
    # A clock gone mad may tell of a century; a row that the database refuses would cost the whole month.
    return min(round(value), 2**31 - 1)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def _default_name(sport: str, started_at: datetime, utc_offset_seconds: int | None) -> str:
    local = started_at + timedelta(seconds=utc_offset_seconds or 0)
    parts = ((5, "Night"), (11, "Morning"), (14, "Midday"), (18, "Afternoon"), (22, "Evening"), (24, "Night"))
    part = next(word for hour, word in parts if local.hour < hour)
    return f"{part} {SPORT_NOUNS.get(sport, 'Activity')}"
