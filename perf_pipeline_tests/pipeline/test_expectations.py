"""Expectations of stored rows: what is right passes, and a broken row of each kind is found and named by its key."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, update

from perf_pipeline.pipeline.expectations import examine_rows
from perf_pipeline.storage.ids import source_file_id_of
from perf_pipeline.storage.tables import activities, activity_efforts, activity_loads, daily_fitness, source_files
from perf_pipeline.storage.warehouse import Warehouse

ACTIVITY, EFFORT = uuid4(), uuid4()


@pytest.fixture
def profile_id(warehouse: Warehouse) -> UUID:
    """An athlete with one right row in each table."""
    profile_id = warehouse.ensure_profile("ana")
    file_id = source_file_id_of(profile_id, "ab")
    start = datetime(2026, 5, 1, 8, tzinfo=UTC)
    with warehouse.begin() as connection:
        connection.execute(
            insert(source_files).values(
                id=file_id, profile_id=profile_id, sha256="ab", bytes=1, format="fit", kind="activity",
                status="archived", archive_path="archive/ab", month="2026-05",
            )
        )  # fmt: skip
        connection.execute(
            insert(activities).values(
                id=ACTIVITY, profile_id=profile_id, name="Ride", type="bike", started_at=start, duration_seconds=3600,
                moving_seconds=3500, distance_meters=30_000, fit_file_path="archive/ab", source_file_id=file_id,
                session_index=0, archive_month="2026-05", reader="perf_pipeline",
            )
        )  # fmt: skip
        connection.execute(
            insert(activity_efforts).values(
                id=EFFORT, activity_id=ACTIVITY, profile_id=profile_id, duration_seconds=60, effort_type="power",
                value=300, unit="W", start_offset=10, recorded_at=start, grade="confirmed",
            )
        )  # fmt: skip
        connection.execute(
            insert(activity_loads).values(
                activity_id=ACTIVITY, profile_id=profile_id, local_date=start.date(), load=70, method="power"
            )
        )
        connection.execute(
            insert(daily_fitness).values(profile_id=profile_id, date=date(2026, 5, 1), load=70, ctl=1.6, atl=9.3, tsb=0)
        )
    return profile_id


def test_right_rows_meet_every_expectation(warehouse: Warehouse, profile_id: UUID) -> None:
    with warehouse.begin() as connection:
        verdicts = examine_rows(connection, [profile_id])
    assert [v for v in verdicts if not v.holds] == []
    assert {v.table for v in verdicts} >= {"activities", "activity_efforts", "activity_loads", "daily_fitness"}


BREAKAGES = (
    (activities, {"type": "quidditch"}, "type"),
    (activities, {"duration_seconds": -5, "moving_seconds": -5}, "duration_seconds"),
    (activities, {"moving_seconds": 4000}, "duration_seconds, moving_seconds"),
    (activities, {"distance_meters": 40_000_000}, "distance_meters"),
    (activity_efforts, {"value": 0}, "value"),
    (activity_efforts, {"unit": "hp"}, "unit"),
    (activity_efforts, {"grade": "sure"}, "grade"),
    (activity_efforts, {"duration_seconds": 0}, "duration_seconds"),
    (activity_loads, {"load": 9000}, "load"),
    (activity_loads, {"method": "guess"}, "method"),
    (daily_fitness, {"ctl": -1}, "ctl"),
)


def test_a_broken_row_of_each_kind_is_found_and_named(warehouse: Warehouse, profile_id: UUID) -> None:
    with warehouse.begin() as connection:
        for table, values, column in BREAKAGES:
            with connection.begin_nested() as attempt:
                connection.execute(update(table).values(**values))
                found = [v for v in examine_rows(connection, [profile_id]) if not v.holds]
                attempt.rollback()
            assert column in {v.column for v in found}, values
            assert all(v.broken == 1 for v in found), values
            assert {key for v in found for key in v.sample} <= {str(ACTIVITY), str(EFFORT), "2026-05-01"}
