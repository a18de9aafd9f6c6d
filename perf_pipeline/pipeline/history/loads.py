"""Writes `activity_loads`: loads of all activities, each against the thresholds of its day."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, select

from perf_pipeline.pipeline.history.writing import replace_changed
from perf_pipeline.pipeline.series import load_activities
from perf_pipeline.pipeline.stages import loads
from perf_pipeline.pipeline.stages.loads import KnownThreshold, ThresholdHistory
from perf_pipeline.storage.tables import activity_loads, profile_metrics, profiles, threshold_models
from perf_pipeline.storage.warehouse import Lease, Warehouse


def update_loads(warehouse: Warehouse, lease: Lease, today: date) -> dict[str, int]:
    """Loads of all activities, each against the thresholds of its day."""
    with warehouse.begin() as connection:
        series = load_activities(connection, lease.profile_id, today)
        histories = _histories(connection, lease.profile_id)
        sex = connection.scalar(select(profiles.c.sex).where(profiles.c.id == lease.profile_id))
        resting = _resting(connection, lease.profile_id)
    rows = loads.rows(lease.profile_id, series, histories, sex, resting)
    return replace_changed(lease, activity_loads, rows, ("activity_id",))


def _histories(connection: Connection, profile_id: UUID) -> dict[tuple[str, str], ThresholdHistory]:
    table = threshold_models.c
    query = (
        select(table.sport, table.model, table.as_of, table.threshold)
        .where(table.profile_id == profile_id)
        .order_by(table.as_of, table.version)
    )
    newest: dict[tuple[str, str], dict[date, float | None]] = defaultdict(dict)
    for sport, model, as_of, threshold in connection.execute(query):
        newest[sport, model][as_of] = threshold  # what was said last of a day is what counts
    return {
        key: ThresholdHistory([KnownThreshold(as_of, value) for as_of, value in answers.items() if value is not None])
        for key, answers in newest.items()
    }


def _resting(connection: Connection, profile_id: UUID) -> list[KnownThreshold]:
    table = profile_metrics.c
    query = (
        select(table.recorded_at, table.value)
        .where(table.profile_id == profile_id, table.metric_type == "resting_hr_bpm")
        .order_by(table.recorded_at)
    )
    return [KnownThreshold(at.date(), float(value)) for at, value in connection.execute(query)]
