"""Migrations make exactly the tables that `tables.py` describes, once, however many start at once."""

from __future__ import annotations

import threading
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Enum, event, text

from perf_pipeline.storage import schema
from perf_pipeline.storage.tables import METADATA
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests.beside import at_once


@pytest.fixture
def empty(warehouse: Warehouse) -> Warehouse:
    with warehouse.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    return warehouse


def test_the_migrated_database_is_the_one_that_the_tables_describe(empty: Warehouse) -> None:
    assert empty.migrate()
    with empty.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "version_table": schema.VERSION_TABLE}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []


def test_enums_have_the_words_that_the_tables_say(empty: Warehouse) -> None:
    empty.migrate()
    statement = """
        SELECT t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
        FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY 1"""
    with empty.begin() as connection:
        told = dict(connection.execute(text(statement)).all())
    described = {c.type.name: c.type.enums for t in METADATA.tables.values() for c in t.c if isinstance(c.type, Enum)}
    assert told == described


def test_every_table_and_column_has_a_comment(empty: Warehouse) -> None:
    empty.migrate()
    statement = """
        SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'perf_schema_version'
          AND a.attnum >= 0 AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL SELECT relname, NULL FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
          AND relname <> 'perf_schema_version' AND obj_description(oid, 'pg_class') IS NULL"""
    with empty.begin() as connection:
        assert connection.execute(text(statement)).all() == []


def test_at_the_head_one_query_is_asked_and_nothing_is_done(warehouse: Warehouse) -> None:
    asked: list[str] = []
    event.listen(warehouse.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    assert not warehouse.migrate()
    assert asked == ["SELECT version_num FROM perf_schema_version"]


def test_the_name_of_the_last_file_is_the_head() -> None:
    assert ScriptDirectory.from_config(schema.alembic_config()).get_current_head() == schema.head_revision()


def test_a_database_of_a_newer_version_is_left_alone(warehouse: Warehouse) -> None:
    with warehouse.begin() as connection:
        connection.execute(text("UPDATE perf_schema_version SET version_num = '9999'"))
    assert not warehouse.migrate()


def test_of_many_that_start_at_once_one_migrates(empty: Warehouse) -> None:
    did: list[bool] = []
    at_once(*[lambda: did.append(empty.migrate())] * 3)
    assert sorted(did) == [False, False, True]


def test_a_migration_gives_way_to_a_lock_and_tries_again(empty: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "LOCK_TIMEOUT_SECONDS", 1)
    holder = empty.engine.connect()
    holder.execute(text("CREATE TABLE perf_schema_version (version_num varchar(32) PRIMARY KEY)"))
    holder.commit()
    holder.execute(text("LOCK TABLE perf_schema_version IN EXCLUSIVE MODE"))
    did: list[bool] = []
    starter = threading.Thread(target=lambda: did.append(empty.migrate()))
    starter.start()
    time.sleep(1.5)
    assert did == []
    holder.rollback()
    holder.close()
    starter.join(30)
    assert did == [True]
