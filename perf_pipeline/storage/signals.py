"""Signals of activities as Parquet: beside the streams, one object a month, one row per activity.

One schema for all months and athletes; the same signals give the same bytes.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from perf_pipeline.physiology.grade import GRADED_SPEED
from perf_pipeline.physiology.histograms import BIN_WIDTHS, Histogram
from perf_pipeline.physiology.signals import HEART_RATE, POWER, Signals
from perf_pipeline.physiology.w_balance import PowerBySecond
from perf_pipeline.storage.errors import CorruptStreamsError


@dataclass(frozen=True, slots=True)
class StoredSignals:
    """The signals of one activity; `start_ms`: its start, by which the rows are in order."""

    activity_id: uuid.UUID
    start_ms: int
    signals: Signals


def _field(name: str, kind: pa.DataType, unit: str, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit, "description": description})


_HISTOGRAMS: Mapping[str, tuple[str, str, str]] = {
    POWER: ("power_bins", "W", "power"),
    HEART_RATE: ("heart_rate_bins", "bpm", "heart rate"),
    GRADED_SPEED: ("graded_speed_bins", "m/s", "speed as if on the flat, on foot"),
}
"""Columns of a channel's histogram by channel: how they begin, unit, words."""

SIGNALS_SCHEMA = pa.schema(
    [
        _field("activity_id", pa.string(), "", "id of the activity, as in the table activities"),
        _field("sport", pa.string(), "", "as in the table activities"),
        _field("started_at", pa.timestamp("ms", "UTC"), "ms", "start of the activity"),
        *(
            field
            for channel, (name, unit, words) in _HISTOGRAMS.items()
            for field in (
                _field(f"{name}_first", pa.float64(), unit, f"{words} at the middle of the first bin; each is "
                       f"{BIN_WIDTHS[channel]:g} {unit} wide"),
                _field(f"{name}_means", pa.list_(pa.float64()), unit, f"mean {words} in each bin, lowest first"),
                _field(f"{name}_seconds", pa.list_(pa.float64()), "s", "and the time in it"),
            )
        ),
        _field("stretch_begins", pa.list_(pa.float64()), "s", "since the start, where each stretch of power begins"),
        _field("stretch_ends", pa.list_(pa.float64()), "s", "and where it ends; pauses and gaps lie between"),
        _field("watts", pa.list_(pa.float32()), "W", "mean power of every whole second of the stretches, in order"),
    ]
)  # fmt: skip


def write_signals(items: Sequence[StoredSignals]) -> bytes:
    """The signals of a month as one Parquet file, by start of the activity."""
    ordered = sorted(items, key=lambda item: (item.start_ms, str(item.activity_id)))
    told = [item.signals for item in ordered]
    arrays: list[Any] = [
        pa.array([str(item.activity_id) for item in ordered], pa.string()),
        pa.array([one.sport for one in told], pa.string()),
        pa.array([item.start_ms for item in ordered], pa.int64()).cast(pa.timestamp("ms", "UTC")),
    ]
    for channel in _HISTOGRAMS:
        found = [one.histograms.get(channel) for one in told]
        firsts = [None if h is None else round(h.first * h.width, 6) for h in found]
        arrays.append(pa.array(firsts, pa.float64()))
        arrays.append(_lists([None if h is None else np.asarray(h.means) for h in found], pa.float64()))
        arrays.append(_lists([None if h is None else np.asarray(h.seconds) for h in found], pa.float64()))
    for part, kind in (("begins", pa.float64()), ("ends", pa.float64()), ("watts", pa.float32())):
        arrays.append(_lists([None if one.power is None else getattr(one.power, part) for one in told], kind))
    sink = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=SIGNALS_SCHEMA), sink, compression="zstd", compression_level=1,
        write_statistics=["activity_id", "started_at"],
    )  # fmt: skip
    return sink.getvalue()


def _lists(parts: Sequence[NDArray[np.float64] | None], kind: pa.DataType) -> pa.Array:
    """One list a row, null where there is none."""
    known = [part for part in parts if part is not None]
    values = np.concatenate(known) if known else np.empty(0)
    offsets = np.concatenate(([0], np.cumsum([0 if part is None else len(part) for part in parts]))).astype(np.int32)
    mask = np.array([part is None for part in parts] + [False])
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32(), mask=mask), pa.array(values.astype(kind.to_pandas_dtype()), kind)
    )


def read_signals(data: bytes, wanted: Container[uuid.UUID] | None = None) -> dict[uuid.UUID, Signals]:
    """The signals of a month by activity (of those `wanted`); raises `CorruptStreamsError`."""
    try:
        # Not by `read_table`: it makes a data set of one file, four times the work, and imports pandas to do so.
        with pq.ParquetFile(pa.BufferReader(data)) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise CorruptStreamsError("a Parquet object cannot be read", "Rebuild the month", error) from error
    if table.schema.names != SIGNALS_SCHEMA.names:
        raise CorruptStreamsError("a Parquet object has other columns than this version writes", "Rebuild the month")
    columns = {name: table.column(name) for name in table.schema.names}
    found: dict[uuid.UUID, Signals] = {}
    for row, text in enumerate(columns["activity_id"].to_pylist()):
        activity_id = uuid.UUID(text)
        if wanted is None or activity_id in wanted:
            found[activity_id] = _signals({name: column[row] for name, column in columns.items()})
    return found


def _signals(row: Mapping[str, Any]) -> Signals:
    histograms = {}
    for channel, (name, _, _) in _HISTOGRAMS.items():
        first = row[f"{name}_first"].as_py()
        if first is not None:
            width = BIN_WIDTHS[channel]
            means, seconds = (tuple(row[f"{name}_{part}"].values.to_pylist()) for part in ("means", "seconds"))
            histograms[channel] = Histogram(channel, width, round(first / width), seconds, means)
    begins, ends, watts = (row[name].values for name in ("stretch_begins", "stretch_ends", "watts"))
    power = None
    if begins is not None:
        begins, ends, watts = (values.to_numpy().astype(np.float64) for values in (begins, ends, watts))
        power = PowerBySecond(begins, ends, watts)
    return Signals(row["sport"].as_py(), histograms, power)
