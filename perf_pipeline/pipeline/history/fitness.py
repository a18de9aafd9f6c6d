"""Writes `daily_fitness`: the daily series up to today and two weeks on."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select

from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.freshness import Settled, turn
from perf_pipeline.pipeline.history.loads import load_version
from perf_pipeline.pipeline.history.writing import NOTHING_DONE, replace_changed
from perf_pipeline.pipeline.stages import fitness
from perf_pipeline.storage.tables import activity_loads, daily_fitness
from perf_pipeline.storage.warehouse import Lease, Warehouse

STAGE = "daily_fitness"


def fitness_version() -> str:
    """Code version of the stage and of those whose rows it reads."""
    return code_version("perf_pipeline.pipeline.stages.fitness") + load_version()


def update_fitness(warehouse: Warehouse, lease: Lease, today: date, *, full_refresh: bool = False) -> dict[str, int]:
    """The daily series up to today and two weeks on."""
    version = fitness_version()
    history = Settled(lease.profile_id, STAGE, version, daily_fitness, knowledge=True)
    with turn(warehouse, lease, STAGE, today, version, daily_fitness, full_refresh=full_refresh) as mine:
        if mine.current:
            return NOTHING_DONE
        with warehouse.begin() as connection:
            settled = None if full_refresh else history.until(connection)
            began = connection.scalar(
                select(func.min(daily_fitness.c.date)).where(daily_fitness.c.profile_id == lease.profile_id)
            )
            daily = connection.execute(
                select(activity_loads.c.local_date, activity_loads.c.load).where(
                    activity_loads.c.profile_id == lease.profile_id
                )
            ).all()
        # East of Greenwich the local day may have begun that is still to come in UTC.
        newest = max([today, *(day for day, _ in daily if day <= today + timedelta(days=1))])
        rows = fitness.rows(lease.profile_id, [(day, load) for day, load in daily], newest)
        among = None
        if settled is not None and rows and rows[0]["date"] == began:
            rows, among = [row for row in rows if row["date"] > settled], daily_fitness.c.date > settled
        told = replace_changed(lease, daily_fitness, rows, ("profile_id", "date"), among=among)
        with lease.transaction() as connection:
            history.note(connection, today, settled)
        mine.done = True
    return told
