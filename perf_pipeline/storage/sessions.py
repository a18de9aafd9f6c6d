"""One row per session: what a file says beside its records, as nested columns that DuckDB and pandas read."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from perf_pipeline.formats.model import (
    ActivityFile,
    Device,
    FileFormat,
    Lap,
    Length,
    Pause,
    Session,
    Streams,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What a file says of all its sessions. `rr_intervals_ms` are beat-to-beat intervals in the order of the file."""

    format: FileFormat
    device: Device = field(default_factory=Device)
    partial: bool = False
    warnings: tuple[str, ...] = ()
    reader: str = "perf_pipeline"
    rr_intervals_ms: NDArray[np.float64] | None = field(default=None, compare=False)

    @staticmethod
    def of(file: ActivityFile) -> FileMeta:
        return FileMeta(file.format, file.device, file.partial, file.warnings, file.reader, file.rr_intervals_ms)


@dataclass(frozen=True, slots=True)
class StoredSession:
    """One session of a file, with the id of its activity and the hash of the unpacked file."""

    activity_id: uuid.UUID
    source_sha256: str
    file_meta: FileMeta
    session: Session


_TIME = pa.timestamp("ms", "UTC")
_SUMMARY = pa.map_(pa.string(), pa.float64())
_SPAN = [pa.field("started_at", _TIME), pa.field("ended_at", _TIME)]
_COLUMNS: tuple[tuple[str, pa.DataType, str], ...] = (
    ("activity_id", pa.string(), "id of the activity, as in the table activities"),
    ("source_sha256", pa.string(), "hash of the unpacked file"),
    ("session_index", pa.int64(), "which session of the file, from 0"),
    ("format", pa.string(), "fit, gpx or tcx"),
    ("reader", pa.string(), "the code that read the file"),
    ("partial", pa.bool_(), "the file lost bytes; this is what is left"),
    ("warnings", pa.list_(pa.string()), "what the reader had to say of the file"),
    ("device", pa.struct({"manufacturer": pa.string(), "product": pa.string(), "software": pa.string()}), "recorder"),
    ("rr_intervals_ms", pa.list_(pa.float64()), "beat-to-beat intervals of the file, in its order"),
    ("sport", pa.string(), "bike, run, swim, ..."),
    ("sport_raw", pa.string(), "the file's own word for the sport"),
    ("sub_sport", pa.string(), "the file's own finer word"),
    ("name", pa.string(), "as the file gives it"),
    ("notes", pa.string(), "as the file gives them"),
    ("started_at", _TIME, "start of the session"),
    ("ended_at", _TIME, "end of the session"),
    ("utc_offset_seconds", pa.int64(), "offset of the athlete's clock"),
    ("summary", _SUMMARY, "the device's own totals; units in the names"),
    ("laps", pa.list_(pa.struct([*_SPAN, pa.field("summary", _SUMMARY)])), "laps as the device marked them"),
    (
        "lengths",
        pa.list_(
            pa.struct(
                [
                    *_SPAN,
                    pa.field("active", pa.bool_()),
                    pa.field("strokes", pa.int64()),
                    pa.field("stroke", pa.string()),
                ]
            )
        ),
        "pool lengths",
    ),
    ("pauses", pa.list_(pa.struct(_SPAN)), "the timer was stopped, end exclusive"),
    ("extra_units", pa.map_(pa.string(), pa.string()), "units of the extras of the records, by name"),
    ("records", pa.int64(), "number of records"),
)
SESSIONS_SCHEMA = pa.schema([pa.field(name, kind, metadata={"description": told}) for name, kind, told in _COLUMNS])


def session_table(items: Sequence[StoredSession]) -> pa.Table:
    """The rows of these sessions, in this order."""
    rows = [_row(item) for item in items]
    return pa.Table.from_arrays(
        [pa.array([row[name] for row in rows], kind) for name, kind, _ in _COLUMNS], schema=SESSIONS_SCHEMA
    )


def read_session_rows(table: pa.Table) -> Iterator[tuple[StoredSession, dict[str, str]]]:
    """The sessions of a table, without records, and the units of their extras."""
    # Times as numbers: Python's datetime ends with the year 9999, and a broken clock does not.
    for row in _times_as_numbers(table).to_pylist():
        yield _item(row), dict(row["extra_units"])


def _row(item: StoredSession) -> dict[str, Any]:
    meta, session = item.file_meta, item.session
    return {
        "activity_id": str(item.activity_id),
        "source_sha256": item.source_sha256,
        "session_index": session.index,
        "format": meta.format.value,
        "reader": meta.reader,
        "partial": meta.partial,
        "warnings": list(meta.warnings),
        "device": {
            "manufacturer": meta.device.manufacturer,
            "product": meta.device.product,
            "software": meta.device.software,
        },
        "rr_intervals_ms": meta.rr_intervals_ms,
        "sport": session.sport,
        "sport_raw": session.sport_raw,
        "sub_sport": session.sub_sport,
        "name": session.name,
        "notes": session.notes,
        "started_at": session.start_ms,
        "ended_at": session.end_ms,
        "utc_offset_seconds": session.utc_offset_seconds,
        "summary": _pairs(session.summary),
        "laps": [{**_span(lap), "summary": _pairs(lap.summary)} for lap in session.laps],
        "lengths": [
            {**_span(n), "active": n.active, "strokes": n.strokes, "stroke": n.stroke} for n in session.lengths
        ],
        "pauses": [_span(pause) for pause in session.pauses],
        "extra_units": _pairs(session.streams.extra_units),
        "records": len(session.streams),
    }


def _span(of: Lap | Length | Pause) -> dict[str, Any]:
    return {"started_at": of.start_ms, "ended_at": of.end_ms}


def _pairs(mapping: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(mapping.items())


def _times_as_numbers(table: pa.Table) -> pa.Table:
    return pa.Table.from_arrays(
        [column.combine_chunks().cast(_numeric(column.type)) for column in table.columns], names=table.column_names
    )


def _numeric(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_list(kind):
        return pa.list_(_numeric(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, _numeric(f.type)) for f in kind])
    return kind


def _item(row: Mapping[str, Any]) -> StoredSession:
    intervals = row["rr_intervals_ms"]
    meta = FileMeta(
        FileFormat(row["format"]),
        Device(**row["device"]),
        row["partial"],
        tuple(row["warnings"]),
        row["reader"],
        None if intervals is None else np.array(intervals, np.float64),
    )
    session = Session(
        index=row["session_index"],
        sport=row["sport"],
        start_ms=row["started_at"],
        end_ms=row["ended_at"],
        streams=Streams.empty(),
        sport_raw=row["sport_raw"],
        sub_sport=row["sub_sport"],
        utc_offset_seconds=row["utc_offset_seconds"],
        laps=tuple(Lap(lap["started_at"], lap["ended_at"], dict(lap["summary"])) for lap in row["laps"]),
        lengths=tuple(
            Length(n["started_at"], n["ended_at"], n["active"], n["strokes"], n["stroke"]) for n in row["lengths"]
        ),
        pauses=tuple(Pause(p["started_at"], p["ended_at"]) for p in row["pauses"]),
        summary=dict(row["summary"]),
        name=row["name"],
        notes=row["notes"],
    )
    return StoredSession(uuid.UUID(row["activity_id"]), row["source_sha256"], meta, session)
