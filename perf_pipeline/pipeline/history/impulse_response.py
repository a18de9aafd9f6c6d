"""Writes `impulse_response_models`: what training does to the athlete's tests, where they tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, Double, cast, select

from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.freshness import turn
from perf_pipeline.pipeline.history.loads import load_version
from perf_pipeline.pipeline.history.writing import NOTHING_DONE, replace_changed
from perf_pipeline.pipeline.series import SeriesActivity, load_activities, newest_day
from perf_pipeline.pipeline.stages import impulse_response as stage
from perf_pipeline.pipeline.stages.impulse_response import TESTS, StandardTest
from perf_pipeline.storage.tables import activity_efforts, activity_loads, impulse_response_models
from perf_pipeline.storage.warehouse import Lease, Warehouse

STAGE = "impulse_response_models"


def update_impulse_response(
    warehouse: Warehouse, lease: Lease, today: date, *, full_refresh: bool = False
) -> dict[str, int]:
    """One row for each test of which the athlete has an effort."""
    version = code_version("perf_pipeline.pipeline.stages.impulse_response") + load_version()
    with turn(warehouse, lease, STAGE, today, version, impulse_response_models, full_refresh=full_refresh) as mine:
        if mine.current:
            return {**NOTHING_DONE, "refused": 0}
        with warehouse.begin() as connection:
            series = load_activities(connection, lease.profile_id, today, metrics=())
            today = newest_day(series, today)
            table = activity_loads.c
            loads = [
                (day, load)
                for day, load in connection.execute(
                    select(table.local_date, table.load).where(table.profile_id == lease.profile_id)
                )
            ]
            bests = {test: _bests(connection, lease.profile_id, series, test) for test in TESTS}
        rows = [stage.row(lease.profile_id, test, found, loads, today) for test, found in bests.items() if found]
        told = replace_changed(lease, impulse_response_models, rows, ("profile_id", "sport", "test"))
        mine.done = True
    return {**told, "refused": sum(row["refusal"] is not None for row in rows)}


def _bests(
    connection: Connection, profile_id: UUID, series: Sequence[SeriesActivity], test: StandardTest
) -> dict[date, float]:
    """The best of each local day in W or m/s."""
    days = {one.id: one.day for one in series if one.sport == test.sport}
    if not days:
        return {}
    e = activity_efforts.c
    if test.meters is None:
        value = cast(e.value, Double)
        wanted = (e.effort_type == "power", e.duration_seconds == test.seconds)
    else:
        value = cast(e.distance_meters / e.elapsed_seconds, Double)
        wanted = (e.distance_meters == test.meters, e.elapsed_seconds > 0)
    query = select(e.activity_id, value).where(
        e.profile_id == profile_id,
        e.grade == "confirmed",
        *wanted,
    )
    found: dict[date, float] = {}
    for activity_id, best in connection.execute(query):
        if (day := days.get(activity_id)) is not None:
            found[day] = max(best, found.get(day, best))
    return found
