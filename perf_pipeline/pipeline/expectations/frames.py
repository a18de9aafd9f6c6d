"""Stored rows as data frames, with a column for each question that takes more than one column to answer.

Only what an expectation looks at is read: of a column that has merely to be there, that it is. So nobody's words leave
the database, and a career of hundreds of thousands of rows is read in a second or two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Double,
    Enum,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    any_,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects import postgresql

from perf_pipeline.pipeline.rules import METRIC_RANGES, RULES, AtMost, OneOf
from perf_pipeline.pipeline.sifting import most
from perf_pipeline.storage.tables import METADATA

WRONG_TYPES = "columns of another type than the schema's"
FRACTIONS, NUMBERS = (Double, Numeric), (Double, Numeric, Integer, BigInteger)
MISSING = "missing"
Values = Sequence[Any] | NDArray[Any]

_INCOHERENT = text(
    """
    select id::text
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
    where total < shorter * 0.9999 - 0.01
    """
)
_WRITTEN = text(
    """
    select a.id from activities a
    join month_outputs m on m.profile_id = a.profile_id and m.month = a.archive_month and m.stage = 'activities'
    where a.profile_id = any(:written) and m.computed_at >= :since
    union
    select activity_id from activity_outputs where profile_id = any(:written) and computed_at >= :since
    """
).columns(id=postgresql.UUID)
_DECLARED = text(
    """
    select a.attname::text, format_type(a.atttypid, a.atttypmod) from pg_attribute a
    where a.attrelid = to_regclass(:name) and a.attnum > 0 and not a.attisdropped
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


def keys_of(table: Table) -> list[list[str]]:
    """The columns of each of the table's keys: the primary one, and what must be unique."""
    keys = [[column.name for column in table.primary_key.columns]]
    keys += [
        [column.name for column in constraint.columns]
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    return sorted(keys)


def frame_of(
    connection: Connection, table: Table, profiles: Sequence[UUID], since: datetime | None = None
) -> pd.DataFrame:
    """What the expectations of `suites.suite_of(table)` look at, of these athletes' rows.

    With `since`, of the tables that grow with the activities only what belongs to activities written from then on.
    """
    columns = _read(connection, table, profiles, since)
    count = len(columns[key_of(table)])
    derived = _derived(connection, table, columns, profiles)
    wrong = {WRONG_TYPES: [_wrong_types(connection, table)] * count}
    # Words stay objects: what the database says, not what pandas makes of it.
    series = {
        name: values if isinstance(values, np.ndarray) else pd.Series(values, dtype=object)
        for name, values in {**columns, **derived, **wrong}.items()
    }
    return pd.DataFrame(series)


def _read(connection: Connection, table: Table, profiles: Sequence[UUID], since: datetime | None) -> dict[str, Values]:
    whole = _looked_at(table)
    chosen = {column.name: _value(column) for column in table.columns if column.name in whole}
    rest = [column for column in table.columns if column.name not in whole and not column.nullable]
    # One word a row, mostly empty, in place of a value for each column that has merely to be there.
    chosen[MISSING] = func.concat_ws(" ", *(case((column.is_(None), column.name)) for column in rest))
    owner = table.c.id if table.name == "profiles" else table.c.profile_id
    query = select(*(value.label(name) for name, value in chosen.items())).where(owner.in_(list(profiles)))
    activity = table.c.id if table.name == "activities" else table.c.get("activity_id")
    if since is not None and activity is not None:
        query = query.where(
            or_(activity.is_(None), activity.in_(_WRITTEN.bindparams(written=list(profiles), since=since)))
        )
    rows = connection.execute(query).all()
    read = dict(zip(chosen, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(chosen, ())
    words = read.pop(MISSING)
    found: dict[str, Values] = {}
    for name, values in read.items():
        found[name] = np.array(values, np.float64) if isinstance(table.c[name].type, NUMBERS) else list(values)
    somewhere = {name for word in set(words) for name in word.split()}
    for column in rest:
        is_there = [None if column.name in word.split() else True for word in words] if column.name in somewhere else ()
        found[column.name] = is_there or np.ones(len(rows), bool)
    return found


def _looked_at(table: Table) -> set[str]:
    """Columns whose values an expectation looks at, not only whether there is one."""
    names = {name for key in keys_of(table) for name in key}
    names |= {column.name for column in table.columns if column.foreign_keys or isinstance(column.type, Enum)}
    for rule in RULES.get(table.name, ()):
        names |= {rule.column, getattr(rule, "other", ""), getattr(rule, "by", "")} - {""}
    return names


def _value(column: Column[Any]) -> ColumnElement[Any]:
    """The column as it is read: ids as text, numbers as float64; what is no number as infinite, not as absent."""
    if isinstance(column.type, postgresql.UUID):
        return cast(column, Text)
    if isinstance(column.type, FRACTIONS):
        number = cast(column, Double)
        return case((number == literal(float("nan"), Double), literal(float("inf"), Double)), else_=number)
    return column


def read_months(connection: Connection, profiles: Sequence[UUID]) -> list[dict[str, Any]]:
    """By month of an athlete with activities: whether its streams are recorded, and its rows no older than these."""
    return [dict(row) for row in connection.execute(_FRESHNESS, {"profiles": list(profiles)}).mappings()]


def _derived(
    connection: Connection, table: Table, columns: Mapping[str, Values], profiles: Sequence[UUID]
) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for column in table.columns:
        for key in column.foreign_keys:
            name = reference_name(column.name, key.column.table.name)
            found[name] = _refers(connection, key.column, columns[column.name])
    for rule in RULES.get(table.name, ()):
        if isinstance(rule, AtMost):
            found[rule.name] = _leeway(rule, columns)
        elif isinstance(rule, OneOf) and rule.by:
            pairs = zip(columns[rule.by], columns[rule.column], strict=True)
            found[rule.name] = [None if word is None else f"{by}: {word}" for by, word in pairs]
    if table.name == "activity_metrics":
        metrics = np.array(columns["metric"], object)
        for metric in METRIC_RANGES:
            found[metric] = np.where(metrics == metric, columns["value"], np.nan)
    if table.name == "activity_efforts":
        incoherent = set(connection.scalars(_INCOHERENT, {"profiles": list(profiles)}))
        ids = columns["id"]
        found["coherent with shorter efforts"] = np.fromiter((key not in incoherent for key in ids), bool, len(ids))
    return found


def reference_name(column: str, parent: str) -> str:
    """Name of the derived column that tells whether a foreign key leads somewhere."""
    return f"{column} names a row of {parent}"


def _refers(connection: Connection, parent: Column[Any], values: Values) -> Values:
    wanted = sorted({value for value in values if value is not None})
    # One array, not a parameter for each: a protocol's message holds 65,535 of these.
    query = select(cast(parent, Text)).where(parent == any_(cast(wanted, postgresql.ARRAY(postgresql.UUID))))
    unknown = {*wanted}.difference(connection.scalars(query))
    if None not in values:
        return np.fromiter((value not in unknown for value in values), bool, len(values))
    return [None if value is None else value not in unknown for value in values]


def _leeway(rule: AtMost, columns: Mapping[str, Values]) -> NDArray[np.float64]:
    """How far below what it may be at most a value is; NaN where there is nothing to compare."""
    numbers = {name: np.asarray(columns[name], np.float64) for name in (rule.column, rule.other)}
    words = [{rule.by: word} for word in columns[rule.by]] if rule.by else []
    return np.asarray(most(rule, words, numbers) - numbers[rule.column], np.float64)


def _wrong_types(connection: Connection, table: Table) -> str:
    """Columns that the database declares otherwise than the schema does; what is declared holds for every row."""
    declared: dict[str, str] = dict(connection.execute(_DECLARED, {"name": table.name}).all())
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    wanted = {column.name: column.type.compile(dialect).lower() for column in table.columns}
    return ", ".join(name for name, kind in wanted.items() if declared.get(name) != kind)


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
