"""Writes `planned_workouts`: every workout file once read, those that cannot be adapted with their refusal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, or_, select

from perf_pipeline.formats.model import FileKind
from perf_pipeline.formats.workouts_reading import FOLDER, is_in_folder
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.writing import replace_changed
from perf_pipeline.pipeline.stages import planned_workouts as stage
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import arrivals, planned_workouts, source_files
from perf_pipeline.storage.warehouse import Lease, Warehouse


@dataclass(frozen=True, slots=True)
class _Arrived:
    name: str
    sha256: str
    archive_path: str
    received_at: datetime

    def digest(self, version: str) -> str:
        told = "\x1f".join((version, self.sha256, self.name, self.received_at.astimezone(UTC).date().isoformat()))
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:32]


def update_planned_workouts(
    store: ObjectStore, warehouse: Warehouse, lease: Lease, *, full_refresh: bool = False
) -> dict[str, int]:
    """Reads the workout files that are new, or that the code reads otherwise now.

    Of two files of one name the newer replaces the older one, which is kept and says so.
    """
    version = code_version("perf_pipeline.pipeline.stages.planned_workouts")
    with warehouse.begin() as connection:
        arrived = _arrived(connection, lease.profile_id)
        held = {
            row["input_hash"]: dict(row)
            for row in connection.execute(
                select(planned_workouts).where(planned_workouts.c.profile_id == lease.profile_id)
            ).mappings()
        }
    newest = {one.name: one for one in arrived}
    rows: dict[UUID, dict[str, Any]] = {}
    counts = {"files": len(arrived), "read": 0}
    for one in arrived:
        replaced = newest[one.name]
        digest = one.digest(version) if replaced is one else one.digest(version + replaced.sha256)
        row = None if full_refresh else held.get(digest)
        if row is None:
            counts["read"] += 1
            day = one.received_at.astimezone(UTC).date()
            row = stage.row(lease.profile_id, one.sha256, one.name, day, store.get(one.archive_path))
            if replaced is not one:
                row["refusal"] = _replaced(replaced.received_at.astimezone(UTC).date())
            row["input_hash"] = digest
        if row["id"] not in rows or rows[row["id"]]["refusal"] is not None:
            rows[row["id"]] = row
    counts["refused"] = sum(1 for row in rows.values() if row["refusal"] is not None)
    return {**counts, **replace_changed(lease, planned_workouts, list(rows.values()), ("id",))}


def _replaced(day: date) -> str:
    return f"replaced by a file of the same name that came on {day}"


def _arrived(connection: Connection, profile_id: UUID) -> Sequence[_Arrived]:
    """Names under which workout files arrived, oldest first: what is one by its bytes, and what lies in the folder for
    them and could not be read at all.
    """
    query = (
        select(
            arrivals.c.name, source_files.c.sha256, source_files.c.archive_path, arrivals.c.received_at,
            source_files.c.kind,
        )
        .join(source_files, source_files.c.id == arrivals.c.source_file_id)
        .where(arrivals.c.profile_id == profile_id)
        .where(
            or_(
                source_files.c.kind == str(FileKind.WORKOUT),
                (source_files.c.status == "quarantined") & arrivals.c.name.istartswith(FOLDER, autoescape=True),
            )
        )
        .order_by(arrivals.c.received_at, arrivals.c.name)
    )  # fmt: skip
    return [
        _Arrived(row.name, row.sha256, row.archive_path, row.received_at)
        for row in connection.execute(query)
        if row.kind == str(FileKind.WORKOUT) or is_in_folder(row.name)
    ]
