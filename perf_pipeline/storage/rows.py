"""Many rows into a table: COPY, replace, upsert. All of it works inside the caller's transaction."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from psycopg import sql
from sqlalchemy import Connection, Table, bindparam
from sqlalchemy.dialects.postgresql import ARRAY

from perf_pipeline.storage.copy_text import CopyBlock, Row, columns_of, encode_rows
from perf_pipeline.storage.tables import BOOKKEEPING_COLUMNS

ROWS_AT_ONCE = 5_000
"""Rows that are turned into text at once: however many there are, memory stays flat."""


class UpsertCounts(NamedTuple):
    """Rows that were new, and rows that differed from what was there."""

    inserted: int
    updated: int


def copy_rows(
    connection: Connection, table: Table, rows: Sequence[Row] | CopyBlock, *, columns: Sequence[str] | None = None
) -> int:
    """Append rows (see `encode_rows`, which a worker may have done already) by COPY; returns how many."""
    if not rows:
        return 0
    names = _columns(table, rows, columns)
    _copy(connection, sql.Identifier(table.name), table, names, rows)
    return len(rows)


def replace_children(
    connection: Connection,
    table: Table,
    activity_ids: Collection[uuid.UUID],
    rows: Sequence[Row],
    *,
    columns: Sequence[str] | None = None,
) -> int:
    """Put `rows` in the place of everything that the table holds for these activities; returns how many."""
    if activity_ids:
        connection.execute(
            table.delete().where(table.c.activity_id == _any(table.c.activity_id.type, "ids")),
            {"ids": list(activity_ids)},
        )
    return copy_rows(connection, table, rows, columns=columns)


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row] | CopyBlock,
    *,
    keep: AbstractSet[str] = frozenset(),
    columns: Sequence[str] | None = None,
) -> UpsertCounts:
    """Insert rows, or bring those of the same primary key up to date where they differ.

    Columns of `keep` are set when a row is new, and then left as they are; so are the bookkeeping columns, but that
    `updated_at` tells of every row that changed. The rows must not repeat a primary key.
    """
    if not rows:
        return UpsertCounts(0, 0)
    names = _columns(table, rows, columns)
    key = [column.name for column in table.primary_key.columns]
    compared = [name for name in names if name not in {*key, *keep, *BOOKKEEPING_COLUMNS}]
    incoming = sql.Identifier(f"incoming_{table.name}")
    target = sql.Identifier(table.name)
    cursor = _cursor(connection)
    with cursor:
        listed = _identifiers(names)
        cursor.execute(
            sql.SQL("CREATE TEMP TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                incoming, listed, target
            )
        )
        _copy(connection, incoming, table, names, rows)
        action: sql.Composable = sql.SQL("NOTHING")
        if compared:
            assignments: list[sql.Composable] = [
                sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in compared
            ]
            if "updated_at" in table.c:
                assignments.append(sql.SQL("updated_at = now()"))
            action = sql.SQL("UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})").format(
                sql.SQL(", ").join(assignments),
                sql.SQL(", ").join(sql.Identifier(table.name, name) for name in compared),
                sql.SQL(", ").join(sql.Identifier("excluded", name) for name in compared),
            )
        # Only a row that was there before carries the number of the transaction that replaced it.
        cursor.execute(
            sql.SQL(
                "WITH done AS (INSERT INTO {} ({}) SELECT {} FROM {} "
                "ON CONFLICT ({}) DO {} RETURNING (xmax = 0) AS fresh) "
                "SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM done"
            ).format(target, listed, listed, incoming, _identifiers(key), action)
        )
        inserted, updated = cursor.fetchone()
        cursor.execute(sql.SQL("DROP TABLE {}").format(incoming))
    return UpsertCounts(inserted, updated)


def delete_vanished(
    connection: Connection,
    table: Table,
    keep: Collection[object],
    *,
    where: Mapping[str, object],
    key: str = "id",
) -> int:
    """Delete the rows that match `where` (column: value) and whose `key` is not among `keep`; returns how many."""
    column = table.c[key]
    statement = table.delete().where(~(column == _any(column.type, "keep")))
    for name, value in where.items():
        statement = statement.where(table.c[name] == value)
    return connection.execute(statement, {"keep": list(keep)}).rowcount


def _any(kind: Any, name: str) -> Any:
    from sqlalchemy import any_

    return any_(bindparam(name, type_=ARRAY(kind)))


def _identifiers(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def _cursor(connection: Connection) -> Any:
    driver = connection.connection.driver_connection
    if driver is None:
        raise ValueError("the connection is closed")
    return driver.cursor()


def _copy(
    connection: Connection, target: sql.Composable, table: Table, names: Sequence[str], rows: Sequence[Row] | CopyBlock
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(target, _identifiers(names))
    with _cursor(connection) as cursor, cursor.copy(statement) as copy:
        if isinstance(rows, CopyBlock):
            copy.write(rows.data)
            return
        for start in range(0, len(rows), ROWS_AT_ONCE):
            copy.write(encode_rows(table, rows[start : start + ROWS_AT_ONCE], names).data)


def _columns(table: Table, rows: Sequence[Row] | CopyBlock, columns: Sequence[str] | None) -> list[str]:
    return list(rows.columns) if isinstance(rows, CopyBlock) else columns_of(table, rows[0], columns)


__all__ = ["Row", "UpsertCounts", "copy_rows", "delete_vanished", "replace_children", "upsert"]
