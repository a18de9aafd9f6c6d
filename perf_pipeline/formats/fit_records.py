"""The `record` messages of a FIT file as columns.

Every record of one definition is gathered at once; scale, offset and the invalid value are applied to whole columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats import fit_profile as profile
from perf_pipeline.formats.fit_developers import DeveloperField, Developers
from perf_pipeline.formats.fit_profile import BASE_TYPES, RECORD_FIELDS
from perf_pipeline.formats.fit_scan import Group, Part
from perf_pipeline.formats.fit_tables import Clock, FieldDefinition, definition_fields, gather
from perf_pipeline.formats.model import CHANNELS

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray, IntArray

MAX_ARRAY: Final = 16
"""Arrays inside a record become one channel per element, up to this many."""


@dataclass(slots=True)
class Records:
    """The records of a file: FIT seconds (0 where unknown) and columns in the order of the file."""

    seconds: IntArray
    channels: dict[str, FloatArray] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    twins: dict[str, str] = field(default_factory=dict)  # canonical channel -> developer channel that stands for it

    def __len__(self) -> int:
        return len(self.seconds)


class _Column(NamedTuple):
    """One column of a definition: value = raw / scale - offset where raw is not `invalid`."""

    place: str
    element: int  # -1: scalar
    channel: str
    scale: float
    offset: float
    invalid: int | None


class _Plan(NamedTuple):
    rows: np.dtype[np.void]
    time: str | None
    columns: tuple[_Column, ...]
    packed: str | None  # compressed_speed_distance
    units: tuple[tuple[str, str], ...]


def read_records(data: bytes, part: Part, developers: Developers, clock: Clock) -> Records:
    """All records of one part of the file, with accumulated fields unrolled from its beginning."""
    groups = [g for whole in part.of(profile.RECORD) for g in developers.split(whole)]
    if not groups:
        return Records(np.empty(0, np.int64))
    tables = [_read_group(data, g, developers, clock) for g in groups]
    records = tables[0] if len(tables) == 1 else _interleave(groups, tables)
    _accumulate(records)
    return records


def _read_group(data: bytes, group: Group, developers: Developers, clock: Clock) -> Records:
    described = developers.of(group)
    plan = _plan(group.definition, described)
    offsets = np.frombuffer(group.offsets, np.uint32)
    rows = gather(data, group, plan.rows)
    records = Records(_seconds(rows, plan, offsets, clock), units=dict(plan.units))
    for column in plan.columns:
        values = _values(rows, column)
        if values is not None and column.channel not in records.channels:
            records.channels[column.channel] = values
    if plan.packed is not None:
        _unpack_speed_distance(rows[plan.packed], records.channels)
    _settle(records)
    for d in described:
        if (
            d is not None
            and d.native is not None
            and d.native in profile.NATIVE_TWINS
            and d.channel in records.channels
        ):
            canonical, units = profile.NATIVE_TWINS[d.native]
            if d.unit.lower() in units:
                records.twins.setdefault(canonical, d.channel)
    return records


def _seconds(rows: NDArray[np.void], plan: _Plan, offsets: NDArray[np.uint32], clock: Clock) -> IntArray:
    if plan.time is None:
        return clock.at_all(offsets.astype(np.int64))
    seconds = rows[plan.time].astype(np.int64)
    missing = seconds == profile.NO_TIME
    if missing.any():
        seconds[missing] = clock.at_all(offsets[missing].astype(np.int64))
    return seconds


def _values(rows: NDArray[np.void], column: _Column) -> FloatArray | None:
    """The column in natural units, None where not a single value is valid."""
    raw = rows[column.place]
    if column.element >= 0:
        raw = raw[:, column.element]
    if column.invalid is not None:
        missing = raw == column.invalid
        values: FloatArray = raw.astype(np.float64)
    else:
        with np.errstate(invalid="ignore"):  # signalling NaN
            values = raw.astype(np.float64)
        missing = ~(np.abs(values) < _ABSURD_FLOAT)
    count = int(np.count_nonzero(missing))
    if count == len(missing):
        return None
    if column.scale != 1.0:
        values /= column.scale
    if column.offset:
        values -= column.offset
    if count:
        values[missing] = np.nan
    return values


# A float beyond this is a bit pattern, not a measurement; as NaN it cannot overflow what is computed from it.
_ABSURD_FLOAT: Final = 1e30


def _unpack_speed_distance(packed: NDArray[np.uint8], channels: dict[str, FloatArray]) -> None:
    """12 bits of speed in 1/100 m/s, then 12 bits of running distance in 1/16 m."""
    b = packed.astype(np.int64)
    missing = (packed == 0xFF).all(axis=1)
    if missing.all():
        return
    speed = (b[:, 0] | (b[:, 1] & 0x0F) << 8) / 100.0
    distance = ((b[:, 1] >> 4) | b[:, 2] << 4).astype(np.float64)
    speed[missing] = distance[missing] = np.nan
    channels["_speed12"], channels["_distance12"] = speed, distance


@lru_cache(maxsize=256)
def _plan(definition: bytes, described: tuple[DeveloperField | None, ...]) -> _Plan:
    order = ">" if definition[1] else "<"
    names, formats, offsets = [], [], []
    columns: list[_Column] = []
    units: dict[str, str] = {}
    time = packed = None
    seen: set[tuple[int, int]] = set()
    fields = definition_fields(definition)
    natives = len(fields) - len(described)
    for i, f in enumerate(fields):
        if (f.number, f.developer) in seen:
            continue
        seen.add((f.number, f.developer))
        place = f"f{i}"
        if f.number == profile.TIMESTAMP and f.developer < 0:
            if f.size != 4:
                continue
            time, dtype = place, f"{order}u4"
        elif f.number == profile.COMPRESSED_SPEED_DISTANCE and f.developer < 0 and f.size == 3:
            packed, dtype = place, "3u1"
        else:
            made = _columns(place, f, described[i - natives] if i >= natives else None, order)
            if made is None:
                continue
            dtype, new = made
            for column, unit in new:
                columns.append(column)
                units[column.channel] = unit
        names.append(place)
        formats.append(dtype)
        offsets.append(f.offset + 1)
    size = 1 + sum(f.size for f in fields)
    rows = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})
    return _Plan(rows, time, tuple(columns), packed, tuple(units.items()))


_LETTERS: Final = {
    "b": "i1",
    "B": "u1",
    "h": "i2",
    "H": "u2",
    "i": "i4",
    "I": "u4",
    "q": "i8",
    "Q": "u8",
    "f": "f4",
    "d": "f8",
}


def _columns(
    place: str, f: FieldDefinition, developer: DeveloperField | None, order: str
) -> tuple[str, list[tuple[_Column, str]]] | None:
    if f.developer >= 0:
        if developer is None:
            return None
        name, unit, scale, offset, base = (
            developer.channel, developer.unit, developer.scale, developer.offset, developer.base,
        )  # fmt: skip
    else:
        known = RECORD_FIELDS.get(f.number)
        if known is None:
            return None
        (name, unit, scale, offset), base = known, f.base
        if f.number < 2:
            scale = 1 / profile.DEGREES_PER_SEMICIRCLE
    kind = BASE_TYPES.get(base)
    if kind is None or kind.letter in "sc" or f.size == 0 or f.size % kind.size:
        return None
    letter = order + _LETTERS[kind.letter]
    count = f.size // kind.size
    if count == 1:
        return letter, [(_Column(place, -1, name, scale, offset, kind.invalid), unit)]
    if name in CHANNELS or name.startswith("_"):
        # One value a record is what these mean; some devices leave room for a second one.
        return f"{count}{letter}", [(_Column(place, 0, name, scale, offset, kind.invalid), unit)]
    return f"{count}{letter}", [
        (_Column(place, i, f"{name}_{i + 1}", scale, offset, kind.invalid), unit) for i in range(min(count, MAX_ARRAY))
    ]


def _interleave(groups: Sequence[Group], tables: Sequence[Records]) -> Records:
    """The records of all definitions in the order of the file."""
    order = np.argsort(np.concatenate([np.frombuffer(g.offsets, np.uint32) for g in groups]), kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    return _stack(tables, np.split(places, np.cumsum([len(t) for t in tables])[:-1]))


def _stack(tables: Sequence[Records], places: Sequence[slice | IntArray]) -> Records:
    """One table of all, each of them at its places. The tables are emptied on the way, to hold no column twice."""
    result = Records(np.empty(sum(len(t) for t in tables), np.int64))
    for t, place in zip(tables, places, strict=True):
        result.seconds[place] = t.seconds
        result.units.update(t.units)
        for canonical, channel in t.twins.items():
            result.twins.setdefault(canonical, channel)
    for name in dict.fromkeys(name for t in tables for name in t.channels):
        column = result.channels[name] = np.full(len(result), np.nan)
        for t, place in zip(tables, places, strict=True):
            values = t.channels.pop(name, None)
            if values is not None:
                column[place] = values
    return result


def chain(tables: Sequence[Records]) -> Records:
    """The records of all parts, one after the other."""
    tables = [t for t in tables if len(t)]
    if not tables:
        return Records(np.empty(0, np.int64))
    if len(tables) == 1:
        return tables[0]
    ends = np.cumsum([len(t) for t in tables]).tolist()
    return _stack(tables, [slice(end - len(t), end) for t, end in zip(tables, ends, strict=True)])


def _settle(records: Records) -> None:
    """Turn the raw material of one definition into channels: enhanced before plain, masks taken apart."""
    c = records.channels
    for name, raw in _PLAIN_TWINS.items():
        if raw in c:
            _fill(c, name, c.pop(raw))
            records.units.setdefault(name, records.units.get(raw, ""))
    fraction = c.pop("_fractional_cadence", None)
    if fraction is not None and "cadence_rpm" in c:
        c["cadence_rpm"] += np.where(np.isnan(fraction), 0.0, fraction)
    if "_cadence256" in c:
        _fill(c, "cadence_rpm", c.pop("_cadence256"))
    balance = c.pop("_balance", None)
    if balance is not None:
        # Bit 7 says that the seven bits of percentage below it are the right leg's; without it the side is unknown.
        mask = np.nan_to_num(balance, nan=0.0).astype(np.int64)
        right = (mask & 0x80) != 0
        share = np.where(np.isnan(balance), np.nan, mask & 0x7F)
        for name, unit, chosen in (("left_right_balance", "% right", right), ("balance_of_unknown_side", "%", ~right)):
            values = np.where(chosen, share, np.nan)
            if not np.isnan(values).all():
                c[name], records.units[name] = values, unit


_PLAIN_TWINS: Final = {
    "altitude_meters": "_altitude", "speed_mps": "_speed", "cycle_length": "_cycle_length",
    "respiration_rate": "_respiration_rate",
}  # fmt: skip


def _accumulate(records: Records) -> None:
    """Unroll the counters that overflow; that takes all records in their order."""
    c = records.channels
    if "_speed12" in c:
        _fill(c, "speed_mps", c.pop("_speed12"))
    for name, raw, bits, scale in (
        ("distance_meters", "_distance12", 12, 16.0),
        ("total_cycles", "_cycles", 8, 1.0),
        ("accumulated_power", "_accumulated_power", 16, 1.0),
    ):
        if raw in c:
            counter = _unroll(c.pop(raw), bits, scale)
            if counter is not None:
                _fill(c, name, counter)
                records.units.setdefault(name, records.units.get(raw, ""))


def _fill(channels: dict[str, FloatArray], name: str, values: FloatArray) -> None:
    """Put values where the channel has none."""
    known = channels.get(name)
    channels[name] = values if known is None else np.where(np.isnan(known), values, known)


def _unroll(raw: FloatArray, bits: int, scale: float) -> FloatArray | None:
    """An accumulated counter of so many bits, followed over its overflows; None where it never tells."""
    valid = ~np.isnan(raw)
    if not valid.any():
        return None
    counts = raw[valid].astype(np.int64)
    total = np.full(len(raw), np.nan)
    total[valid] = (counts[0] + np.concatenate(([0], np.cumsum(np.diff(counts) % (1 << bits))))) / scale
    return total


def fill_twins(channels: dict[str, FloatArray], twins: Mapping[str, str]) -> None:
    """Where a session has no native value at all, the developer field that stands for it fills the channel."""
    for canonical, channel in twins.items():
        if canonical not in channels and channel in channels:
            channels[canonical] = channels[channel]
