"""Files that intake has set aside are read again when the readers change; their bytes stay until that succeeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from perf_pipeline.formats.model import FileKind
from perf_pipeline.pipeline.compute import Executor
from perf_pipeline.pipeline.intake import apply_profile, arrival_row, file_row, reader_version
from perf_pipeline.pipeline.intake_work import Receipt, receipts_of, store_receipt
from perf_pipeline.storage.errors import ObjectMissingError
from perf_pipeline.storage.ids import arrival_id_of
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import arrivals, source_files
from perf_pipeline.storage.warehouse import Lease, Warehouse


@dataclass(frozen=True, slots=True)
class SetAside:
    """A file in quarantine, with the names under which it came and when each did."""

    handle: str
    store: ObjectStore
    id: UUID
    sha256: str
    path: str
    names: tuple[tuple[str, datetime], ...]


def try_again(
    store: ObjectStore,
    warehouse: Warehouse,
    lease: Lease,
    handle: str,
    executor: Executor,
    *,
    file_timeout_seconds: float,
) -> dict[str, int]:
    """Reads again what other readers than today's have refused; counts of files tried, and of those readable now."""
    with warehouse.begin() as connection:
        tasks = _set_aside(connection, store, lease.profile_id, handle)
        held = select(source_files.c.sha256).where(source_files.c.profile_id == lease.profile_id)
        known = set(connection.scalars(held)) if tasks else set()
    counts = {"tried_again": len(tasks), "readable_now": 0}
    for outcome in executor.run(read_again, tasks, timeout_seconds=file_timeout_seconds):
        if outcome.error is not None:
            raise outcome.error
        file, receipts = outcome.task, outcome.result or []
        if _is_refused(file, receipts):
            reason = outcome.lost or (receipts[0].reason if receipts else None)
            with lease.transaction() as connection:
                _still_refused(connection, file, reason)
            continue
        with lease.transaction() as connection:
            _replace_rows(store, connection, lease.profile_id, file, receipts, known)
        counts["readable_now"] += 1
        if file.path not in {receipt.path for receipt in receipts}:
            store.delete_many([file.path, file.path.rpartition(".")[0] + ".json"])
    return counts


def read_again(task: SetAside) -> list[Receipt]:
    """What the file is for today's readers, under each of its names; what can be read is copied to where it belongs."""
    try:
        data = task.store.get(task.path)
    except ObjectMissingError:
        return []  # the nightly check tells of it
    receipts = [r for name, at in task.names for r in receipts_of(task.handle, name, data, at)]
    if not _is_refused(task, receipts):
        for receipt in receipts:
            store_receipt(task.store, receipt)
    return [replace(receipt, data=None) for receipt in receipts]


def _is_refused(file: SetAside, receipts: Sequence[Receipt]) -> bool:
    """Whether it is set aside again, as it is (a container perhaps after some of its members) or in all its parts."""
    refused = [receipt for receipt in receipts if receipt.status == "quarantined"]
    return len(refused) == len(receipts) or any(receipt.sha256 == file.sha256 for receipt in refused)


def _set_aside(connection: Connection, store: ObjectStore, profile_id: UUID, handle: str) -> list[SetAside]:
    query = (
        select(source_files.c.id, source_files.c.sha256, source_files.c.archive_path)
        .where(source_files.c.profile_id == profile_id, source_files.c.status == "quarantined")
        # Of a broken member of a container there are no bytes to read again.
        .where(source_files.c.archive_path.startswith("quarantine/"), source_files.c.bytes > 0)
        .where(source_files.c.reader_version.is_distinct_from(reader_version()))
        .order_by(source_files.c.id)
    )
    files = connection.execute(query).all()
    came: dict[UUID, list[tuple[str, datetime]]] = {row.id: [] for row in files}
    names = select(arrivals.c.source_file_id, arrivals.c.name, arrivals.c.received_at)
    names = names.where(arrivals.c.source_file_id.in_(list(came))).order_by(arrivals.c.received_at, arrivals.c.id)
    for source_id, name, at in connection.execute(names):
        came[source_id].append((name, at))
    return [SetAside(handle, store, row.id, row.sha256, row.archive_path, tuple(came[row.id])) for row in files]


def _still_refused(connection: Connection, file: SetAside, reason: str | None) -> None:
    values: dict[str, Any] = {"reader_version": reader_version(), **({"reason": reason} if reason else {})}
    connection.execute(update(source_files).where(source_files.c.id == file.id).values(**values))
    if reason:
        first = (arrivals.c.source_file_id == file.id) & (arrivals.c.status == "quarantined")
        connection.execute(update(arrivals).where(first).values(reason=reason))


def _replace_rows(
    store: ObjectStore,
    connection: Connection,
    profile_id: UUID,
    file: SetAside,
    receipts: Sequence[Receipt],
    known: set[str],
) -> None:
    """The rows that intake would write today in the place of those that it wrote then."""
    connection.execute(delete(source_files).where(source_files.c.id == file.id))
    known.discard(file.sha256)
    for receipt in receipts:
        status, reason = receipt.status, receipt.reason
        if receipt.sha256 in known:
            status, reason = "duplicate", "the same bytes arrived before"
        else:
            known.add(receipt.sha256)
            connection.execute(insert(source_files).values(**file_row(profile_id, receipt)))
        row = arrival_row(profile_id, receipt, arrival_id_of(profile_id, receipt.name, receipt.sha256), status, reason)
        connection.execute(insert(arrivals).values(**row).on_conflict_do_nothing())
    if any(receipt.kind == FileKind.PROFILE for receipt in receipts):
        apply_profile(store, connection, profile_id)
