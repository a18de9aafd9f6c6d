"""Migrations expand first: what the version before asks goes on working while they run, and afterwards."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from perf_pipeline.storage import schema
from perf_pipeline.storage.migrating import create_index_concurrently
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests.beside import PATIENCE_SECONDS, beside
from perf_pipeline_tests.reliability.migrations import empty_database, migrate_to

LONGEST_WAIT_SECONDS = 8.0
"""A migration waits 3 s for a table, and whoever comes after it waits behind it; the machine may be busy."""


@pytest.fixture
def first(postgres_home: Path) -> Iterator[Warehouse]:
    """A database of the first release."""
    with empty_database(postgres_home) as url, Warehouse.connect(url) as warehouse:
        migrate_to(warehouse, "0001")
        yield warehouse


class FirstRelease:
    """The statements of the first release, by the columns that its tables had, over and over."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.url = warehouse.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with warehouse.begin() as connection:
            query = text(
                "select table_name, array_agg(column_name::text order by ordinal_position) "
                "from information_schema.columns where table_schema = 'public' "
                "and table_name <> 'perf_schema_version' group by 1 order by 1"
            )
            self.columns = dict(connection.execute(query).all())
        self.rounds, self.slowest, self.errors = 0, 0.0, list[str]()
        self.stop = threading.Event()

    def __call__(self) -> None:
        with psycopg.connect(self.url) as connection:
            while not self.stop.is_set():
                began = time.monotonic()
                try:
                    self.round(connection)
                except psycopg.Error as error:
                    self.errors.append(str(error))
                    return
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.rounds += 1

    def wait_for_rounds(self, more: int) -> None:
        """Returns after so many more rounds, after an error, or, where they do not come, with an error of its own."""
        wanted, deadline = self.rounds + more, time.monotonic() + PATIENCE_SECONDS
        while self.rounds < wanted and not self.errors:
            assert time.monotonic() < deadline, f"no {more} rounds in {PATIENCE_SECONDS:g} s"
            time.sleep(0.01)

    def round(self, connection: psycopg.Connection) -> None:
        """One athlete taken in, computed, upserted, recomputed, read and marked as read, in the old words."""
        profile, source, activity, note = (uuid.uuid4() for _ in range(4))
        execute = connection.execute
        execute("insert into profiles (id, handle) values (%s, %s)", [profile, f"a{profile.hex}"[:60]])
        execute("insert into athlete_leases (profile_id) values (%s)", [profile])
        execute(
            "insert into source_files (id, profile_id, sha256, bytes, format, kind, status, archive_path, month) "
            "values (%s, %s, 'x', 1, 'fit', 'activity', 'archived', 'x', '2026-05')", [source, profile],
        )  # fmt: skip
        execute(
            "insert into arrivals (id, profile_id, name, source_file_id, status) values (%s, %s, 'x', %s, 'archived')",
            [uuid.uuid4(), profile, source],
        )
        for _ in range(2):
            execute(
                "insert into activities (id, profile_id, name, type, started_at, duration_seconds, moving_seconds, "
                "fit_file_path, source_file_id, session_index, archive_month, reader) "
                "values (%s, %s, 'x', 'bike', now(), 1, 1, 'x', %s, 0, '2026-05', 'x') "
                "on conflict (id) do update set name = excluded.name, updated_at = now()", [activity, profile, source],
            )  # fmt: skip
            for table in ("activity_efforts", "activity_metrics"):
                execute(f"delete from {table} where activity_id = %s", [activity])
            with connection.cursor().copy(
                "copy activity_efforts (id, activity_id, profile_id, duration_seconds, effort_type, value, unit, "
                "start_offset, recorded_at, grade) from stdin"
            ) as copy:
                copy.write_row([uuid.uuid4(), activity, profile, 60, "power", 300, "W", 0, "2026-05-04", "confirmed"])
            execute("insert into activity_metrics values (%s, 'x', %s, 1, 'W')", [activity, profile])
        execute(
            "insert into threshold_models (id, profile_id, sport, model, as_of, unit, input_hash) "
            "values (%s, %s, 'bike', 'x', now(), 'W', 'x')", [uuid.uuid4(), profile],
        )  # fmt: skip
        execute(
            "insert into notifications (id, profile_id, type, title, message, occurred_at) "
            "values (%s, %s, 'milestone', 'x', 'x', now())", [note, profile],
        )  # fmt: skip
        execute("update notifications set is_read = true where id = %s", [note])
        connection.commit()
        for table, columns in self.columns.items():
            execute(f"select {', '.join(columns)} from {table} limit 20").fetchall()
        connection.commit()


def test_the_first_release_goes_on_working_through_every_migration_after_it(first: Warehouse) -> None:
    old = FirstRelease(first)
    with beside(old, old, stop=old.stop):
        old.wait_for_rounds(3)
        assert first.migrate()
        old.wait_for_rounds(3)
    assert old.errors == []
    assert old.slowest < LONGEST_WAIT_SECONDS
    with first.begin() as connection:
        assert connection.scalar(text("select version_num from perf_schema_version")) == schema.head_revision()


def test_a_migration_that_contracts_would_be_noticed(first: Warehouse) -> None:
    old = FirstRelease(first)
    reader = threading.Thread(target=old)
    reader.start()
    while old.rounds < 1:
        time.sleep(0.01)
    with first.begin() as connection:
        connection.execute(text("alter table activities rename column reader to decoder"))
    reader.join(30)
    assert "reader" in old.errors[0]


def grow(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.execute(text("create table large as select n, n % 7 as k from generate_series(1, 20000) n"))


def is_valid(warehouse: Warehouse, index: str) -> bool | None:
    query = "select i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid where c.relname = :name"
    with warehouse.begin() as connection:
        return connection.scalar(text(query), {"name": index})


def test_an_index_is_built_while_rows_are_written(first: Warehouse) -> None:
    grow(first)
    with first.engine.connect() as writer:
        writer.execute(text("insert into large values (0, 0)"))  # a transaction that stays open
        builder = threading.Thread(target=lambda: create_index_concurrently(first.engine, "ix_large_k", "large", ["k"]))
        builder.start()
        time.sleep(0.3)
        began = time.monotonic()
        with first.begin() as other:
            other.execute(text("insert into large values (-1, 0)"))
        assert time.monotonic() - began < LONGEST_WAIT_SECONDS
        assert not is_valid(first, "ix_large_k")
        writer.commit()
    builder.join(60)
    assert is_valid(first, "ix_large_k")


def test_an_index_that_a_kill_left_half_built_is_built_again(first: Warehouse) -> None:
    grow(first)
    with first.begin() as connection:
        connection.execute(text("create index ix_large_k on large (n)"))
        connection.execute(text("update pg_index set indisvalid = false where indexrelid = 'ix_large_k'::regclass"))
    create_index_concurrently(first.engine, "ix_large_k", "large", ["k"])
    assert is_valid(first, "ix_large_k")
    create_index_concurrently(first.engine, "ix_large_k", "large", ["k"])
    with first.begin() as connection:
        told = connection.scalar(text("select indexdef from pg_indexes where indexname = 'ix_large_k'"))
    assert told.endswith("(k)")
