"""Mean-maximal curves as Parquet: beside the streams, one object a month, one row per activity and duration.

    select duration_seconds, max(power_watts)
    from read_parquet('curves/*/*/*.parquet', hive_partitioning = true) group by 1 order by 1

is an athlete's power curve. One schema for all months and athletes; the same curves give the same bytes.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from perf_pipeline.formats.model import CHANNELS
from perf_pipeline.physiology.mean_maximal import CURVE_CHANNELS, MeanMaximalCurve
from perf_pipeline.storage.errors import CorruptStreamsError

FloatArray = NDArray[np.float64]
_STARTS = {"power_watts": "power", "speed_mps": "speed", "heart_rate_bpm": "heart_rate"}


@dataclass(frozen=True, slots=True)
class ActivityCurves:
    """The curves of one activity, by channel; none where it has nothing to show."""

    activity_id: uuid.UUID
    sport: str
    start_ms: int
    curves: tuple[MeanMaximalCurve, ...]


def _field(name: str, kind: pa.DataType, unit: str, description: str) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit, "description": description})


def start_column(channel: str) -> str:
    """The column that tells where the best of a channel begins."""
    return f"{_STARTS[channel]}_start_seconds"


CURVES_SCHEMA = pa.schema(
    [
        _field("activity_id", pa.string(), "", "id of the activity, as in the table activities"),
        _field("sport", pa.string(), "", "as in the table activities"),
        _field("started_at", pa.timestamp("ms", "UTC"), "ms", "start of the activity"),
        _field("duration_seconds", pa.int32(), "s", "length of the window"),
        *(
            field
            for name in CURVE_CHANNELS
            for field in (
                _field(
                    name, pa.float32(), CHANNELS[name].unit,
                    f"highest mean {CHANNELS[name].description.partition(',')[0]} over a window of the duration",
                ),
                _field(start_column(name), pa.float32(), "s", "where that window begins, since the activity's start"),
            )
        ),
    ]
)  # fmt: skip


def write_curves(items: Sequence[ActivityCurves]) -> bytes:
    """The curves of a month as one Parquet file, by start of the activity, then by duration."""
    ordered = sorted(items, key=lambda item: (item.start_ms, str(item.activity_id)))
    grids = [_grid(item) for item in ordered]
    counts = [len(durations) for durations, _ in grids]
    of = pa.array(np.repeat(np.arange(len(ordered), dtype=np.int32), counts))
    arrays: list[pa.Array] = [
        pa.DictionaryArray.from_arrays(of, pa.array(words, pa.string())).cast(pa.string())
        for words in ([str(item.activity_id) for item in ordered], [item.sport for item in ordered])
    ]
    starts = np.repeat(np.array([item.start_ms for item in ordered], dtype=np.int64), counts)
    arrays.append(pa.array(starts, pa.int64()).cast(pa.timestamp("ms", "UTC")))
    arrays.append(pa.array(_joined([durations for durations, _ in grids]), pa.int32()))
    for column in CURVES_SCHEMA.names[4:]:
        values = _joined([columns[column] for _, columns in grids])
        arrays.append(pa.array(values.astype(np.float32), pa.float32(), from_pandas=True))
    sink = io.BytesIO()
    pq.write_table(
        pa.Table.from_arrays(arrays, schema=CURVES_SCHEMA),
        sink,
        compression="zstd",
        compression_level=3,
        use_dictionary=["activity_id", "sport", "started_at", "duration_seconds"],
        column_encoding=dict.fromkeys(CURVES_SCHEMA.names[4:], "BYTE_STREAM_SPLIT"),
    )
    return sink.getvalue()


def read_curves(data: bytes) -> dict[uuid.UUID, tuple[MeanMaximalCurve, ...]]:
    """The curves of a month by activity; raises `CorruptStreamsError`."""
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise CorruptStreamsError("a Parquet object cannot be read", "Rebuild the month", error) from error
    if table.schema.names != CURVES_SCHEMA.names:
        raise CorruptStreamsError("a Parquet object has other columns than this version writes", "Rebuild the month")
    ids = np.array(table.column("activity_id").to_pylist(), dtype=object)
    numbers = {name: table.column(name).to_numpy().astype(np.float64) for name in CURVES_SCHEMA.names[3:]}
    found: dict[uuid.UUID, tuple[MeanMaximalCurve, ...]] = {}
    for activity in dict.fromkeys(ids.tolist()):
        rows = ids == activity
        curves = (_curve(name, {column: values[rows] for column, values in numbers.items()}) for name in CURVE_CHANNELS)
        found[uuid.UUID(activity)] = tuple(curve for curve in curves if len(curve.durations))
    return found


def _curve(channel: str, columns: dict[str, FloatArray]) -> MeanMaximalCurve:
    known = ~np.isnan(columns[channel])
    seconds = columns["duration_seconds"][known].astype(np.int64)
    return MeanMaximalCurve(channel, seconds, columns[channel][known], columns[start_column(channel)][known])


def _grid(item: ActivityCurves) -> tuple[NDArray[np.int64], dict[str, FloatArray]]:
    """The durations of any of the curves, and each column over them, NaN where its curve has none."""
    durations = np.unique(np.concatenate([np.empty(0, np.int64), *(curve.durations for curve in item.curves)]))
    columns = {name: np.full(len(durations), np.nan) for name in CURVES_SCHEMA.names[4:]}
    for curve in item.curves:
        at = np.searchsorted(durations, curve.durations)
        columns[curve.channel][at] = curve.values
        columns[start_column(curve.channel)][at] = curve.starts
    return durations, columns


def _joined(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate(parts) if parts else np.empty(0)
