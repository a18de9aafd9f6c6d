"""Stage `activity_metrics`: the metrics that need nothing but the activity itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from perf_pipeline.physiology.metric import ACTIVITY_GRAIN
from perf_pipeline.physiology.metrics import compute_metrics
from perf_pipeline.pipeline.stages.preparation import Prepared


def rows(profile_id: UUID, prepared: Prepared) -> list[dict[str, Any]]:
    """The rows of `activity_metrics` for one session, of the grain `activity`: those of another stage are not ours."""
    stored = prepared.stored
    return [
        {
            "activity_id": stored.activity_id,
            "metric": metric.name,
            "profile_id": profile_id,
            "value": round(float(metric.value), 6),
            "unit": metric.unit,
            "grain": ACTIVITY_GRAIN,
        }
        for metric in compute_metrics(prepared.clean, stored.session, prepared.summary, prepared.lines)
    ]
