"""Stage `activity_metrics`: the metrics that need nothing but the activity itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.metrics import compute_metrics
from perf_pipeline.storage.sessions import StoredSession


def rows(profile_id: UUID, stored: StoredSession, clean: CleanStreams) -> list[dict[str, Any]]:
    """The rows of `activity_metrics` for one session."""
    return [
        {
            "activity_id": stored.activity_id,
            "metric": metric.name,
            "profile_id": profile_id,
            "value": round(float(metric.value), 6),
            "unit": metric.unit,
        }
        for metric in compute_metrics(clean, stored.session)
    ]
