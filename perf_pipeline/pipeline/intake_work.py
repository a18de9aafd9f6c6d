"""What intake does to one inbox object, in a worker: unpack, identify, copy and verify. Nothing is removed here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from perf_pipeline.formats import containers, reading
from perf_pipeline.formats.containers import Member
from perf_pipeline.formats.model import FileFormat, FileKind, FormatError, Identity
from perf_pipeline.formats.sidecars import Sidecar, read_profile, read_sidecar
from perf_pipeline.formats.workouts_reading import read_workout
from perf_pipeline.pipeline import layout
from perf_pipeline.storage.errors import ObjectMissingError, StorageUnavailableError
from perf_pipeline.storage.objects import ObjectInfo, ObjectStore

ARCHIVED_KINDS = frozenset({FileKind.ACTIVITY, FileKind.WELLNESS, FileKind.WORKOUT, FileKind.SIDECAR, FileKind.PROFILE})
"""Kinds that something is derived from. The others are kept as well, with the status `not_an_activity`."""

WORKOUT_TEXTS = frozenset({FileFormat.ZWO, FileFormat.ERG, FileFormat.MRC, FileFormat.YAML})


@dataclass(frozen=True, slots=True)
class IntakeTask:
    """One object of the inbox."""

    handle: str
    item: ObjectInfo
    store: ObjectStore


@dataclass(frozen=True, slots=True)
class Receipt:
    """One name received: what it is and where its bytes are now."""

    name: str
    sha256: str
    size: int
    format: str
    kind: str
    status: str
    reason: str | None
    path: str
    month: str
    starts_at: datetime | None
    received_at: datetime
    sidecar: Mapping[str, str] | None = None
    data: bytes | None = field(default=None, repr=False)


def take(task: IntakeTask) -> list[Receipt]:
    """Copies each member to where it belongs and verifies the copy. Idempotent: keys come from content."""
    try:
        data = task.store.get(task.item.key)
    except ObjectMissingError:
        return []  # taken back by whoever dropped it, before we got to it: nothing has entered
    if len(data) != task.item.size:
        _refuse_half(task)
    _, name = layout.split_inbox(task.item.key) or ("", task.item.key)
    receipts = []
    for receipt in receipts_of(task.handle, name, data, task.item.modified):
        store_receipt(task.store, receipt)
        receipts.append(replace(receipt, data=None))
    return receipts or [replace(_empty_container(task, data, name), data=None)]


def _refuse_half(task: IntakeTask) -> None:
    """Another size than that listed: somebody has replaced the file meanwhile, or the storage gave half of it."""
    now = task.store.find(task.item.key)
    if now is not None and (now.size, now.etag) == (task.item.size, task.item.etag):
        raise StorageUnavailableError(
            f"{task.item.key!r} was not read whole", "Check the storage, then run again: the file is still in the inbox"
        )


def receipts_of(handle: str, name: str, data: bytes, received_at: datetime) -> Iterator[Receipt]:
    """What each member of the bytes is (the bytes themselves, where they are no container), with its own bytes."""
    for member in _members(data, name):
        receipt = classify(handle, member.name, member.data, received_at, error=member.error)
        if member.sidecar is not None:
            receipt = replace(receipt, sidecar=told_by(member.sidecar) or None)
        yield receipt


def _members(data: bytes, name: str) -> Iterator[Member]:
    """What is in a container; one that breaks a safety bound is set aside whole, after what came out before that."""
    try:
        yield from containers.unpack(data, name)
    except FormatError as error:
        yield Member(containers.label(name), data, error)


def classify(
    handle: str, name: str, data: bytes, received_at: datetime, *, error: FormatError | None = None
) -> Receipt:
    """What the bytes are, and so where they go. Never raises for what is in them."""
    sha256 = hashlib.sha256(data if error is None else data + name.encode()).hexdigest()
    month = f"{received_at:%Y-%m}"
    try:
        if error is not None:
            raise error
        identity = _identify(data, name)
    except FormatError as problem:
        extension = str(FileFormat.UNKNOWN)
        return Receipt(
            name=name, sha256=sha256, size=len(data), format=extension, kind=FileKind.OTHER, status="quarantined",
            reason=str(problem), path=layout.quarantine(handle, sha256, extension), month=month, starts_at=None,
            received_at=received_at, data=data,
        )  # fmt: skip
    starts_at = _moment(identity.start_ms)
    if starts_at is not None:
        month = f"{starts_at.year:04d}-{starts_at.month:02d}"
    archived = identity.kind in ARCHIVED_KINDS
    return Receipt(
        name=name, sha256=sha256, size=len(data), format=identity.format, kind=identity.kind,
        status="archived" if archived else "not_an_activity",
        reason=None if archived else (identity.detail or f"a {identity.kind} file"),
        path=layout.archive(handle, month, sha256, identity.format), month=month, starts_at=starts_at,
        received_at=received_at, data=data,
    )  # fmt: skip


def _identify(data: bytes, name: str) -> Identity:
    """What the bytes are. A text beside the activities is read whole: it is short, and whoever wrote it can mend it."""
    try:
        identity = reading.identify(data, name)
        if identity.kind == FileKind.PROFILE:
            read_profile(data)
        elif identity.kind == FileKind.SIDECAR:
            read_sidecar(data)
        elif identity.kind == FileKind.WORKOUT and identity.format in WORKOUT_TEXTS:
            read_workout(data)
    except FormatError:
        raise
    except Exception as error:
        # A fault of a reader costs the file that shows it, and never the athlete's inbox.
        raise FormatError(f"the reader failed: {type(error).__name__}") from error
    return identity


def _moment(time_ms: int | None) -> datetime | None:
    """The time, where it lies in a year that a clock can show."""
    try:
        return None if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def store_receipt(store: ObjectStore, receipt: Receipt) -> None:
    """Puts the bytes where they belong and reads them back; bytes that are there already stay as they are.

    In quarantine the reason goes before the bytes, so that whoever finds these finds it beside them.
    """
    data = receipt.data or b""
    if _holds(store, receipt.path, data):
        return
    if receipt.status == "quarantined":
        write_reason(
            store, receipt.path, name=receipt.name, reason=receipt.reason or "", received_at=receipt.received_at
        )
    store.put(receipt.path, data)
    if not _holds(store, receipt.path, data):
        raise StorageUnavailableError(
            f"the copy at {receipt.path} differs from what was written",
            "Check the storage; the file is still in the inbox",
        )


def _holds(store: ObjectStore, key: str, data: bytes) -> bool:
    try:
        return store.get(key) == data
    except ObjectMissingError:
        return False


def write_reason(store: ObjectStore, path: str, *, name: str, reason: str, received_at: datetime) -> None:
    """The `.json` beside a quarantined file."""
    note = {"name": name, "reason": reason, "received_at": received_at.isoformat(), "object": path}
    store.put(path.rsplit(".", 1)[0] + ".json", json.dumps(note, indent=2).encode())


def told_by(sidecar: Sidecar) -> dict[str, str]:
    """What a sidecar says of its activity: name, notes, type, as far as it does."""
    said = {"name": sidecar.name, "notes": sidecar.notes, "type": sidecar.type}
    return {key: value for key, value in said.items() if value}


def _empty_container(task: IntakeTask, data: bytes, name: str) -> Receipt:
    """A container in which there is nothing but litter of operating systems: kept, and said so."""
    sha256 = hashlib.sha256(data).hexdigest()
    month = f"{task.item.modified:%Y-%m}"
    receipt = Receipt(
        name=name, sha256=sha256, size=len(data), format=FileFormat.UNKNOWN, kind=FileKind.OTHER,
        status="not_an_activity", reason="a container without files",
        path=layout.archive(task.handle, month, sha256, FileFormat.UNKNOWN), month=month, starts_at=None,
        received_at=task.item.modified, data=data,
    )  # fmt: skip
    store_receipt(task.store, receipt)
    return receipt
