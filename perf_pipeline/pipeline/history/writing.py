"""How an athlete-grain stage writes: only what differs from what is there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, func, select, true

from perf_pipeline.pipeline.sifting import REJECTED, required_columns, sift
from perf_pipeline.storage.warehouse import Lease, upsert

NOTHING_DONE = {"rows": 0, "inserted": 0, "updated": 0, "withdrawn": 0, "up_to_date": 1}
"""What a stage counts that had nothing to do."""


def replace_changed(
    lease: Lease,
    table: Table,
    rows: Sequence[dict[str, Any]],
    key: tuple[str, ...],
    keep: set[str] | None = None,
    untouched: Collection[tuple[Any, ...]] = (),
    among: ColumnElement[bool] | None = None,
) -> dict[str, int]:
    """Makes the athlete's rows those given, touching only what differs; rows with defects are turned away.

    `keep`: columns that an update leaves as they are; `untouched`: keys of rows that stay though they are not given, as
    do all that are not `among` those meant.
    """
    rows, rejected = sift(table.name, rows, required_columns(table))
    with lease.transaction() as connection:
        mine = and_(table.c.profile_id == lease.profile_id, true() if among is None else among)
        columns = [table.c[name] for name in key]
        held = {tuple(row) for row in connection.execute(select(*columns).where(mine))}
        wanted = {*untouched, *(tuple(row[name] for name in key) for row in rows)}
        gone = held - wanted
        for values in gone:
            connection.execute(
                delete(table).where(mine, *(column == value for column, value in zip(columns, values, strict=True)))
            )
        counts = upsert(connection, table, rows, keep=keep or set())
        here = select(func.count()).select_from(table).where(table.c.profile_id == lease.profile_id)
        number = connection.scalar(here) or 0
    told = {f"{REJECTED}{rule}": count for rule, count in rejected.items()}
    return {
        "rows": number,
        "inserted": counts.inserted,
        "updated": counts.updated,
        "withdrawn": len(gone),
        **told,
    }
