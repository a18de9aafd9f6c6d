"""Writes `notifications`: what the athlete should hear of."""

from __future__ import annotations

from datetime import date

from perf_pipeline.pipeline.history.writing import replace_changed
from perf_pipeline.pipeline.series import load_activities, load_efforts
from perf_pipeline.pipeline.stages import notifications
from perf_pipeline.storage.tables import notifications as notifications_table
from perf_pipeline.storage.warehouse import Lease, Warehouse


def update_notifications(warehouse: Warehouse, lease: Lease, today: date) -> dict[str, int]:
    """What the athlete should hear of; `is_read` is kept, what has lost its ground is withdrawn."""
    with warehouse.begin() as connection:
        series = load_activities(connection, lease.profile_id, today)
        efforts = load_efforts(connection, lease.profile_id, series)
    rows = notifications.rows(lease.profile_id, series, efforts)
    return replace_changed(lease, notifications_table, rows, ("id",), keep={"is_read", "created_at"})
