"""Small tables of a FIT file (sessions, laps, events, ...): one dict of raw values per message."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.fit_profile import BASE_TYPES, BYTE_TYPE, NO_TIME, STRING_TYPE, TIMESTAMP
from perf_pipeline.formats.fit_scan import Group, Part, hop

Value = int | float | str | bytes | tuple[int | float | None, ...]
Row = dict[int, Value]


def gather(data: bytes, group: Group, rows: np.dtype[np.void]) -> NDArray[np.void]:
    """All messages of a group, header bytes included, as an array of that structured type."""
    # One overlapping view of a message at every byte; taking rows from it copies each message once.
    count = len(data) - group.size + 1
    everywhere: NDArray[np.void] = np.ndarray((count,), f"V{group.size}", data, strides=(1,))
    return everywhere[np.frombuffer(group.offsets, np.uint32)].view(rows)


class FieldDefinition(NamedTuple):
    """One field of a definition: where it lies behind the header byte, and as what."""

    number: int
    offset: int
    size: int
    base: int
    developer: int = -1  # index of the developer, -1 for a native field


def definition_fields(definition: bytes) -> tuple[FieldDefinition, ...]:
    """The fields in the order of the file, developer fields last (their base type is not known here: -1)."""
    count = definition[4]
    fields = []
    offset = 0
    for at in range(5, 5 + 3 * count, 3):
        number, size, base = definition[at : at + 3]
        fields.append(FieldDefinition(number, offset, size, base & 0x1F))
        offset += size
    for at in range(6 + 3 * count, len(definition), 3):
        number, size, developer = definition[at : at + 3]
        fields.append(FieldDefinition(number, offset, size, -1, developer))
        offset += size
    return tuple(fields)


class _Cell(NamedTuple):
    number: int
    base: int
    items: int  # 1: a scalar; more: an array, unpacked from bytes
    invalid: int | None


class _RowPlan(NamedTuple):
    unpack: struct.Struct
    cells: tuple[_Cell, ...]
    endian: str


@lru_cache(maxsize=256)
def _row_plan(definition: bytes, numbers: frozenset[int] | None) -> _RowPlan:
    endian = ">" if definition[1] else "<"
    letters, cells, seen = [endian], [], set()
    for f in definition_fields(definition):
        kind = BASE_TYPES.get(f.base)
        opaque = kind is None or f.size == 0 or f.size % kind.size != 0
        if kind is None or opaque or f.number in seen or (numbers is not None and f.number not in numbers):
            letters.append(f"{f.size}x")
            continue
        seen.add(f.number)
        count = f.size // kind.size
        scalar = count == 1 and kind.letter not in "sc"
        letters.append(kind.letter if scalar else f"{f.size}s")
        cells.append(_Cell(f.number, f.base, 1 if scalar else max(count, 2), kind.invalid))
    return _RowPlan(struct.Struct("".join(letters)), tuple(cells), endian)


def rows_of(data: bytes, group: Group, numbers: frozenset[int] | None = None, clock: Clock | None = None) -> list[Row]:
    """Decode every message of a group; a field that is invalid is absent, scales are not applied.

    `clock` gives the time of messages that carry it in their header.
    """
    plan = _row_plan(group.definition, numbers)
    rows: list[Row] = []
    unpack_from, cells, endian = plan.unpack.unpack_from, plan.cells, plan.endian
    for offset in group.offsets:
        row: Row = {}
        for cell, value in zip(cells, unpack_from(data, offset + 1), strict=True):
            if cell.items != 1:
                decoded = _array(cell, value, endian)
                if decoded is not None:
                    row[cell.number] = decoded
            elif value != cell.invalid and value == value:  # noqa: PLR0124 - NaN is the invalid float
                row[cell.number] = value
        if clock is not None and data[offset] & 0x80 and TIMESTAMP not in row:
            row[TIMESTAMP] = clock.at(offset)
        rows.append(row)
    return rows


def _array(cell: _Cell, raw: bytes, endian: str) -> Value | None:
    if cell.base == STRING_TYPE:
        text = raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
        return text or None
    if cell.base == BYTE_TYPE:
        return None if raw.count(0xFF) == len(raw) else raw
    kind = BASE_TYPES[cell.base]
    values = struct.unpack(f"{endian}{len(raw) // kind.size}{kind.letter}", raw)
    items = tuple(None if v == cell.invalid or v != v else v for v in values)  # noqa: PLR0124
    return items if any(v is not None for v in items) else None


def table(
    data: bytes, part: Part, message: int, numbers: frozenset[int] | None = None, clock: Clock | None = None
) -> list[Row]:
    """All messages of one kind in the order of the file."""
    groups = part.of(message)
    if len(groups) == 1:
        return rows_of(data, groups[0], numbers, clock)
    pairs = [pair for g in groups for pair in zip(g.offsets, rows_of(data, g, numbers, clock), strict=True)]
    pairs.sort(key=_first)
    return [row for _, row in pairs]


def offsets_of(part: Part, message: int) -> list[int]:
    """Where the messages of one kind lie, in the order of `table`."""
    return sorted(offset for group in part.of(message) for offset in group.offsets)


def _first(pair: tuple[int, Row]) -> int:
    return pair[0]


def column(data: bytes, group: Group, field: FieldDefinition, kind: str) -> NDArray[Any]:
    """One field of all messages of a group as that NumPy type ("u4"), one row per message; arrays have columns."""
    dtype: np.dtype[Any] = np.dtype((">" if group.definition[1] else "<") + kind)
    shape = (field.size // dtype.itemsize,)
    place = {"names": ["f"], "formats": [(dtype, shape)], "offsets": [1 + field.offset], "itemsize": group.size}
    rows: np.dtype[np.void] = np.dtype(place)  # type: ignore[call-overload]
    return gather(data, group, rows)["f"]


class Clock:
    """The file's running time: the last timestamp of any message, moved on by time offsets in headers.

    Built only when a message asks for it, from a second scan that keeps the offsets of every message.
    """

    def __init__(self, data: bytes, part: Part) -> None:
        self._source = (data, part)
        self._known: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def _build(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        data, part = self._source
        offsets, times, heads = _marks(data, hop(data, part.start, part.end, None))
        explicit = times >= 0
        low5 = np.where(explicit, times, heads) & 31
        step = np.zeros(len(times), np.int64)
        step[1:] = np.where(explicit[1:], 0, (low5[1:] - low5[:-1]) & 31)
        base = np.maximum.accumulate(np.where(explicit, np.arange(len(times)), -1)) if len(times) else explicit
        walked = np.cumsum(step)
        known = base >= 0
        return offsets[known], times[base[known]] + walked[known] - walked[base[known]]

    def at(self, offset: int) -> int:
        """FIT seconds at the message there."""
        return int(self.at_all(np.array([offset], np.int64))[0])

    def at_all(self, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """FIT seconds at every message, that of the first timestamp before it; 0 where there is none at all."""
        if self._known is None:
            self._known = self._build()
        marks, times = self._known
        if not len(times):
            return np.zeros(len(offsets), np.int64)
        return times[np.maximum(np.searchsorted(marks, offsets, "right") - 1, 0)]


def _marks(data: bytes, part: Part) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Offsets, explicit times (-1 where the header has the time) and header bytes of all that tells the time."""
    buffer = np.frombuffer(data, np.uint8)
    all_offsets, all_times, all_heads = [], [], []
    for group in part.groups.values():
        if not group.offsets:
            continue
        offsets = np.frombuffer(group.offsets, np.uint32).astype(np.int64)
        heads = buffer[offsets].astype(np.int64)
        times = np.full(len(offsets), -1, np.int64)
        stamp = next((f for f in definition_fields(group.definition) if f.number == TIMESTAMP), None)
        if stamp is not None and stamp.size == 4 and stamp.developer < 0:
            times = column(data, group, stamp, "u4")[:, 0].astype(np.int64)
            times[times == NO_TIME] = -1
        told = (times >= 0) | (heads >= 0x80)
        all_offsets.append(offsets[told])
        all_times.append(times[told])
        all_heads.append(heads[told])
    if not all_offsets:
        empty = np.empty(0, np.int64)
        return empty, empty, empty
    joined = np.concatenate(all_offsets)
    order_of = np.argsort(joined, kind="stable")
    return joined[order_of], np.concatenate(all_times)[order_of], np.concatenate(all_heads)[order_of]
