"""Signals as Parquet: what is read back, what an analyst is told of each column, and what they are a signal of."""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from perf_pipeline.physiology.histograms import BIN_WIDTHS, Histogram
from perf_pipeline.physiology.signals import Signals
from perf_pipeline.physiology.w_balance import PowerBySecond
from perf_pipeline.storage.errors import CorruptStreamsError
from perf_pipeline.storage.signals import SIGNALS_SCHEMA, StoredSignals, read_signals, write_signals

RIDE, RUN, SWIM = (uuid.UUID(int=n) for n in (1, 2, 3))


def histogram(channel: str, first: int, *seconds: float) -> Histogram:
    width = BIN_WIDTHS[channel]
    means = tuple(round(width * (first + number) + 0.01, 4) for number in range(len(seconds)))
    return Histogram(channel, width, first, seconds, means)


def month() -> list[StoredSignals]:
    power = PowerBySecond(np.array([0.0, 900.25]), np.array([3.0, 902.5]), np.array([100.0, 250.5, 0.0, 180.0, 181.0]))
    parts = (histogram("power_watts", 0, 1.0, 0.0, 4.0), histogram("heart_rate_bpm", 140, 5))
    ride = {one.channel: one for one in parts}
    run = histogram("graded_speed_mps", 29, 10.5, 0.25)
    return [
        StoredSignals(RUN, 2_000, Signals("run", {run.channel: run})),
        StoredSignals(SWIM, 500, Signals("swim", {})),
        StoredSignals(RIDE, 1_000, Signals("bike", ride, power)),
    ]


def test_what_was_written_is_read_back() -> None:
    found = read_signals(write_signals(month()))
    for item in month():
        given, back = item.signals, found.pop(item.activity_id)
        assert (back.sport, back.histograms) == (given.sport, given.histograms)
        if given.power is None or back.power is None:
            assert given.power is back.power is None
            continue
        assert back.power.counts.tolist() == [3, 2]
        for name in ("begins", "ends", "watts"):
            assert getattr(back.power, name).tolist() == getattr(given.power, name).tolist()
    assert found == {}


def test_only_what_is_wanted_is_given() -> None:
    assert set(read_signals(write_signals(month()), {RUN})) == {RUN}


def test_the_same_signals_give_the_same_bytes_in_whatever_order() -> None:
    assert write_signals(month()) == write_signals(month()[::-1])


def test_a_month_without_an_activity_has_the_columns_all_the_same() -> None:
    assert pq.read_schema(pa.BufferReader(write_signals([]))) == SIGNALS_SCHEMA
    assert read_signals(write_signals([])) == {}


def test_every_column_says_its_unit_and_meaning() -> None:
    for field in pq.read_schema(pa.BufferReader(write_signals(month()))):
        assert field.metadata[b"description"]
    units = {field.name: field.metadata[b"unit"].decode() for field in SIGNALS_SCHEMA}
    assert (units["watts"], units["heart_rate_bins_means"], units["power_bins_seconds"]) == ("W", "bpm", "s")


def test_damaged_bytes_are_said_to_be_damaged() -> None:
    with pytest.raises(CorruptStreamsError):
        read_signals(write_signals(month())[:-20])
    other = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), other)
    with pytest.raises(CorruptStreamsError):
        read_signals(other.getvalue().to_pybytes())
