"""Writes `activity_loads`: loads of all activities, each against the thresholds of its day."""

from __future__ import annotations

from datetime import date

from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.freshness import Settled, first_unsettled, turn
from perf_pipeline.pipeline.history.knowing import load_knowledge
from perf_pipeline.pipeline.history.thresholds import threshold_version
from perf_pipeline.pipeline.history.wellness import wellness_version
from perf_pipeline.pipeline.history.writing import NOTHING_DONE, replace_changed
from perf_pipeline.pipeline.series import activities_since, load_activities
from perf_pipeline.pipeline.stages import loads
from perf_pipeline.storage.tables import activity_loads
from perf_pipeline.storage.warehouse import Lease, Warehouse

STAGE = "activity_loads"


def load_version() -> str:
    """Code version of the stage and of those whose rows it reads."""
    return code_version("perf_pipeline.pipeline.stages.loads") + threshold_version() + wellness_version()


def update_loads(warehouse: Warehouse, lease: Lease, today: date, *, full_refresh: bool = False) -> dict[str, int]:
    """Loads of all activities, each against the thresholds of its day; of those alone for which these may be others."""
    version = load_version()
    history = Settled(lease.profile_id, STAGE, version, activity_loads, knowledge=True)
    with turn(warehouse, lease, STAGE, today, version, activity_loads, full_refresh=full_refresh) as mine:
        if mine.current:
            return NOTHING_DONE
        with warehouse.begin() as connection:
            settled = None if full_refresh else history.until(connection)
            since = first_unsettled(settled)
            series = load_activities(connection, lease.profile_id, today, metrics=loads.METRICS, since=since)
            knowledge = load_knowledge(connection, lease.profile_id)
        rows = loads.rows(lease.profile_id, series, knowledge)
        among = activity_loads.c.activity_id.in_(activities_since(lease.profile_id, since))
        told = replace_changed(
            lease, activity_loads, rows, ("activity_id",), among=None if since is None else among
        )  # fmt: skip
        with lease.transaction() as connection:
            history.note(connection, today, settled)
        mine.done = True
    return told
