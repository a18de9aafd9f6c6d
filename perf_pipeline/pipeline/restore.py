"""Restores an athlete whom this database does not know from the archive: the files, and what only the journal tells.

It needs nobody to ask for it: the first lease on an athlete looks into the archive, once. What can be derived is left
to the stages, which find no month up to date.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from perf_pipeline.formats.model import FormatError
from perf_pipeline.formats.sidecars import read_profile
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.intake import apply_profile, arrival_row, file_row
from perf_pipeline.pipeline.intake_work import Receipt, classify
from perf_pipeline.pipeline.journal import KINDS, Journal, Kind, is_whole, newest_rows, place_of
from perf_pipeline.storage.ids import arrival_id_of
from perf_pipeline.storage.objects import ObjectInfo, ObjectStore
from perf_pipeline.storage.tables import arrivals, journal_heads, journal_pending, source_files
from perf_pipeline.storage.warehouse import Lease

LOG = logging.getLogger(__name__)
ADOPTED = "found in the archive, and the journal does not know it"
_AT_ONCE = 2000


@dataclass(slots=True)
class Restored:
    """What came back: rows by kind, files that the journal did not know, entries that are not what was written.

    `all_there`: nothing was missing, and nothing will be, however often it is asked.
    """

    rows: dict[str, int] = field(default_factory=dict)
    adopted: int = 0
    damaged: list[str] = field(default_factory=list)
    all_there: bool = False


def restore(store: ObjectStore, lease: Lease, handle: str, stage: str | None = None) -> Restored:
    """Brings back what this database does not hold of the athlete yet. Asked again it costs one query.

    Rows that hang on what a stage derives come back when that `stage` is about to begin.
    """
    with lease.warehouse.begin() as connection:
        held = set(
            connection.scalars(select(journal_heads.c.kind).where(journal_heads.c.profile_id == lease.profile_id))
        )
    missing = [kind for kind in KINDS if kind.name not in held]
    done = Restored(all_there=not missing)
    due = [kind for kind in missing if not held or kind.stage in {None, stage}]
    if not due:
        return done
    found = list(store.list(layout.folder("archive", handle) if not held else layout.journal(handle)))
    entries = _entries(found)
    # What waits for its stage waits only if there is something to wait for.
    due = [kind for kind in due if kind.stage in {None, stage} or not entries[kind.name]]
    told = {kind.name: _read(store, entries[kind.name], done) for kind in due}
    orphans = [] if held else _orphans(store, handle, found, newest_rows(told[source_files.name], "id"))
    with lease.transaction() as connection:
        for kind in due:
            rows = newest_rows(told[kind.name], kind.key)
            done.rows[kind.name] = _insert(connection, kind, lease.profile_id, rows)
            newest = max((place.number for key in entries[kind.name] if (place := place_of(key))), default=0)
            values = {"profile_id": lease.profile_id, "kind": kind.name, "number": newest, "restored": True}
            connection.execute(
                insert(journal_heads).values(**values, entries=len(entries[kind.name])).on_conflict_do_nothing()
            )
        done.adopted = _adopt(connection, lease.profile_id, orphans)
        if not held:
            apply_profile(store, connection, lease.profile_id)
    for key in done.damaged:
        LOG.warning("the journal entry %s is not what was written; what can be read of it was restored", key)
    return done


def journalled(lease: Lease, store: ObjectStore, handle: str) -> Lease:
    """The lease, with every transaction witnessed by the athlete's journal."""
    return replace(lease, witness=Journal(store, handle))


def athletes_in_archive(store: ObjectStore) -> list[str]:
    """Handles of those who have a folder in the archive."""
    names = (name.removeprefix("athlete=") for name in store.list_folders("archive") if name.startswith("athlete="))
    return [name for name in names if layout.is_handle(name)]


def _entries(found: Iterable[ObjectInfo]) -> dict[str, list[str]]:
    """Keys of journal entries by kind."""
    entries: dict[str, list[str]] = defaultdict(list)
    for item in found:
        parts = item.key.split("/")
        if len(parts) == 5 and parts[2] == "journal" and place_of(item.key):
            entries[parts[3]].append(item.key)
    return entries


def _read(store: ObjectStore, keys: Iterable[str], done: Restored) -> dict[str, bytes]:
    told = {key: store.get(key) for key in keys}
    done.damaged += sorted(key for key, entry in told.items() if not is_whole(entry))
    return told


def _insert(connection: Connection, kind: Kind, profile_id: UUID, rows: Mapping[str, Mapping[str, Any]]) -> int:
    """Inserts the rows that are not there and whose parents are; columns that this version does not know are left."""
    shapes: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows.values():
        shapes[tuple(sorted(name for name in row if name in kind.table.c))].append(row)
    came = 0
    for columns, alike in shapes.items():
        names = ", ".join(f'"{name}"' for name in columns)
        parents = "".join(
            f' and (r."{key.parent.name}" is null or exists (select from {key.column.table.name} p'
            f' where p.id = r."{key.parent.name}"))'
            for key in kind.table.foreign_keys
        )
        statement = text(
            f"insert into {kind.name} ({names}) select {names}"  # noqa: S608 - names of our own tables and columns
            f" from jsonb_populate_recordset(null::{kind.name}, cast(:rows as jsonb)) r where true{parents}"
            f" on conflict do nothing returning {kind.key}"
        )
        for start in range(0, len(alike), _AT_ONCE):
            chunk = json.dumps(alike[start : start + _AT_ONCE])
            fresh = list(connection.scalars(statement, {"rows": chunk}))
            came += len(fresh)
            # These are in the journal already.
            noted = (journal_pending.c.profile_id == profile_id) & (journal_pending.c.kind == kind.name)
            connection.execute(delete(journal_pending).where(noted, journal_pending.c.row_id.in_(fresh)))
    return came


def _orphans(
    store: ObjectStore, handle: str, found: Iterable[ObjectInfo], known: Mapping[str, Mapping[str, Any]]
) -> list[Receipt]:
    """Files of the athlete that no row of the journal names: they count, under the name that they have here."""
    paths = {row.get("archive_path") for row in known.values()}
    receipts: list[Receipt] = []
    for item in found:
        if "/month=" not in item.key or item.key in paths:
            continue
        name = item.key.rpartition("/")[2]
        data = store.get(item.key)
        if hashlib.sha256(data).hexdigest() != name.partition(".")[0]:
            LOG.warning("%s is not what its name says; it is left where it is", item.key)
            continue
        told = "profile.yaml" if name.endswith(".yaml") and _is_profile(data) else name
        receipts.append(replace(_at(item.key, classify(handle, told, data, item.modified)), name=name))
    for item in store.list(layout.folder("quarantine", handle)):
        name = item.key.rpartition("/")[2]
        if name.endswith(".bin") and item.key not in paths:
            receipts.append(_refused(item, name))
    return receipts


def _is_profile(data: bytes) -> bool:
    """Whether a text whose name is lost speaks of an athlete (else of an activity)."""
    try:
        profile = read_profile(data)
    except FormatError:
        return False
    return any((profile.sex, profile.birth_date, profile.timezone, profile.display_name))


def _at(key: str, receipt: Receipt) -> Receipt:
    month = key.split("/month=", 1)[1].partition("/")[0]
    return replace(receipt, path=key, month=month, data=None, reason=receipt.reason or ADOPTED)


def _refused(item: ObjectInfo, name: str) -> Receipt:
    return Receipt(
        name=name, sha256=name.partition(".")[0], size=item.size, format="bin", kind="other", status="quarantined",
        reason=ADOPTED, path=item.key, month=f"{item.modified:%Y-%m}", starts_at=None, received_at=item.modified,
    )  # fmt: skip


def _adopt(connection: Connection, profile_id: UUID, receipts: Iterable[Receipt]) -> int:
    adopted = 0
    for receipt in receipts:
        row = file_row(profile_id, receipt)
        if receipt.status == "archived":
            row["reason"] = None
        connection.execute(insert(source_files).values(**row).on_conflict_do_nothing())
        arrival_id = arrival_id_of(profile_id, receipt.name, receipt.sha256)
        arrived = arrival_row(profile_id, receipt, arrival_id, receipt.status, receipt.reason)
        connection.execute(insert(arrivals).values(**arrived).on_conflict_do_nothing())
        adopted += 1
    return adopted
