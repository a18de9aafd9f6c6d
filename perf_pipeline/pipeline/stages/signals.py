"""Stage `activity_signals`: time at each value and power second by second, for thresholds that are not known yet."""

from __future__ import annotations

from perf_pipeline.physiology.signals import signals_of
from perf_pipeline.pipeline.stages.preparation import Prepared
from perf_pipeline.storage.signals import StoredSignals


def signals_row(prepared: Prepared) -> StoredSignals:
    """What is kept of one session."""
    return StoredSignals(prepared.stored.activity_id, prepared.clean.start_ms, signals_of(prepared.lines))
