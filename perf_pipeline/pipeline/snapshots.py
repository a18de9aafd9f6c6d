"""What all tables hold, row by row, without the bookkeeping columns: two builds of the same files are equal in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, select

from perf_pipeline.storage.tables import BOOKKEEPING_COLUMNS, METADATA

LEFT_OUT = frozenset(
    {
        "athlete_leases",
        "athlete_logins",
        "athlete_outputs",
        "journal_heads",
        "journal_pending",
        "archive_checks",
    }
)
"""Machinery: it counts the runs, or tells of this installation, and not what the files give."""


def snapshot(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Rows by table, ordered by primary key."""
    return {table.name: _rows(connection, table) for table in METADATA.sorted_tables if table.name not in LEFT_OUT}


def _rows(connection: Connection, table: Table) -> list[dict[str, Any]]:
    columns = [column for column in table.columns if column.name not in BOOKKEEPING_COLUMNS]
    query = select(*columns).order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


def differences(
    before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]], most: int = 20
) -> list[str]:
    """What differs, in words: table, key and column; `most` at the most, values left out (they may be personal)."""
    found: list[str] = []
    for name, table in ((t.name, t) for t in METADATA.sorted_tables if t.name in before or t.name in after):
        keys = [column.name for column in table.primary_key.columns]
        old = {tuple(row[k] for k in keys): row for row in before.get(name, [])}
        new = {tuple(row[k] for k in keys): row for row in after.get(name, [])}
        found += [f"{name} {key}: gone" for key in old.keys() - new.keys()]
        found += [f"{name} {key}: new" for key in new.keys() - old.keys()]
        for key in old.keys() & new.keys():
            columns = [column for column in old[key] if old[key][column] != new[key][column]]
            if columns:
                found.append(f"{name} {key}: {', '.join(columns)} differ")
    return sorted(found)[:most]
