"""Stage `profile_metrics`: weight, resting heart rate, sleep and HRV from wellness files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from perf_pipeline.formats import reading
from perf_pipeline.storage.ids import content_id, source_file_id_of

UNITS = {"weight_kg": "kg", "resting_hr_bpm": "bpm", "sleep_hours": "h", "hrv_ms": "ms"}


def rows(profile_id: UUID, sha256: str, data: bytes) -> list[dict[str, Any]]:
    """The rows of `profile_metrics` that one wellness file gives; a value told twice is one row.

    Raises `FormatError` where the file cannot be read.
    """
    found: dict[UUID, dict[str, Any]] = {}
    file = reading.read(data)
    for sample in file.wellness:
        source = sample.source or str(file.device) or str(file.format)
        row_id = content_id("profile_metric", profile_id, sha256, sample.metric, sample.time_ms, source)
        found[row_id] = {
            "id": row_id,
            "profile_id": profile_id,
            "metric_type": sample.metric,
            "value": round(float(sample.value), 4),
            "unit": UNITS[sample.metric],
            "recorded_at": datetime.fromtimestamp(sample.time_ms / 1000, UTC),
            "source": source,
            "source_file_id": source_file_id_of(profile_id, sha256),
        }
    return list(found.values())
