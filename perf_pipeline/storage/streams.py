"""Streams and sessions as Parquet: what analysts read, and what later stages read instead of the files.

A month is two objects: the records (`write_streams`), and one row per session with everything else that its file says
(`write_sessions`). Both have one schema for all months and athletes, so that a Hive folder reads as one table. The same
sessions give the same bytes.

Values are in natural units on a fixed grid (`COLUMNS`), so what is read back is not always the last digit of the file.
`quantise` tells what a round trip gives: whoever computes from a fresh file quantises first, and gets the same numbers.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from perf_pipeline.formats.model import CHANNELS, Session, Streams
from perf_pipeline.storage.errors import CorruptStreamsError
from perf_pipeline.storage.sessions import FileMeta, StoredSession, read_session_rows, session_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

__all__ = [
    "FileMeta", "StoredSession", "quantise", "quantise_streams", "read_sessions", "read_streams",
    "write_sessions", "write_streams",
]  # fmt: skip

ROW_GROUP_RECORDS = 1_000_000
_DEGREES_PER_SEMICIRCLE = 180 / 2**31
_COMPRESSION: Mapping[str, Any] = {"compression": "zstd", "compression_level": 1}
"""A higher level takes a seventh more time to save a sixtieth of the bytes."""


@dataclass(frozen=True, slots=True)
class _Column:
    """How a channel is stored: `grid` puts float64 values on what the type and the encoding keep."""

    type: pa.DataType
    encoding: str
    grid: Callable[[FloatArray], FloatArray]


def _semicircles(values: FloatArray) -> FloatArray:
    # FIT's own grid, under 1 cm: its positions stay exact, and the low bytes are zeros, which compress.
    return np.round(values / _DEGREES_PER_SEMICIRCLE) * _DEGREES_PER_SEMICIRCLE


def _millimeters(values: FloatArray) -> FloatArray:
    # float32 would lose centimetres past 167 km.
    return np.round(values * 1000.0) / 1000.0


def _single(values: FloatArray) -> FloatArray:
    return values.astype(np.float32).astype(np.float64)


_POSITION = _Column(pa.float64(), "BYTE_STREAM_SPLIT", _semicircles)
_SINGLE = _Column(pa.float32(), "BYTE_STREAM_SPLIT", _single)
COLUMNS: Mapping[str, _Column] = {
    name: {
        "latitude_degrees": _POSITION,
        "longitude_degrees": _POSITION,
        "distance_meters": _Column(pa.float64(), "PLAIN", _millimeters),
    }.get(name, _SINGLE)
    for name in CHANNELS
}
"""Every channel with a meaning of its own is a column, in every month. Extras keep all digits of a float64."""


def _described(name: str, kind: pa.DataType, unit: str, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit, "description": description})


STREAMS_SCHEMA = pa.schema(
    [
        _described("activity_id", pa.string(), "", "id of the activity, as in the table activities"),
        _described("time", pa.timestamp("ms", "UTC"), "ms", "when the record was taken, as the device tells"),
        *(_described(c.name, COLUMNS[c.name].type, c.unit, c.description) for c in CHANNELS.values()),
        _described(
            "extras", pa.map_(pa.string(), pa.float64()), "", "other values of the record by name; units in sessions"
        ),
    ]
)


def quantise_streams(streams: Streams) -> Streams:
    """The streams as they are read back after they were written."""
    channels: dict[str, FloatArray] = {}
    for name, values in streams.channels.items():
        # What is too large for its grid becomes infinite there, and so is not kept.
        with np.errstate(over="ignore"):
            stored = COLUMNS[name].grid(values) if name in COLUMNS else values.astype(np.float64, copy=True)
        finite = np.isfinite(stored)
        if finite.any():
            channels[name] = stored if finite.all() else np.where(finite, stored, np.nan)
    units = {name: unit for name, unit in streams.extra_units.items() if name in channels and name not in COLUMNS}
    return Streams(streams.time_ms.astype(np.int64, copy=True), channels, units)


def quantise(session: Session) -> Session:
    """The session as it is read back after it was written: compute from this, whether the file is fresh or stored."""
    summary = _finite(session.summary)
    laps = tuple(replace(lap, summary=_finite(lap.summary)) for lap in session.laps)
    return replace(session, streams=quantise_streams(session.streams), summary=summary, laps=laps)


def _finite(summary: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in sorted(summary.items()) if np.isfinite(value)}


def _sorted(items: Iterable[StoredSession]) -> list[StoredSession]:
    return sorted(items, key=lambda item: (item.session.start_ms, item.session.index, item.activity_id))


def write_streams(items: Sequence[StoredSession], *, quantised: bool = False) -> bytes:
    """The records of a month's sessions as one Parquet file, by start of the session and then in the file's order.

    `quantised` says that the sessions are so already, which spares doing it again.
    """
    ordered = _sorted(items)
    told = [item.session.streams for item in ordered]
    streams = told if quantised else [quantise_streams(one) for one in told]
    lengths = np.array([len(s) for s in streams], np.int64)
    ids = pa.DictionaryArray.from_arrays(
        pa.array(np.repeat(np.arange(len(ordered), dtype=np.int32), lengths)),
        pa.array([str(item.activity_id) for item in ordered], pa.string()),
    ).cast(pa.string())
    time = np.concatenate([s.time_ms for s in streams]) if streams else np.empty(0, np.int64)
    columns = [ids, pa.array(time, pa.int64()).cast(pa.timestamp("ms", "UTC"))]
    for name, column in COLUMNS.items():
        columns.append(_joined(name, column.type, streams, lengths))
    columns.append(_extras(streams))
    table = pa.Table.from_arrays(columns, schema=STREAMS_SCHEMA)
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        **_COMPRESSION,
        row_group_size=ROW_GROUP_RECORDS,
        # By these a reader leaves out row groups; those of the others would tell it nothing.
        write_statistics=["activity_id", "time"],
        use_dictionary=["activity_id", "extras.key_value.key"],
        column_encoding={
            "time": "DELTA_BINARY_PACKED",
            "extras.key_value.value": "BYTE_STREAM_SPLIT",
            **{name: column.encoding for name, column in COLUMNS.items()},
        },
    )
    return sink.getvalue()


def _joined(name: str, kind: pa.DataType, streams: Sequence[Streams], lengths: NDArray[np.int64]) -> pa.Array:
    """One channel of all sessions, null where a record does not say."""
    if not any(name in s.channels for s in streams):
        return pa.nulls(int(lengths.sum()), kind)
    values = np.concatenate([s.channels.get(name, np.full(n, np.nan)) for s, n in zip(streams, lengths, strict=True)])
    return pa.array(values.astype(kind.to_pandas_dtype(), copy=False), kind, from_pandas=True)


def _extras(streams: Sequence[Streams]) -> pa.Array:
    """The channels that are no columns, as one map per record; null where a record has none."""
    vocabulary = sorted({name for s in streams for name in s.channels if name not in COLUMNS})
    number = {name: index for index, name in enumerate(vocabulary)}
    counts: list[NDArray[np.int64]] = []
    keys: list[NDArray[np.int32]] = []
    values: list[FloatArray] = []
    for s in streams:
        names = sorted(name for name in s.channels if name not in COLUMNS)
        if not names:
            counts.append(np.zeros(len(s), np.int64))
            continue
        matrix = np.column_stack([s.channels[name] for name in names])
        said = ~np.isnan(matrix)
        counts.append(said.sum(axis=1))
        values.append(matrix[said])
        keys.append(np.broadcast_to(np.array([number[name] for name in names], np.int32), matrix.shape)[said])
    count = np.concatenate(counts) if counts else np.empty(0, np.int64)
    offsets = np.concatenate(([0], np.cumsum(count))).astype(np.int32)
    words = pa.DictionaryArray.from_arrays(
        pa.array(np.concatenate(keys) if keys else np.empty(0, np.int32)), pa.array(vocabulary, pa.string())
    ).cast(pa.string())
    # An offset that is null makes its record null.
    mask = np.concatenate((count == 0, [False]))
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32(), mask=mask),
        words,
        pa.array(np.concatenate(values) if values else np.empty(0), pa.float64()),
    )


def read_streams(data: bytes, wanted: Container[uuid.UUID] | None = None) -> dict[uuid.UUID, Streams]:
    """The records of a month by activity (of those `wanted`), each in the file's order; units of extras are with the
    sessions.

    Activities without a record are not among them. Raises `CorruptStreamsError`.
    """
    table = _only(_read(data, STREAMS_SCHEMA, read_dictionary=["activity_id"]), wanted)
    ids = table.column("activity_id").unify_dictionaries().combine_chunks()
    if isinstance(ids, pa.ChunkedArray):
        ids = pa.concat_arrays(ids.chunks) if ids.num_chunks else pa.array([], STREAMS_SCHEMA.field("activity_id").type)
    if len(ids) == 0:
        return {}
    codes = ids.indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=codes[0] - 1))
    bounds = np.append(starts, len(codes))
    time = table.column("time").cast(pa.int64()).to_numpy()
    columns = {
        name: table.column(name).to_numpy().astype(np.float64, copy=False)
        for name in COLUMNS
        if table.column(name).null_count < len(codes)
    }
    extras = _ExtrasReader(table.column("extras").combine_chunks())
    found: dict[uuid.UUID, Streams] = {}
    for first, last in pairwise(bounds):
        activity_id = uuid.UUID(ids.dictionary[codes[first]].as_py())
        channels = {}
        for name, values in columns.items():
            part = values[first:last]
            if not np.isnan(part).all():
                channels[name] = part.copy()
        channels.update(extras.between(int(first), int(last)))
        found[activity_id] = Streams(time[first:last].copy(), channels)
    return found


class _ExtrasReader:
    """The map column of a month, turned back into channels."""

    def __init__(self, column: Any) -> None:
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks)
        self._offsets = column.offsets.to_numpy()
        keys = column.keys.dictionary_encode()
        self._codes = keys.indices.to_numpy()
        self._names: list[str] = keys.dictionary.to_pylist()
        self._values = column.items.to_numpy(zero_copy_only=False)

    def between(self, first: int, last: int) -> dict[str, FloatArray]:
        offsets = self._offsets[first : last + 1]
        begin, end = offsets[0], offsets[-1]
        if begin == end:
            return {}
        codes, values = self._codes[begin:end], self._values[begin:end]
        rows = np.repeat(np.arange(last - first), np.diff(offsets))
        channels: dict[str, FloatArray] = {}
        for code in np.unique(codes):
            chosen = codes == code
            channel = np.full(last - first, np.nan)
            channel[rows[chosen]] = values[chosen]
            channels[self._names[code]] = channel
        return channels


def write_sessions(items: Sequence[StoredSession], *, quantised: bool = False) -> bytes:
    """A month's sessions as one Parquet file, one row each, by start: everything but the records.

    `quantised` as in `write_streams`.
    """
    ordered = _sorted(items)
    if not quantised:
        ordered = [replace(item, session=quantise(item.session)) for item in ordered]
    sink = io.BytesIO()
    pq.write_table(session_table(ordered), sink, **_COMPRESSION)
    return sink.getvalue()


def read_sessions(
    sessions: bytes, streams: bytes | None = None, wanted: Container[uuid.UUID] | None = None
) -> list[StoredSession]:
    """A month's sessions (those `wanted`) in order of start, with their records where `streams` is given (else with
    none).

    Raises `CorruptStreamsError`.
    """
    from perf_pipeline.storage.sessions import SESSIONS_SCHEMA

    records = read_streams(streams, wanted) if streams is not None else {}
    rows = read_session_rows(_only(_read(sessions, SESSIONS_SCHEMA), wanted))
    found = []
    for item, units in rows:
        told = records.get(item.activity_id, Streams.empty())
        found.append(replace(item, session=replace(item.session, streams=replace(told, extra_units=units))))
    return found


def _only(table: pa.Table, wanted: Container[uuid.UUID] | None) -> pa.Table:
    """The rows of the activities wanted, before anything is made of the others."""
    if wanted is None:
        return table
    keep = [
        np.array([uuid.UUID(name) in wanted for name in chunk.dictionary.to_pylist()], np.bool_)[chunk.indices]
        for chunk in (one.dictionary_encode() for one in table.column("activity_id").chunks)
    ]
    return table.filter(pa.array(np.concatenate(keep) if keep else np.empty(0, np.bool_)))


def _read(data: bytes, schema: pa.Schema, **options: Any) -> pa.Table:
    try:
        # Not by `read_table`: it makes a data set of one file, four times the work, and imports pandas to do so.
        with pq.ParquetFile(pa.BufferReader(data), **options) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise CorruptStreamsError("a Parquet object cannot be read", "Rebuild the month", error) from error
    if table.schema.names != schema.names:
        raise CorruptStreamsError("a Parquet object has other columns than this version writes", "Rebuild the month")
    return table
