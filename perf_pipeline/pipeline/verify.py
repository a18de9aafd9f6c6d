"""Compares an athlete's tables and Parquet with those of a rebuild beside them, row by row and byte by byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, Connection, Enum, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.snapshots import LEFT_OUT
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import BOOKKEEPING_COLUMNS, METADATA
from perf_pipeline.storage.warehouse import Warehouse

OURS_ALONE = frozenset({"inbox", "archive", "quarantine", "staging", "outbox", "reports", "attempts", ".probe"})
"""Folders that hold no Parquet that a rebuild gives: what came in, what is under way, what went out."""
NAMED = 20
"""Differences that are named, of a table and of the objects."""


@dataclass(slots=True)
class Comparison:
    """What was compared, and what differs in words: table, key and columns; values are left out (they are personal)."""

    rows: dict[str, int] = field(default_factory=dict)
    objects: int = 0
    differences: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"rows": sum(self.rows.values()), "objects": self.objects, "differences": self.differences}


@contextmanager
def scratch_schema(warehouse: Warehouse) -> Iterator[str]:
    """A schema of its own in the same database, dropped at the end."""
    name = f"verify_{uuid4().hex[:12]}"
    with warehouse.begin() as connection:
        connection.execute(text(f"create schema {name}"))
    try:
        yield name
    finally:
        with warehouse.begin() as connection:
            connection.execute(text(f"drop schema {name} cascade"))


def compare(
    warehouse: Warehouse, scratch: str, store: ObjectStore, rebuilt: ObjectStore, handle: str, profile_id: UUID
) -> Comparison:
    """The athlete as stored beside the athlete as rebuilt into the schema `scratch` and the store `rebuilt`."""
    found = Comparison()
    with warehouse.begin() as connection:
        for table in METADATA.sorted_tables:
            if table.name not in LEFT_OUT:
                found.rows[table.name], differing = _compare_table(connection, table, scratch, profile_id)
                found.differences += differing
    _compare_objects(store, rebuilt, handle, found)
    return found


def _compare_table(connection: Connection, table: Table, scratch: str, profile_id: UUID) -> tuple[int, list[str]]:
    keys = [column.name for column in table.primary_key.columns]
    compared = [c.name for c in table.columns if c.name not in {*BOOKKEEPING_COLUMNS, *keys}]
    columns = ", ".join(_comparable(column) for column in table.columns)
    named = ", ".join(f"""case when a."{c}" is distinct from b."{c}" then '{c}' end""" for c in compared)
    differs = " or ".join(
        ["a.here is null", "b.here is null", *(f'a."{c}" is distinct from b."{c}"' for c in compared)]
    )
    mine = "id" if table.name == "profiles" else "profile_id"
    side = f"(select true as here, {columns} from {{schema}}{table.name} where {mine} = :profile)"  # noqa: S608
    using = ", ".join(f'"{key}"' for key in keys)
    query = f"""
        select {using}, a.here, b.here, array_remove(array[{named or "null"}]::text[], null)
        from {side.format(schema="")} a full join {side.format(schema=f"{scratch}.")} b using ({using})
        where {differs} order by {using} limit {NAMED}
    """  # noqa: S608 - names of our own tables and columns
    who: Mapping[str, Any] = {"profile": profile_id}
    differences = []
    for *key, here, there, names in connection.execute(text(query), who):
        which = f"{table.name} {', '.join(map(str, key))}"
        if here and there:
            differences.append(f"{which}: {', '.join(names)} differ")
        else:
            differences.append(f"{which}: {'a rebuild does not give it' if here else 'a rebuild gives it'}")
    count = connection.scalar(text(f"select count(*) from {table.name} where {mine} = :profile"), who)  # noqa: S608
    return int(count or 0), differences


def _comparable(column: Column[Any]) -> str:
    """The column as it is compared: each schema has its own enums, and null in JSON tells as little as in SQL."""
    if isinstance(column.type, Enum):
        return f'"{column.name}"::text'
    if isinstance(column.type, JSONB):
        return f'nullif("{column.name}", \'null\') as "{column.name}"'
    return f'"{column.name}"'


def _compare_objects(store: ObjectStore, rebuilt: ObjectStore, handle: str, found: Comparison) -> None:
    differing: list[str] = []
    for top in sorted({*store.list_folders(), *rebuilt.list_folders()} - OURS_ALONE):
        here = {item.key for item in store.list(layout.folder(top, handle))}
        there = {item.key for item in rebuilt.list(layout.folder(top, handle))}
        found.objects += len(here)
        differing += [f"{key}: a rebuild does not give it" for key in here - there]
        differing += [f"{key}: a rebuild gives it" for key in there - here]
        differing += [f"{key}: the bytes differ" for key in here & there if _hash(store, key) != _hash(rebuilt, key)]
    found.differences += sorted(differing)[:NAMED]


def _hash(store: ObjectStore, key: str) -> bytes:
    return hashlib.sha256(store.get(key)).digest()
