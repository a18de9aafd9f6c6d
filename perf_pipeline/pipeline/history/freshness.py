"""Whether an athlete-grain stage has anything to do, asked in a few milliseconds and without reading the series."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import Connection, Table, func, select, text

from perf_pipeline.storage.tables import athlete_outputs
from perf_pipeline.storage.warehouse import Lease, Warehouse, upsert

# All that reaches the athlete-grain stages: the months' outputs (by their hashes), which activities there are and which
# gave way, who the athlete is, and what was said of thresholds.
_STATE = text(
    """
    select
        (select md5(string_agg(month || stage || output_hash, ',' order by month, stage))
         from month_outputs where profile_id = :profile),
        (select md5(string_agg(id::text || coalesce(superseded_by::text, ''), ',' order by id))
         from activities where profile_id = :profile),
        (select coalesce(sex, '') || '|' || coalesce(birth_date::text, '') || '|' || coalesce(timezone, '')
         from profiles where id = :profile),
        (select count(*) || '|' || coalesce(max(computed_at)::text, '')
         from threshold_models where profile_id = :profile and :thresholds)
    """
)


def fingerprint(
    connection: Connection,
    profile_id: UUID,
    today: date,
    version: str,
    output: Table | None,
    *,
    thresholds: bool = True,
) -> str:
    """Hash of all that a stage could read, of the day, its code, and how many rows it has written (to no table: None).

    `version` is of the stage and of those upstream whose rows it reads; `thresholds`: it comes after them.
    """
    state = connection.execute(_STATE, {"profile": profile_id, "thresholds": thresholds}).one()
    written = None
    if output is not None:
        written = connection.scalar(select(func.count()).select_from(output).where(output.c.profile_id == profile_id))
    return hashlib.sha256(repr((*state, written, today, version)).encode()).hexdigest()[:32]


@dataclass
class Turn:
    """`current`: nothing to do. The stage sets `done` once it has written."""

    current: bool
    done: bool = False


@contextmanager
def turn(
    warehouse: Warehouse,
    lease: Lease,
    stage: str,
    today: date,
    version: str,
    output: Table | None,
    *,
    full_refresh: bool,
    thresholds: bool = True,
) -> Iterator[Turn]:
    """One stage's turn for the athlete; at its end what was read and written is noted, where it was `done`.

    `thresholds`: the stage is or comes after them.
    """
    held = athlete_outputs.c
    with warehouse.begin() as connection:
        noted = connection.scalar(
            select(held.fingerprint).where(held.profile_id == lease.profile_id, held.stage == stage)
        )
        now = fingerprint(connection, lease.profile_id, today, version, output, thresholds=thresholds)
    mine = Turn(current=noted == now and not full_refresh)
    yield mine
    if mine.done:
        with lease.transaction() as connection:
            after = fingerprint(connection, lease.profile_id, today, version, output, thresholds=thresholds)
            row = {
                "profile_id": lease.profile_id,
                "stage": stage,
                "fingerprint": after,
                "computed_at": datetime.now(UTC),
            }
            upsert(connection, athlete_outputs, [row])
