"""Intake: from the inbox to the archive. Copy, verify, record, then remove, so that a kill at any point loses nothing.

The inbox is a queue: what is in it has not been taken in. A file whose arrival is recorded already (a kill came between
recording and removing) is removed and not counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from perf_pipeline.formats.model import FileKind, FormatError
from perf_pipeline.formats.sidecars import read_profile
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.compute import Executor, Outcome
from perf_pipeline.pipeline.inbox import is_settled
from perf_pipeline.pipeline.intake_work import IntakeTask, Receipt, classify, store_receipt, take
from perf_pipeline.storage.errors import ObjectMissingError
from perf_pipeline.storage.ids import arrival_id_of, source_file_id_of
from perf_pipeline.storage.objects import ObjectInfo, ObjectStore
from perf_pipeline.storage.tables import arrivals, profiles, source_files
from perf_pipeline.storage.warehouse import Lease

BATCH = 200
"""Objects per transaction: a kill repeats at most that much."""
REMOVERS = 8
"""So many at once take objects out of the inbox; as few as these are taken out one by one."""
BYTES_PER_FILE = 1_000_000
"""A container takes as long as the files in it: so many bytes of it count as one more file."""
RETOLD = frozenset({str(FileKind.SIDECAR), str(FileKind.PROFILE)})
"""Kinds of which the newest counts: an older text that comes again is news."""


@dataclass(slots=True)
class IntakeReport:
    """What entered, by status of arrival. `already` were recorded before; `waiting` are still being written."""

    received: Counter[str] = field(default_factory=Counter)
    already: int = 0
    waiting: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)
    months: set[str] = field(default_factory=set)


def take_in(
    store: ObjectStore,
    lease: Lease,
    handle: str,
    executor: Executor,
    *,
    settle_seconds: float,
    file_timeout_seconds: float,
    now: datetime | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> IntakeReport:
    """Takes in all that has settled in the athlete's inbox.

    Raises `StorageError` where the storage or the database fails; nothing is removed that is not recorded.
    """
    report = IntakeReport()
    clock = now or datetime.now(UTC)
    # What no key can name stays where it is; the sensor says so.
    listing = [item for item in store.list(layout.inbox(handle)) if layout.split_inbox(item.key)]
    ready = [item for item in listing if is_settled(item.modified, clock, settle_seconds)]
    report.waiting = len(listing) - len(ready)
    # A sidecar or profile describes what came before it.
    ready.sort(key=lambda item: (item.key.endswith((".yaml", ".yml")), item.key))
    done = 0
    for batch in _batches(ready):
        tasks = [IntakeTask(handle, item, store) for item in batch]
        receipts: dict[str, list[Receipt]] = {}
        timeout = file_timeout_seconds * (1 + max(item.size for item in batch) // BYTES_PER_FILE)
        for outcome in executor.run(take, tasks, timeout_seconds=timeout):
            receipts[outcome.task.item.key] = _receipts(outcome, store)
            done += 1
            progress(done, len(ready))
        ordered = [receipt for item in batch for receipt in receipts[item.key]]
        _record(store, lease, ordered, report)
        _remove(store, batch)
    return report


def _batches(items: Sequence[ObjectInfo]) -> Iterable[tuple[ObjectInfo, ...]]:
    for start in range(0, len(items), BATCH):
        yield tuple(items[start : start + BATCH])


def _receipts(outcome: Outcome[IntakeTask, list[Receipt]], store: ObjectStore) -> list[Receipt]:
    if outcome.result is not None:
        return outcome.result
    if outcome.lost is None:
        assert outcome.error is not None  # noqa: S101 - an outcome is a result, a loss or an error
        raise outcome.error
    # The file that kills or hangs its reader is set aside whole, unread.
    task = outcome.task
    try:
        data = store.get(task.item.key)
    except ObjectMissingError:
        return []
    _, name = layout.split_inbox(task.item.key) or ("", task.item.key)
    receipt = classify(task.handle, name, data, task.item.modified, error=FormatError(outcome.lost))
    store_receipt(store, receipt)
    return [replace(receipt, data=None)]


def _record(store: ObjectStore, lease: Lease, receipts: Sequence[Receipt], report: IntakeReport) -> None:
    """Records the receipts, and so journals them; a second copy of known content is a duplicate."""
    profile_id = lease.profile_id
    with lease.transaction() as connection:
        ids = [arrival_id_of(profile_id, r.name, r.sha256) for r in receipts]
        recorded = dict(
            connection.execute(select(arrivals.c.id, arrivals.c.received_at).where(arrivals.c.id.in_(ids))).all()
        )
        known = _known_paths(connection, profile_id, {receipt.sha256 for receipt in receipts})
    file_rows: list[dict[str, Any]] = []
    arrival_rows: list[dict[str, Any]] = []
    for receipt, arrival_id in zip(receipts, ids, strict=True):
        path = known.get(receipt.sha256)
        if arrival_id in recorded:
            report.already += 1
            if str(receipt.kind) in RETOLD and receipt.received_at > recorded[arrival_id]:
                arrival_rows.append(arrival_row(profile_id, receipt, arrival_id, receipt.status, receipt.reason))
            continue
        recorded[arrival_id] = receipt.received_at
        status, reason = receipt.status, receipt.reason
        if path is None:
            known[receipt.sha256] = receipt.path
            file_rows.append(file_row(profile_id, receipt))
            report.months.add(receipt.month)
        else:
            if path != receipt.path:
                store.delete(receipt.path)  # a second copy that no row names: its month came from the day it arrived
            status, reason = "duplicate", "the same bytes arrived before"
        arrival_rows.append(arrival_row(profile_id, receipt, arrival_id, status, reason))
        report.received[status] += 1
        if status == "quarantined":
            report.problems.append((receipt.name, reason or ""))
    if not arrival_rows:
        return
    with lease.transaction() as connection:
        if file_rows:
            connection.execute(insert(source_files).on_conflict_do_nothing(), file_rows)
        arrived = insert(arrivals)
        latest = func.greatest(arrivals.c.received_at, arrived.excluded.received_at)
        connection.execute(
            arrived.on_conflict_do_update(index_elements=[arrivals.c.id], set_={"received_at": latest}), arrival_rows
        )
        if any(receipt.kind == FileKind.PROFILE for receipt in receipts):
            apply_profile(store, connection, profile_id)


def _known_paths(connection: Connection, profile_id: UUID, hashes: Collection[str]) -> dict[str, str]:
    """Where the contents are that the athlete has already, by hash."""
    query = select(source_files.c.sha256, source_files.c.archive_path).where(
        source_files.c.profile_id == profile_id, source_files.c.sha256.in_(hashes)
    )
    return dict(connection.execute(query).all())


@cache
def reader_version() -> str:
    """The version of all that decides what a file is, of the code as it was when this process first asked."""
    return code_version("perf_pipeline.pipeline.intake_work")


def file_row(profile_id: UUID, receipt: Receipt) -> dict[str, Any]:
    """The row of `source_files` for a receipt."""
    return {
        "id": source_file_id_of(profile_id, receipt.sha256), "profile_id": profile_id, "sha256": receipt.sha256,
        "bytes": receipt.size, "format": str(receipt.format), "kind": str(receipt.kind), "status": receipt.status,
        "reason": receipt.reason, "archive_path": receipt.path, "month": receipt.month,
        "starts_at": receipt.starts_at, "received_at": receipt.received_at,
        "reader_version": reader_version() if receipt.status == "quarantined" else None,
    }  # fmt: skip


def arrival_row(
    profile_id: UUID, receipt: Receipt, arrival_id: UUID, status: str, reason: str | None
) -> dict[str, Any]:
    return {
        "id": arrival_id, "profile_id": profile_id, "name": receipt.name,
        "source_file_id": source_file_id_of(profile_id, receipt.sha256), "status": status, "reason": reason,
        "sidecar": dict(receipt.sidecar) if receipt.sidecar else None, "received_at": receipt.received_at,
    }  # fmt: skip


def apply_profile(store: ObjectStore, connection: Connection, profile_id: UUID) -> None:
    """The newest profile.yaml that can be read wins, all of it: a rebuild from the archive gives the same."""
    query = (
        select(source_files.c.archive_path)
        .join(arrivals, arrivals.c.source_file_id == source_files.c.id)
        .where(arrivals.c.profile_id == profile_id, source_files.c.kind == str(FileKind.PROFILE))
        .where(source_files.c.status == "archived")
        .order_by(arrivals.c.received_at.desc(), arrivals.c.id)
    )
    for path in connection.scalars(query).all():
        try:
            profile = read_profile(store.get(path))
        except FormatError:
            continue  # was readable when it came in; a stricter reader falls back on the one before
        values = {name: value for name, value in asdict(profile).items() if name in profiles.c}
        connection.execute(profiles.update().where(profiles.c.id == profile_id).values(**values))
        return


def _remove(store: ObjectStore, batch: Sequence[ObjectInfo]) -> None:
    """Removes what is recorded, unless it has been replaced by something newer since it was listed.

    Each is looked at right before it goes; in an object store that is a wait for an answer, so many are at it at once.
    """

    def remove(item: ObjectInfo) -> None:
        now = store.find(item.key)
        if now is not None and _state(now) == _state(item):
            store.delete(item.key)

    if len(batch) <= REMOVERS:
        for item in batch:
            remove(item)
        return
    with ThreadPoolExecutor(REMOVERS) as pool:
        list(pool.map(remove, batch))


def _state(item: ObjectInfo) -> tuple[int, object]:
    # S3 tells the time of an object in milliseconds when it lists and in seconds when asked: its etag is what holds.
    return item.size, item.etag or item.modified
