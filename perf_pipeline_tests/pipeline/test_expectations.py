"""Expectations of stored rows: what is right passes, and a broken row of each kind is found and named by its key."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Table, insert, text, update

from perf_pipeline.pipeline.expectations.examining import Verdict, examine_rows, merged
from perf_pipeline.pipeline.expectations.frames import MONTHS, WRONG_TYPES, known_tables
from perf_pipeline.pipeline.quality import in_groups
from perf_pipeline.pipeline.sql_models.project import models_folder
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


@dataclass(frozen=True)
class Defect:
    """What is done to a table, which column's expectation finds it, and how bad it is said to be."""

    what: str
    table: str
    values: dict[str, Any]
    found: str
    severity: str = "critical"


SPEED = "distance_meters at most duration_seconds x the most of its type"
DEFECTS = (
    Defect("unknown sport", "activities", {"type": "quidditch"}, "type"),
    Defect("negative duration", "activities", {"duration_seconds": -5, "moving_seconds": -5}, "duration_seconds"),
    Defect("moving for longer than it lasted", "activities", {"moving_seconds": 4000},
           "moving_seconds at most duration_seconds"),
    Defect("distance around the globe", "activities", {"distance_meters": 40_000_000}, "distance_meters"),
    Defect("colder than any place", "activities", {"temperature": -300}, "temperature"),
    Defect("faster than the sport's fastest", "activities", {"distance_meters": 200_000}, SPEED, "warning"),
    Defect("longer than two days", "activities", {"duration_seconds": 400_000}, "duration_seconds", "warning"),
    Defect("negative size of a file", "source_files", {"bytes": -1}, "bytes"),
    Defect("negative effort", "activity_efforts", {"value": -1}, "value"),
    Defect("effort that is not a number", "activity_efforts", {"value": Decimal("NaN")}, "value"),
    Defect("infinite effort", "activity_efforts", {"value": Decimal("Infinity")}, "value"),
    Defect("unit of another kind of effort", "activity_efforts", {"unit": "m/s"},
           "unit is a known word for its effort_type"),
    Defect("unknown grade", "activity_efforts", {"grade": "sure"}, "grade"),
    Defect("negative length of an effort", "activity_efforts", {"duration_seconds": -1}, "duration_seconds"),
    Defect("effort that contradicts a shorter one", "activity_efforts", {"value": 30_000},
           "coherent with shorter efforts"),
    Defect("mean power of a rocket", "activity_metrics", {"value": 9000}, "mean_power_watts", "warning"),
    Defect("load beyond a day's work of anybody", "activity_loads", {"load": 9000}, "load"),
    Defect("unusual load", "activity_loads", {"load": 900}, "load", "warning"),
    Defect("negative fitness", "daily_fitness", {"ctl": -1}, "ctl"),
    Defect("unusual fitness", "daily_fitness", {"ctl": 300}, "ctl", "warning"),
    Defect("interval that does not hold its threshold", "threshold_models", {"threshold_low": 285},
           "threshold_low at most threshold"),
)  # fmt: skip
"""One of each kind that the schema's own constraints let in."""


def failed(connection: Connection, profile_id: UUID, *tables: str) -> list[Verdict]:
    return [v for v in examine_rows(connection, [profile_id], tables) if not v.holds]


def test_a_broken_row_of_each_kind_is_found_and_named(warehouse: Warehouse, profile_id: UUID) -> None:
    keys = {str(ACTIVITY), str(EFFORT), str(SECOND), "2026-05-01"}
    with warehouse.begin() as connection:
        for one in DEFECTS:
            table = T[one.table]
            where = table.c.id == EFFORT if one.table == "activity_efforts" else text("true")
            with connection.begin_nested() as attempt:
                connection.execute(update(table).where(where).values(**one.values))
                found = failed(connection, profile_id, one.table)
                attempt.rollback()
            assert (one.found, one.severity) in {(v.column, v.severity) for v in found}, one.what
            assert all(v.broken == 1 and v.table == one.table for v in found), one.what
            told = {key for v in found for key in v.sample}
            assert told <= keys or one.table in {"threshold_models", "source_files"}


def without(table: Table, *statements: str) -> list[str]:
    return [f"alter table {table.name} {statement}" for statement in statements]


NO_NAME = "update activities set name = null"
ONE_MORE = """insert into source_files
    select (jsonb_populate_record(s, jsonb_build_object('id', gen_random_uuid()))).* from source_files s"""
SCHEMA_DEFECTS: tuple[tuple[Defect, list[str]], ...] = (
    (Defect("missing value", "activities", {}, "name"),
     [*without(T["activities"], "alter name drop not null"), NO_NAME]),
    (Defect("reference to a file that is not there", "activities", {}, "source_file_id names a row of source_files"),
     [*without(T["activities"], "drop constraint fk_activities_source_file_id"),
      "update activities set source_file_id = gen_random_uuid()"]),
    (Defect("values of another type", "activities", {}, WRONG_TYPES),
     [*without(T["activities"], "alter moving_seconds type double precision")]),
    (Defect("unknown status", "source_files", {}, "status"),
     [*without(T["source_files"], "drop constraint ck_source_files_ck_source_files_status"),
      "update source_files set status = 'lost'"]),
    (Defect("the same file twice", "source_files", {}, "profile_id, sha256"),
     [*without(T["source_files"], "drop constraint uq_source_files_profile_id_sha256"), ONE_MORE]),
    (Defect("activities whose streams are not recorded", MONTHS, {}, "streams are recorded"),
     ["delete from month_outputs where stage = 'activity_streams'"]),
    (Defect("activities older than their streams", MONTHS, {}, "rows are as new as the streams"),
     ["update month_outputs set computed_at = now() where stage = 'activity_streams'"]),
)  # fmt: skip
"""Kinds that the schema's constraints would not let in, and how they get in all the same."""


@pytest.mark.parametrize(("one", "statements"), SCHEMA_DEFECTS, ids=[one.what for one, _ in SCHEMA_DEFECTS])
def test_a_fault_that_the_schema_would_not_let_in_is_found_as_well(
    warehouse: Warehouse, profile_id: UUID, one: Defect, statements: list[str]
) -> None:
    with warehouse.engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
        found = failed(connection, profile_id, one.table)
    assert one.found in {v.column for v in found}
    assert all(v.severity == "critical" and v.broken for v in found)


def test_the_table_in_the_documentation_is_what_was_tried() -> None:
    told = (models_folder().parent / "docs" / "sql_models.md").read_text()
    words = {"critical": "error", "warning": "warning"}
    wanted = "\n".join(
        f"| {one.what} | `{one.table}`: {one.found} | {words[one.severity]} |"
        for one in (*DEFECTS, *(one for one, _ in SCHEMA_DEFECTS))
    )
    assert wanted in told, f"docs/sql_models.md should have\n{wanted}"


def test_verdicts_on_groups_of_athletes_become_one_for_each_expectation() -> None:
    one = Verdict("activities", "expect_x", "type", holds=True, broken=0, sample=(), severity="critical")
    some = [one, replace(one, holds=False, broken=4, sample=("a", "b", "c", "d")), replace(one, column="name")]
    more = replace(one, holds=False, broken=3, sample=("e", "f", "g"))
    assert merged([*some, more]) == [
        replace(one, holds=False, broken=7, sample=("a", "b", "c", "d", "e")), replace(one, column="name"),
    ]  # fmt: skip


def test_groups_are_bounded_by_athletes_and_by_activities(warehouse: Warehouse, profile_id: UUID) -> None:
    athletes = [(profile_id, "ana"), *((uuid4(), str(i)) for i in range(4)), (profile_id, "ana")]
    with warehouse.begin() as connection:
        assert [len(group) for group in in_groups(connection, athletes, 4, 10)] == [4, 2]
        assert [len(group) for group in in_groups(connection, athletes, 10, 1)] == [5, 1]
        assert in_groups(connection, []) == []
