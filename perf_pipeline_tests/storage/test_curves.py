"""Mean-maximal curves as Parquet: what is read back, and what an analyst is told of each column."""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perf_pipeline.physiology.mean_maximal import CURVE_CHANNELS, MeanMaximalCurve
from perf_pipeline.storage.curves import CURVES_SCHEMA, ActivityCurves, read_curves, write_curves
from perf_pipeline.storage.errors import CorruptStreamsError

ONE, TWO, NONE = (uuid.UUID(int=n) for n in (1, 2, 3))


def curve(channel: str, *points: tuple[int, float, float]) -> MeanMaximalCurve:
    seconds, values, starts = zip(*points, strict=True)
    return MeanMaximalCurve(channel, np.array(seconds, np.int64), np.array(values), np.array(starts))


def month() -> list[ActivityCurves]:
    power = curve("power_watts", (1, 900.5, 3), (2, 850, 2.5), (60, 400, 10))
    heart = curve("heart_rate_bpm", (2, 181, 44), (120, 170.25, 0))
    return [
        ActivityCurves(TWO, "run", 2_000, (curve("speed_mps", (5, 5.5, 1)),)),
        ActivityCurves(NONE, "swim", 500, ()),
        ActivityCurves(ONE, "bike", 1_000, (power, heart)),
    ]


def test_what_was_written_is_read_back() -> None:
    found = read_curves(write_curves(month()))
    assert set(found) == {ONE, TWO}  # nothing was to be told of the third
    for item in month():
        for given, back in zip(item.curves, found.get(item.activity_id, ()), strict=True):
            assert (given.channel, given.durations.tolist()) == (back.channel, back.durations.tolist())
            assert back.values.tolist() == pytest.approx(given.values.tolist(), rel=1e-7)
            assert back.starts.tolist() == pytest.approx(given.starts.tolist(), rel=1e-7)


def test_the_same_curves_give_the_same_bytes_in_whatever_order() -> None:
    assert write_curves(month()) == write_curves(month()[::-1])


def test_rows_are_in_order_of_time_and_duration_and_null_where_a_curve_has_no_point() -> None:
    table = pq.read_table(pa.BufferReader(write_curves(month()))).to_pylist()
    assert [(row["sport"], row["duration_seconds"]) for row in table] == [
        ("bike", 1), ("bike", 2), ("bike", 60), ("bike", 120), ("run", 5),
    ]  # fmt: skip
    assert [row["heart_rate_bpm"] for row in table] == [None, 181.0, None, 170.25, None]


def test_a_month_without_a_curve_has_the_columns_all_the_same() -> None:
    assert pq.read_schema(pa.BufferReader(write_curves([]))) == CURVES_SCHEMA
    assert read_curves(write_curves([])) == {}


def test_every_column_says_its_unit_and_meaning() -> None:
    for field in pq.read_schema(pa.BufferReader(write_curves(month()))):
        assert field.metadata[b"description"]
    units = {field.name: field.metadata[b"unit"].decode() for field in CURVES_SCHEMA}
    assert [units[name] for name in CURVE_CHANNELS] == ["W", "m/s", "bpm"]
    assert units["duration_seconds"] == units["power_start_seconds"] == "s"


def test_damaged_bytes_are_said_to_be_damaged() -> None:
    with pytest.raises(CorruptStreamsError):
        read_curves(write_curves(month())[:-20])
    other = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), other)
    with pytest.raises(CorruptStreamsError):
        read_curves(other.getvalue().to_pybytes())
