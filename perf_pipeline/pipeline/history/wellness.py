"""Writes `daily_wellness`: what was measured of the athlete beside training, by local day."""

from __future__ import annotations

from datetime import UTC, date

from sqlalchemy import select

from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.freshness import turn
from perf_pipeline.pipeline.history.writing import NOTHING_DONE, replace_changed
from perf_pipeline.pipeline.series import FIRST_CREDIBLE_DAY, local_day
from perf_pipeline.pipeline.stages import wellness
from perf_pipeline.pipeline.stages.wellness import Measurement
from perf_pipeline.storage.tables import daily_wellness, profile_metrics, profiles
from perf_pipeline.storage.warehouse import Lease, Warehouse

STAGE = "daily_wellness"


def wellness_version() -> str:
    """Code version of the stage."""
    return code_version("perf_pipeline.pipeline.stages.wellness")


def update_wellness(warehouse: Warehouse, lease: Lease, today: date, *, full_refresh: bool = False) -> dict[str, int]:
    """Weight, resting heart rate, HRV and sleep of every local day to today, each by one source."""
    version = wellness_version()
    with turn(
        warehouse, lease, STAGE, today, version, daily_wellness, full_refresh=full_refresh, thresholds=False
    ) as mine:
        if mine.current:
            return {**NOTHING_DONE, "not_credible": 0}
        told, refused = [], 0
        with warehouse.begin() as connection:
            zone = connection.scalar(select(profiles.c.timezone).where(profiles.c.id == lease.profile_id))
            table = profile_metrics.c
            query = select(table.metric_type, table.recorded_at, table.value, table.source).where(
                table.profile_id == lease.profile_id
            )
            for metric, recorded_at, value, source in connection.execute(query):
                day = local_day(recorded_at, None, zone)
                if day < FIRST_CREDIBLE_DAY or recorded_at.astimezone(UTC).date() > today:
                    continue
                refused += not wellness.is_credible(metric, float(value))
                told.append(Measurement(metric, day, float(value), source or "unknown"))
        newest = max([today, *(one.day for one in told)])
        rows = wellness.rows(lease.profile_id, told, newest)
        counts = replace_changed(lease, daily_wellness, rows, ("profile_id", "metric_type", "date"))
        mine.done = True
    return {**counts, "not_credible": refused}
