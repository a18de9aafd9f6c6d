"""Kills in the middle of migrations: what was begun is completed by the next process, and the schema is the one."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from alembic import command
from sqlalchemy import text

from perf_pipeline.storage import embedded_postgres, schema
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests.reliability.trials import Tally
from perf_pipeline_tests.reliability.world import in_child

KIND = "kill -9 in a migration"
_SHAPE = """
    select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
    where table_schema = 'public' union all
    select tablename, indexname, indexdef, '', '' from pg_indexes where schemaname = 'public' union all
    select conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated::text, '' from pg_constraint
    where connamespace = 'public'::regnamespace union all
    select event_object_table, trigger_name, event_manipulation, action_statement, coalesce(action_condition, '')
    from information_schema.triggers where trigger_schema = 'public' order by 1, 2, 3
"""


@contextmanager
def empty_database(home: Path) -> Iterator[str]:
    """A database without a schema on the home's server."""
    server = embedded_postgres.ensure_running(home).rpartition("/")[0]
    name = f"migrating_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def migrate_to(warehouse: Warehouse, revision: str) -> None:
    """Brings the schema to a revision that is not the newest."""
    config = schema.alembic_config()
    with warehouse.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()


def shape(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """Columns, indexes, constraints and triggers of the database."""
    with warehouse.begin() as connection:
        return [tuple(row) for row in connection.execute(text(_SHAPE))]


def kill_migrations(home: Path, dice: random.Random, trials: int, tally: Tally) -> None:
    """Kills the way from nothing to the head, each time until it arrives."""
    with empty_database(home) as url, Warehouse.connect(url) as warehouse:
        began = time.monotonic()
        warehouse.migrate()
        seconds, wanted = time.monotonic() - began, shape(warehouse)
    for _ in range(trials):
        with empty_database(home) as url:
            killed = sum(
                in_child(lambda: _migrate(url), kill_after=dice.uniform(0, seconds)) == -9
                for _ in range(dice.randint(1, 3))
            )
            with Warehouse.connect(url) as warehouse:
                warehouse.migrate()
                if shape(warehouse) == wanted:
                    tally.survived[KIND] += killed
                else:
                    tally.failures.append(f"{KIND}: the schema is another one")


def _migrate(url: str) -> None:
    with Warehouse.connect(url) as warehouse:
        warehouse.migrate()
