"""Stored rows as data frames, with a column for each question that takes more than one column to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Date,
    DateTime,
    Double,
    Enum,
    Integer,
    Numeric,
    Table,
    Text,
    select,
    text,
)  # fmt: skip
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE

from perf_pipeline.pipeline.rules import METRIC_RANGES, RULES, AtMost, OneOf
from perf_pipeline.pipeline.sifting import most
from perf_pipeline.storage.tables import METADATA

WRONG_TYPES = "columns of another type than the schema's"
PYTHON_TYPES: tuple[tuple[type, tuple[type, ...]], ...] = (
    (Enum, (str,)), (Text, (str,)), (Boolean, (bool,)), (BigInteger, (int,)), (Integer, (int,)), (Double, (float, int)),
    (Numeric, (Decimal,)), (DateTime, (datetime,)), (Date, (date,)), (UUID_TYPE, (UUID,)), (JSONB, (dict, list)),
)  # fmt: skip
"""What PostgreSQL's types come out as."""

_COHERENCE = text(
    """
    select id, total is null or shorter is null or total >= shorter * 0.9999 - 0.01 as coherent
    from (
        select id, total, lag(total) over (
                   partition by activity_id, effort_type, is_distance order by length
               ) as shorter
        from (
            select id, activity_id, effort_type, distance_meters is not null as is_distance,
                   coalesce(distance_meters, duration_seconds) as length,
                   case when distance_meters is null then value * duration_seconds else elapsed_seconds end as total
            from activity_efforts where profile_id = any(:profiles) and grade <> 'rejected'
        ) as measured
    ) as ordered
    """
)
_FRESHNESS = text(
    """
    select a.profile_id::text || ' ' || a.archive_month as month,
           bool_and(s.month is not null) as "streams are recorded",
           bool_and(coalesce(o.computed_at >= s.computed_at, false)) as "rows are as new as the streams"
    from activities a
    left join month_outputs s
        on s.profile_id = a.profile_id and s.month = a.archive_month and s.stage = 'activity_streams'
    left join month_outputs o on o.profile_id = a.profile_id and o.month = a.archive_month and o.stage = 'activities'
    where a.profile_id = any(:profiles)
    group by 1
    """
)
MONTHS = "activity_streams"
"""The frame of months: what streams there are for the activities."""


def key_of(table: Table) -> str:
    """The column that names a row in a report: an id, never what a person wrote or where they were."""
    key = [column.name for column in table.primary_key.columns]
    return next((name for name in key if name != "profile_id"), key[0])


def read_rows(connection: Connection, table: Table, profiles: Sequence[UUID]) -> list[dict[str, Any]]:
    """The athletes' rows, each as the driver gives it."""
    owner = table.c.id if table.name == "profiles" else table.c.profile_id
    query = select(table).where(owner.in_(list(profiles)))
    return [dict(row) for row in connection.execute(query).mappings()]


def read_months(connection: Connection, profiles: Sequence[UUID]) -> list[dict[str, Any]]:
    """By month of an athlete with activities: whether its streams are recorded, and its rows no older than these."""
    return [dict(row) for row in connection.execute(_FRESHNESS, {"profiles": list(profiles)}).mappings()]


def derived_columns(
    connection: Connection, table: Table, rows: list[dict[str, Any]], profiles: Sequence[UUID]
) -> dict[str, list[Any]]:
    """Columns by name, as long as `rows`, for the expectations of `suites`."""
    found: dict[str, list[Any]] = {WRONG_TYPES: _wrong_types(table, rows)}
    for column in table.columns:
        for key in column.foreign_keys:
            name = reference_name(column.name, key.column.table.name)
            found[name] = _refers(connection, key.column, [row[column.name] for row in rows])
    for rule in RULES.get(table.name, ()):
        if isinstance(rule, AtMost):
            found[rule.name] = _leeway(rule, rows)
        elif isinstance(rule, OneOf) and rule.by:
            found[rule.name] = [None if r[rule.column] is None else f"{r[rule.by]}: {r[rule.column]}" for r in rows]
    if table.name == "activity_metrics":
        for metric in METRIC_RANGES:
            found[metric] = [row["value"] if row["metric"] == metric else None for row in rows]
    if table.name == "activity_efforts":
        coherent: dict[UUID, bool] = dict(connection.execute(_COHERENCE, {"profiles": list(profiles)}).all())
        found["coherent with shorter efforts"] = [coherent.get(row["id"]) for row in rows]
    return found


def reference_name(column: str, parent: str) -> str:
    """Name of the derived column that tells whether a foreign key leads somewhere."""
    return f"{column} names a row of {parent}"


def _refers(connection: Connection, parent: Any, values: Sequence[Any]) -> list[bool | None]:
    wanted = {value for value in values if value is not None}
    known = set(connection.scalars(select(parent).where(parent.in_(wanted)))) if wanted else set()
    return [None if value is None else value in known for value in values]


def _leeway(rule: AtMost, rows: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """How far below what it may be at most a value is; None where there is nothing to compare."""
    columns: dict[str, Any] = {}
    if not rows:
        return []
    values = np.array([np.nan if r[rule.column] is None else float(r[rule.column]) for r in rows])
    spare = most(rule, rows, columns) - values
    return [None if np.isnan(one) else float(one) for one in spare]


def _wrong_types(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    wanted = {c.name: next(py for kind, py in PYTHON_TYPES if isinstance(c.type, kind)) for c in table.columns}
    return [
        ", ".join(n for n, kinds in wanted.items() if row[n] is not None and not isinstance(row[n], kinds))
        for row in rows
    ]


def known_tables() -> list[Table]:
    """The tables about an athlete, in the order of their references."""
    machinery = {
        "athlete_leases", "athlete_logins", "journal_heads", "journal_pending", "activity_outputs", "athlete_outputs",
    }  # fmt: skip
    return [
        table
        for table in METADATA.sorted_tables
        if table.name not in machinery and (table.name == "profiles" or "profile_id" in table.c)
    ]
