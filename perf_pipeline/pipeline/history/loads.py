"""Writes `activity_loads`: loads of all activities, each against the thresholds of its day."""

from __future__ import annotations

from datetime import date

from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.freshness import turn
from perf_pipeline.pipeline.history.knowing import load_knowledge
from perf_pipeline.pipeline.history.thresholds import threshold_version
from perf_pipeline.pipeline.history.wellness import wellness_version
from perf_pipeline.pipeline.history.writing import NOTHING_DONE, replace_changed
from perf_pipeline.pipeline.series import load_activities
from perf_pipeline.pipeline.stages import loads
from perf_pipeline.storage.tables import activity_loads
from perf_pipeline.storage.warehouse import Lease, Warehouse

STAGE = "activity_loads"


def load_version() -> str:
    """Code version of the stage and of those whose rows it reads."""
    return code_version("perf_pipeline.pipeline.stages.loads") + threshold_version() + wellness_version()


def update_loads(warehouse: Warehouse, lease: Lease, today: date, *, full_refresh: bool = False) -> dict[str, int]:
    """Loads of all activities, each against the thresholds of its day."""
    with turn(warehouse, lease, STAGE, today, load_version(), activity_loads, full_refresh=full_refresh) as mine:
        if mine.current:
            return NOTHING_DONE
        with warehouse.begin() as connection:
            series = load_activities(connection, lease.profile_id, today, metrics=loads.METRICS)
            knowledge = load_knowledge(connection, lease.profile_id)
        told = replace_changed(lease, activity_loads, loads.rows(lease.profile_id, series, knowledge), ("activity_id",))
        mine.done = True
    return told
