"""Many rows into a table: COPY, replace, upsert. All of it works inside the caller's transaction."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg import sql
from sqlalchemy import Connection, Table, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from perf_pipeline.storage.tables import BOOKKEEPING_COLUMNS

Row = Mapping[str, object] | tuple[object, ...]


class UpsertCounts(NamedTuple):
    """Rows that were new, and rows that differed from what was there."""

    inserted: int
    updated: int


def copy_rows(
    connection: Connection, table: Table, rows: Sequence[Row], *, columns: Sequence[str] | None = None
) -> int:
    """Append rows by COPY; returns how many.

    Rows are mappings that all have the first one's keys, or tuples in the order of `columns` (of the table's
    columns, where not given). Columns that are not named get their default. Floats keep every digit.
    """
    if not rows:
        return 0
    names = _names(table, rows[0], columns)
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
    rows: Sequence[Row],
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
    names = _names(table, rows[0], columns)
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


def _names(table: Table, row: Row, columns: Sequence[str] | None) -> list[str]:
    names = (
        list(columns) if columns is not None else list(row) if isinstance(row, Mapping) else [c.name for c in table.c]
    )
    unknown = [name for name in names if name not in table.c]
    if unknown:
        raise ValueError(f"the table {table.name} has no column {unknown[0]!r}")
    return names


def _identifiers(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def _cursor(connection: Connection) -> Any:
    driver = connection.connection.driver_connection
    if driver is None:
        raise ValueError("the connection is closed")
    return driver.cursor()


def _copy(connection: Connection, target: sql.Composable, table: Table, names: list[str], rows: Sequence[Row]) -> None:
    converters = [
        (index, convert) for index, name in enumerate(names) if (convert := _converter(table.c[name].type)) is not None
    ]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(target, _identifiers(names))
    with _cursor(connection) as cursor, cursor.copy(statement) as copy:
        write = copy.write_row
        for row in rows:
            values = [row[name] for name in names] if isinstance(row, Mapping) else list(row)
            if len(values) != len(names):
                raise ValueError(f"a row of {table.name} has {len(values)} values for {len(names)} columns")
            for index, convert in converters:
                value = values[index]
                if value is not None:
                    values[index] = convert(value)
            write(values)


def _converter(kind: object) -> Callable[[Any], object] | None:
    if isinstance(kind, JSONB):
        return _json
    if isinstance(kind, Text):
        return _plain
    return None


def _plain(value: str) -> str:
    # PostgreSQL's text cannot hold a NUL, and neither NUL nor half a surrogate pair is anything to read.
    return str(value).replace("\x00", "").encode(errors="replace").decode()


def _json(value: object) -> str:
    told = json.dumps(value, default=_json_default, allow_nan=False, ensure_ascii=True)
    if "\\u0000" in told or "\\ud" in told:
        told = json.dumps(_all_plain(json.loads(told)), allow_nan=False)
    return told


def _all_plain(value: object) -> object:
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, list):
        return [_all_plain(item) for item in value]
    if isinstance(value, dict):
        return {_plain(name): _all_plain(item) for name, item in value.items()}
    return value


def _json_default(value: object) -> object:
    if isinstance(value, uuid.UUID | date | datetime):
        return value.isoformat() if isinstance(value, date) else str(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")


__all__ = ["Row", "UpsertCounts", "copy_rows", "delete_vanished", "replace_children", "upsert"]
