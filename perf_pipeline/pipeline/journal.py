"""The journal: what cannot be derived, written to the archive beside the files, so that these alone rebuild everything.

One table says which rows these are (`KINDS`). The database notes each change of such a row, whoever makes it (by the
triggers of migration 0005); before a transaction of the athlete's lease commits, the rows noted are put to the archive
as one entry a kind, and the notes go with the commit. So a row that was committed is in the journal, and one that is in
the journal and was not committed (a kill came between) gives way to the next entry, which gets the same number.

An entry is `archive/athlete=A/journal/<kind>/<number>-<token>.jsonl`: one line a row (`{"row": {...}}`, or
`{"gone": id}`), and a last line with the hash of those before it. Of two entries of one number the one of the higher
token counts: the other is of a holder who had lost the lease. A later line of the same row counts. After `AS_ONE`
entries the next one holds all rows of the kind, and those before it are deleted: the number of objects is bounded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, text

from perf_pipeline.pipeline import layout
from perf_pipeline.storage import tables
from perf_pipeline.storage.objects import ObjectStore

AS_ONE = 50
"""So many entries of a kind are followed by one that takes their place."""
_ENTRY = re.compile(r"([0-9]{10})-([0-9]{10})\.jsonl")


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows of one table. Where they hang on rows that a stage derives, they are restored before the `stage` named."""

    table: Table
    stage: str | None = None

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def key(self) -> str:
        """The primary key: one column, a UUID."""
        (column,) = self.table.primary_key.columns
        return column.name


KINDS = (
    Kind(tables.source_files),
    Kind(tables.arrivals),
    Kind(tables.threshold_models),
    Kind(tables.capability_predictions),
    Kind(tables.delivery_services),
    Kind(tables.deliveries),
    Kind(tables.notifications),  # those that were read
    Kind(tables.workout_adaptations, stage="workout_adaptations"),
)
"""In an order in which rows come after what they hang on. The triggers of the migrations note the same tables."""

_TAKE = text(
    """
    delete from journal_pending where ctid = any(array(
        select p.ctid from journal_pending p
        join journal_heads h on h.profile_id = p.profile_id and h.kind = p.kind and h.restored
        where p.profile_id = :profile for update of p skip locked
    )) returning kind, row_id
    """
)
"""A reader who is just marking something as read holds nobody up: that note waits for the next transaction.

Notes are deleted by their place. The plan of this statement is made while the table is empty, and kept: joined by key,
ten thousand notes would be compared with one another, each with all.
"""
_NEXT = text(
    """
    update journal_heads set number = number + 1, entries = case when entries >= :most then 1 else entries + 1 end
    where profile_id = :profile and kind = :kind returning number, entries
    """
)


class Journal:
    """Writes an athlete's journal: the witness of the athlete's lease."""

    def __init__(self, store: ObjectStore, handle: str) -> None:
        self.store = store
        self.handle = handle
        self._replaced: list[tuple[str, int]] = []

    def before_commit(self, connection: Connection, profile_id: UUID, token: int) -> None:
        """Puts what the transaction has changed, and what readers have since the last one."""
        self._replaced.clear()
        changed: dict[str, list[UUID]] = defaultdict(list)
        for kind, row_id in connection.execute(_TAKE, {"profile": profile_id}):
            changed[kind].append(row_id)
        for kind in KINDS:
            if kind.name not in changed:
                continue
            who = {"profile": profile_id, "kind": kind.name}
            number, entries = connection.execute(_NEXT, {**who, "most": AS_ONE}).one()
            as_one = entries == 1 and number > 1
            lines = _all_rows(connection, kind, profile_id) if as_one else _rows(connection, kind, changed[kind.name])
            key = layout.journal(self.handle, kind.name, f"{number:010d}-{token:010d}")
            self.store.put(key, sealed(lines))
            if as_one:
                self._replaced.append((kind.name, number))

    def after_commit(self) -> None:
        """Deletes the entries that a committed one has taken the place of."""
        for kind, number in self._replaced:
            keys = (item.key for item in self.store.list(layout.journal(self.handle, kind)))
            self.store.delete_many([key for key in keys if (found := place_of(key)) and found.number < number])
        self._replaced.clear()


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an entry stands in the journal of its kind."""

    number: int
    token: int


def place_of(key: str) -> Place | None:
    """The place that an entry's key tells; None for an object that is no entry."""
    found = _ENTRY.fullmatch(key.rpartition("/")[2])
    return Place(int(found[1]), int(found[2])) if found else None


def _rows(connection: Connection, kind: Kind, ids: Iterable[UUID]) -> list[str]:
    query = f"""
        select k.id, to_jsonb(t)::text from unnest(cast(:ids as uuid[])) as k(id)
        left join {kind.name} t on t.{kind.key} = k.id order by k.id
    """  # noqa: S608 - names of our own tables
    told = connection.execute(text(query), {"ids": sorted(ids)})
    return [f'{{"gone": "{row_id}"}}' if row is None else f'{{"row": {row}}}' for row_id, row in told]


def _all_rows(connection: Connection, kind: Kind, profile_id: UUID) -> list[str]:
    only = " and is_read" if kind.table is tables.notifications else ""
    query = f"select to_jsonb(t)::text from {kind.name} t where profile_id = :profile{only} order by {kind.key}"  # noqa: S608
    return [f'{{"row": {row}}}' for row in connection.scalars(text(query), {"profile": profile_id})]


def sealed(lines: Sequence[str]) -> bytes:
    """An entry of these lines, with the last one that vouches for them."""
    body = "".join(f"{line}\n" for line in lines).encode()
    return body + f'{{"lines": {len(lines)}, "sha256": "{hashlib.sha256(body).hexdigest()}"}}\n'.encode()


def is_whole(entry: bytes) -> bool:
    """Whether the entry is what was written."""
    head, newline, seal = entry.removesuffix(b"\n").rpartition(b"\n")
    told = _parsed(seal)
    return told is not None and told.get("sha256") == hashlib.sha256(head + newline).hexdigest()


def newest_rows(entries: Mapping[str, bytes], key: str) -> dict[str, dict[str, Any]]:
    """The rows that the entries (by their object's key) tell, by the value of their column `key`.

    Of a damaged entry the lines that can be read count: better said once too often than lost.
    """
    placed = sorted((place, name) for name in entries if (place := place_of(name)) is not None)
    last = {place.number: name for place, name in placed}
    rows: dict[str, dict[str, Any]] = {}
    for number in sorted(last):
        for line in entries[last[number]].splitlines():
            told = _parsed(line) or {}
            if isinstance(row := told.get("row"), dict) and key in row:
                rows[str(row[key])] = row
            elif "gone" in told:
                rows.pop(str(told["gone"]), None)
    return rows


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None
