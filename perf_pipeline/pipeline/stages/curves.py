"""Stage `mean_maximal_curves`: the whole curve of each activity, where efforts are some points of it."""

from __future__ import annotations

from perf_pipeline.physiology.mean_maximal import CURVE_CHANNELS, mean_maximal_curve
from perf_pipeline.pipeline.stages.preparation import Prepared
from perf_pipeline.storage.curves import ActivityCurves


def curves_of(prepared: Prepared) -> ActivityCurves:
    """Power, speed and heart rate curves of one session."""
    clean = prepared.clean
    found = (mean_maximal_curve(clean, channel, prepared.lines) for channel in CURVE_CHANNELS)
    return ActivityCurves(
        prepared.stored.activity_id, clean.sport, clean.start_ms, tuple(curve for curve in found if curve is not None)
    )
