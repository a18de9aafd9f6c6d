"""Expectations of stored rows: what is right passes, and a broken row of each kind is found and named by its key."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Table, insert, text, update

from perf_pipeline.pipeline.expectations.examining import Verdict, examine_rows
from perf_pipeline.pipeline.expectations.frames import MONTHS, WRONG_TYPES, known_tables
from perf_pipeline.storage.ids import source_file_id_of
from perf_pipeline.storage.tables import METADATA
from perf_pipeline.storage.warehouse import Warehouse

ACTIVITY, EFFORT, SECOND = uuid4(), uuid4(), uuid4()
START = datetime(2026, 5, 1, 8, tzinfo=UTC)
MONTH = "2026-05"
T = METADATA.tables


@pytest.fixture
def profile_id(warehouse: Warehouse) -> UUID:
    """An athlete with right rows in the tables that the rules are about."""
    profile_id = warehouse.ensure_profile("ana")
    file_id = source_file_id_of(profile_id, "ab")
    effort = {"activity_id": ACTIVITY, "effort_type": "power", "unit": "W", "start_offset": 10, "recorded_at": START,
              "grade": "confirmed"}  # fmt: skip
    output = {"month": MONTH, "fingerprint": "x", "code_version": "x", "output_hash": "x"}
    rows: list[tuple[str, dict[str, Any]]] = [
        ("source_files", {"id": file_id, "sha256": "ab", "bytes": 1, "format": "fit", "kind": "activity",
                          "status": "archived", "archive_path": "archive/ab", "month": MONTH}),
        ("activities", {"id": ACTIVITY, "name": "Ride", "type": "bike", "started_at": START, "duration_seconds": 3600,
                        "moving_seconds": 3500, "distance_meters": 30_000, "fit_file_path": "archive/ab",
                        "source_file_id": file_id, "session_index": 0, "archive_month": MONTH, "reader": "test"}),
        ("activity_efforts", {**effort, "id": EFFORT, "duration_seconds": 60, "value": 300}),
        ("activity_efforts", {**effort, "id": SECOND, "duration_seconds": 300, "value": 250}),
        ("activity_metrics", {"activity_id": ACTIVITY, "metric": "mean_power_watts", "value": 200, "unit": "W"}),
        ("activity_loads", {"activity_id": ACTIVITY, "local_date": START.date(), "load": 70, "method": "power"}),
        ("daily_fitness", {"date": date(2026, 5, 1), "load": 70, "ctl": 1.6, "atl": 9.3, "tsb": 0}),
        ("threshold_models", {"sport": "bike", "model": "critical_power", "as_of": START.date(), "threshold": 280,
                              "threshold_low": 270, "threshold_high": 290, "unit": "W", "input_hash": "x"}),
        ("month_outputs", {**output, "stage": "activity_streams", "computed_at": START}),
        ("month_outputs", {**output, "stage": "activities", "computed_at": START + timedelta(seconds=1)}),
    ]  # fmt: skip
    with warehouse.begin() as connection:
        for table, values in rows:
            connection.execute(insert(T[table]).values(profile_id=profile_id, **values))
    return profile_id


def test_right_rows_meet_every_expectation_and_the_site_tells_of_all(
    warehouse: Warehouse, profile_id: UUID, tmp_path: Path
) -> None:
    with warehouse.begin() as connection:
        verdicts = examine_rows(connection, [profile_id], docs=tmp_path)
    assert [v for v in verdicts if not v.holds] == []
    assert {v.table for v in verdicts} == {table.name for table in known_tables()} | {MONTHS}
    pages = "\n".join(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.html"))
    assert "index.html" in pages
    assert all(f"expectations/{table.name}.html" in pages for table in known_tables())
    told = (tmp_path / "expectations" / "activities.html").read_text()
    assert "moving_seconds" in told
    assert not re.search(r"<script[^>]+posthog", told)


SPEED = "distance_meters at most duration_seconds x the most of its type"
BREAKAGES: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("activities", {"type": "quidditch"}, "type", "critical"),
    ("activities", {"duration_seconds": -5, "moving_seconds": -5}, "duration_seconds", "critical"),
    ("activities", {"moving_seconds": 4000}, "moving_seconds at most duration_seconds", "critical"),
    ("activities", {"distance_meters": 40_000_000}, "distance_meters", "critical"),
    ("activities", {"distance_meters": 200_000}, SPEED, "warning"),
    ("activities", {"duration_seconds": 400_000}, "duration_seconds", "warning"),
    ("activity_efforts", {"value": -1}, "value", "critical"),
    ("activity_efforts", {"unit": "m/s"}, "unit is a known word for its effort_type", "critical"),
    ("activity_efforts", {"grade": "sure"}, "grade", "critical"),
    ("activity_efforts", {"duration_seconds": -1}, "duration_seconds", "critical"),
    ("activity_metrics", {"value": 9000}, "mean_power_watts", "warning"),
    ("activity_loads", {"load": 9000}, "load", "critical"),
    ("activity_loads", {"load": 900}, "load", "warning"),
    ("daily_fitness", {"ctl": -1}, "ctl", "critical"),
    ("daily_fitness", {"ctl": 300}, "ctl", "warning"),
    ("threshold_models", {"threshold_low": 285}, "threshold_low at most threshold", "critical"),
)  # fmt: skip


def failed(connection: Connection, profile_id: UUID, *tables: str) -> list[Verdict]:
    return [v for v in examine_rows(connection, [profile_id], tables) if not v.holds]


def test_a_broken_row_of_each_kind_is_found_and_named(warehouse: Warehouse, profile_id: UUID) -> None:
    keys = {str(ACTIVITY), str(EFFORT), str(SECOND), "2026-05-01"}
    with warehouse.begin() as connection:
        for name, values, column, severity in BREAKAGES:
            table = T[name]
            one = table.c.id == EFFORT if name == "activity_efforts" else text("true")
            with connection.begin_nested() as attempt:
                connection.execute(update(table).where(one).values(**values))
                found = failed(connection, profile_id, name)
                attempt.rollback()
            assert (column, severity) in {(v.column, v.severity) for v in found}, values
            assert all(v.broken == 1 and v.table == name for v in found), values
            told = {key for v in found for key in v.sample}
            assert told <= keys or name == "threshold_models"


def without(table: Table, *statements: str) -> list[str]:
    return [f"alter table {table.name} {statement}" for statement in statements]


NO_NAME = "update activities set name = null"
ONE_MORE = """insert into source_files
    select (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid()))).* from source_files s"""
SCHEMA_BREAKAGES: tuple[tuple[str, list[str], str], ...] = (
    ("activities", [*without(T["activities"], "alter name drop not null"), NO_NAME], "name"),
    (
        "activities",
        [*without(T["activities"], "drop constraint fk_activities_source_file_id"),
         "update activities set source_file_id = gen_random_uuid()"],
        "source_file_id names a row of source_files",
    ),
    (
        "activities",
        [*without(T["activities"], "alter moving_seconds type double precision"), "update activities set name = name"],
        WRONG_TYPES,
    ),
    (
        "source_files",
        [*without(T["source_files"], "drop constraint uq_source_files_profile_id_sha256"), ONE_MORE],
        "profile_id, sha256",
    ),
    ("activity_efforts", ["update activity_efforts set value = 10 where duration_seconds = 300"],
     "coherent with shorter efforts"),
    (MONTHS, ["delete from month_outputs where stage = 'activity_streams'"], "streams are recorded"),
    (MONTHS, ["update month_outputs set computed_at = now() where stage = 'activity_streams'"],
     "rows are as new as the streams"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "statements", "column"), SCHEMA_BREAKAGES, ids=[one[2] for one in SCHEMA_BREAKAGES])
def test_a_fault_that_the_schema_would_not_let_in_is_found_as_well(
    warehouse: Warehouse, profile_id: UUID, name: str, statements: list[str], column: str
) -> None:
    with warehouse.engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
        found = failed(connection, profile_id, name)
    assert column in {v.column for v in found}
    assert all(v.severity == "critical" and v.broken for v in found)
