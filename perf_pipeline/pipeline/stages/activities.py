"""Stage `activities`: what did the athlete do?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from perf_pipeline.pipeline.local_time import local_time
from perf_pipeline.pipeline.stages.preparation import Prepared
from perf_pipeline.pipeline.stages.time_zones import zone_of
from perf_pipeline.storage.ids import source_file_id_of

SPORT_NOUNS = {"bike": "Ride", "run": "Run", "swim": "Swim", "walk": "Walk", "hike": "Hike", "row": "Row", "ski": "Ski"}


def row(
    profile_id: UUID, month: str, archive_path: str, sidecar: Mapping[str, str], prepared: Prepared
) -> dict[str, Any]:
    """The row of `activities` for one session. The sidecar's word goes before the file's."""
    stored, clean, named, summary = prepared.stored, prepared.clean, prepared.named, prepared.summary
    session = stored.session
    started_at = datetime.fromtimestamp(clean.start_ms / 1000, UTC)
    zone = zone_of(clean)
    default_name = _default_name(named.sport, local_time(started_at, session.utc_offset_seconds, zone))
    return {
        "id": stored.activity_id,
        "profile_id": profile_id,
        "name": sidecar.get("name") or session.name or default_name,
        "notes": sidecar.get("notes") or session.notes,
        "type": named.sport,
        "sport_source": named.source,
        "sport_confidence": named.confidence,
        "sport_evidence": named.evidence,
        "started_at": started_at,
        "duration_seconds": _whole(summary.duration_seconds),
        "moving_seconds": _whole(summary.moving_seconds),
        "elapsed_seconds": _whole(summary.elapsed_seconds),
        "distance_meters": None if summary.distance_meters is None else _whole(summary.distance_meters),
        "temperature": _rounded(summary.temperature_celsius, 1),
        "fit_file_path": archive_path,
        "sub_type": session.sub_sport,
        "timezone": zone,
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


def _default_name(sport: str, local: datetime) -> str:
    parts = ((5, "Night"), (11, "Morning"), (14, "Midday"), (18, "Afternoon"), (22, "Evening"), (24, "Night"))
    part = next(word for hour, word in parts if local.hour < hour)
    return f"{part} {SPORT_NOUNS.get(sport, 'Activity')}"
