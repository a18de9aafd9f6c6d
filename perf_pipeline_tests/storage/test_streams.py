"""What is written to Parquet is what is read back, and analysts read it without a manual."""

from __future__ import annotations

import io
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from perf_pipeline.formats.model import CHANNELS, Device, FileFormat, Lap, Length, Pause, Session, Streams
from perf_pipeline.pipeline import layout
from perf_pipeline.storage.errors import CorruptStreamsError
from perf_pipeline.storage.streams import (
    COLUMNS,
    FileMeta,
    StoredSession,
    quantise,
    read_sessions,
    read_streams,
    write_sessions,
    write_streams,
)

MAY = 1_777_593_600_000


def stored(session: Session, number: int = 0, **meta: Any) -> StoredSession:
    file_meta = FileMeta(FileFormat.FIT, Device("garmin", "edge"), **meta)
    return StoredSession(uuid.UUID(int=number), "ab" * 32, file_meta, session)


def a_session(streams: Streams, **changed: Any) -> Session:
    return Session(
        **{"index": 0, "sport": "bike", "start_ms": MAY, "end_ms": MAY + 1000, "streams": streams, **changed}
    )


def same(one: Session, other: Session) -> None:
    """The two are equal, NaN where NaN is."""
    assert np.array_equal(one.streams.time_ms, other.streams.time_ms)
    assert one.streams.time_ms.dtype == other.streams.time_ms.dtype
    assert set(one.streams.channels) == set(other.streams.channels)
    for name, values in one.streams.channels.items():
        assert np.array_equal(values, other.streams.channels[name], equal_nan=True), name
        assert other.streams.channels[name].dtype == np.float64
    assert one.streams.extra_units == other.streams.extra_units
    empty = Streams.empty()
    assert replace(one, streams=empty).summary == replace(other, streams=empty).summary
    plain = {"streams": empty, "summary": {}}
    assert repr(replace(one, **plain)) == repr(replace(other, **plain))


_NAMES = st.sampled_from([*CHANNELS, "Stryd power", "vertical_oscillation_mm", "Köln"])
_TIMES = st.integers(-(2**53), 2**53)


@st.composite
def _streams(draw: st.DrawFn) -> Streams:
    n = draw(st.integers(0, 12))
    values = hnp.arrays(np.float64, n, elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan), st.floats()))
    channels = draw(st.dictionaries(_NAMES, values, max_size=5))
    times = np.array(draw(st.lists(_TIMES, min_size=n, max_size=n)), np.int64)
    return Streams(times, channels, {name: "u" for name in channels if name not in CHANNELS})


_WORDS = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=8))
_SUMMARIES = st.dictionaries(st.sampled_from(["duration_seconds", "work_joules", "x"]), st.floats(), max_size=3)


@st.composite
def _sessions(draw: st.DrawFn) -> Session:
    time = st.integers(0, 2**42)
    return Session(
        index=draw(st.integers(0, 20)),
        sport=draw(st.sampled_from(["bike", "run", "swim"])),
        start_ms=draw(time),
        end_ms=draw(time),
        streams=draw(_streams()),
        sport_raw=draw(_WORDS),
        sub_sport=draw(_WORDS),
        utc_offset_seconds=draw(st.one_of(st.none(), st.integers(-50_000, 50_000))),
        laps=tuple(draw(st.lists(st.builds(Lap, time, time, _SUMMARIES), max_size=2))),
        lengths=tuple(
            draw(
                st.lists(
                    st.builds(Length, time, time, st.booleans(), st.one_of(st.none(), st.integers(0, 99)), _WORDS),
                    max_size=2,
                )
            )
        ),
        pauses=tuple(draw(st.lists(st.builds(Pause, time, time), max_size=2))),
        summary=draw(_SUMMARIES),
        name=draw(_WORDS),
        notes=draw(_WORDS),
    )


@settings(max_examples=60, deadline=None)
@given(sessions=st.lists(_sessions(), max_size=4))
def test_what_is_read_back_is_the_quantised_session(sessions: list[Session]) -> None:
    items = [stored(session, number) for number, session in enumerate(sessions)]
    gridded = [replace(item, session=quantise(item.session)) for item in items]
    assert write_streams(items) == write_streams(gridded, quantised=True)
    assert write_sessions(items) == write_sessions(gridded, quantised=True)
    back = read_sessions(write_sessions(items), write_streams(items))
    assert [item.session.start_ms for item in back] == sorted(session.start_ms for session in sessions)
    by_id = {item.activity_id: item for item in back}
    assert len(by_id) == len(items)
    some = {item.activity_id for item in items[::2]}
    chosen = read_sessions(write_sessions(items), write_streams(items), some)
    assert [item.activity_id for item in chosen] == [item.activity_id for item in back if item.activity_id in some]
    for item in chosen:
        same(by_id[item.activity_id].session, item.session)
    for item in items:
        found = by_id[item.activity_id]
        assert (found.source_sha256, found.file_meta) == (item.source_sha256, item.file_meta)
        same(quantise(item.session), found.session)


@settings(max_examples=40, deadline=None)
@given(session=_sessions())
def test_quantising_twice_is_quantising_once(session: Session) -> None:
    same(quantise(quantise(session)), quantise(session))


@settings(max_examples=30, deadline=None)
@given(sessions=st.lists(_sessions(), max_size=4))
def test_the_same_sessions_give_the_same_bytes_in_any_order(sessions: list[Session]) -> None:
    items = [stored(session, number) for number, session in enumerate(sessions)]
    assert write_streams(items) == write_streams(items[::-1])
    assert write_sessions(items) == write_sessions(items[::-1])


@pytest.mark.parametrize(
    ("channel", "largest", "error"),
    [
        ("latitude_degrees", 90.0, 4.2e-8),  # 5 mm
        ("longitude_degrees", 180.0, 4.2e-8),
        ("distance_meters", 1_000_000.0, 0.0005),
        ("altitude_meters", 9_000.0, 0.0005),
        ("speed_mps", 40.0, 2e-6),
        ("power_watts", 3_000.0, 1.3e-4),
        ("heart_rate_bpm", 250.0, 8e-6),
    ],
)
def test_a_grid_is_finer_than_any_sensor(channel: str, largest: float, error: float) -> None:
    values = np.random.default_rng(1).uniform(-largest, largest, 10_000)
    assert np.abs(COLUMNS[channel].grid(values) - values).max() <= error


def test_whole_watts_beats_centimetres_and_fits_own_positions_stay_exact() -> None:
    semicircles = np.random.default_rng(1).integers(-(2**31), 2**31, 10_000)
    positions = semicircles * (180 / 2**31)
    whole = np.arange(0.0, 70_000.0, 7.0)
    centimeters = np.arange(0, 10_000_000, 997) / 100
    assert np.array_equal(COLUMNS["longitude_degrees"].grid(positions), positions)
    assert np.array_equal(COLUMNS["power_watts"].grid(whole), whole)
    assert np.array_equal(COLUMNS["distance_meters"].grid(centimeters), centimeters)


def test_times_that_repeat_and_step_back_keep_their_order() -> None:
    times = np.array([MAY + 5000, MAY + 5000, MAY, MAY + 1], np.int64)
    session = a_session(Streams(times, {"power_watts": np.array([1.0, 2.0, 3.0, 4.0])}))
    (back,) = read_streams(write_streams([stored(session)])).values()
    assert back.time_ms.tolist() == times.tolist()
    assert back.channels["power_watts"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_beat_to_beat_intervals_and_a_lost_half_are_remembered() -> None:
    intervals = np.array([801.5, 799.25])
    item = stored(a_session(Streams.empty()), partial=True, warnings=("cut off",), rr_intervals_ms=intervals)
    (back,) = read_sessions(write_sessions([item]))
    assert back.file_meta.partial
    assert back.file_meta.warnings == ("cut off",)
    assert back.file_meta.rr_intervals_ms is not None
    assert back.file_meta.rr_intervals_ms.tolist() == [801.5, 799.25]


def test_more_records_than_a_row_group_are_read_back() -> None:
    n = 1_200_000
    times = MAY + np.arange(n, dtype=np.int64)
    long = a_session(Streams(times, {"power_watts": (np.arange(n) % 400).astype(float), "x": np.arange(n) / 3}))
    short = a_session(Streams(times[:2] + n, {"power_watts": np.array([1.0, np.nan])}), start_ms=MAY + n)
    items = [stored(long, 1), stored(short, 2)]
    data = write_streams(items)
    assert pq.ParquetFile(io.BytesIO(data)).metadata.num_row_groups == 2
    back = read_streams(data)
    assert back[uuid.UUID(int=1)].channels["x"].tolist() == long.streams.channels["x"].tolist()
    assert len(back[uuid.UUID(int=2)]) == 2


def test_broken_bytes_are_an_error_of_ours() -> None:
    data = write_streams([stored(a_session(Streams(np.array([MAY]))))])
    for broken in (b"", b"PAR1", data[:-20], b"x" * 100):
        with pytest.raises(CorruptStreamsError, match="Rebuild the month"):
            read_streams(broken)
    with pytest.raises(CorruptStreamsError, match="other columns"):
        read_sessions(data)


def test_every_column_tells_its_unit_and_meaning() -> None:
    schema = pq.read_schema(io.BytesIO(write_streams([])))
    for channel in CHANNELS.values():
        metadata = schema.field(channel.name).metadata
        assert metadata[b"unit"].decode() == channel.unit
        assert metadata[b"description"].decode() == channel.description


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Two months: one with power and an extra, one with a heart rate alone."""
    n = 60
    may = a_session(
        Streams(
            MAY + 1000 * np.arange(n, dtype=np.int64),
            {
                "power_watts": np.full(n, 200.0),
                "distance_meters": np.arange(n) * 9.99,
                "core_celsius": np.full(n, 38.25),
            },
            {"core_celsius": "degC"},
        )
    )
    june_ms = MAY + 31 * 86_400_000
    june = a_session(
        Streams(june_ms + 1000 * np.arange(n, dtype=np.int64), {"heart_rate_bpm": np.full(n, 140.0)}), start_ms=june_ms
    )
    for number, (month, session) in enumerate((("2026-05", may), ("2026-06", june))):
        for key, data in (
            (layout.streams("ann", month), write_streams([stored(session, number)])),
            (layout.sessions("ann", month), write_sessions([stored(session, number)])),
        ):
            path = tmp_path / key
            path.parent.mkdir(parents=True)
            path.write_bytes(data)
    return tmp_path


def test_duckdb_reads_all_months_as_one_table(history: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        rows = connection.sql(
            f"""SELECT athlete, month, count(*), avg(power_watts), avg(heart_rate_bpm), max(distance_meters),
                       avg(extras['core_celsius']), min(epoch_ms(time))
                FROM read_parquet('{history}/streams/**/*.parquet', hive_partitioning = true)
                GROUP BY ALL ORDER BY month"""
        ).fetchall()
        sessions = connection.sql(
            f"""SELECT sport, extra_units['core_celsius'], records, device.product
                FROM read_parquet('{history}/sessions/**/*.parquet') ORDER BY started_at"""
        ).fetchall()
    assert [row[:4] for row in rows] == [("ann", "2026-05", 60, 200.0), ("ann", "2026-06", 60, None)]
    assert rows[0][5:] == (pytest.approx(589.41), 38.25, MAY)
    assert rows[1][4] == 140.0
    assert sessions == [("bike", "degC", 60, "edge"), ("bike", None, 60, "edge")]


def test_pandas_reads_all_months_as_one_frame(history: Path) -> None:
    import pandas as pd

    frame = pd.read_parquet(history / "streams", columns=["time", "power_watts", "heart_rate_bpm", "month"])
    assert len(frame) == 120
    assert frame["power_watts"].dtype == np.float32
    assert frame.loc[frame["month"] == "2026-05", "power_watts"].eq(200).all()
    assert frame.loc[frame["month"] == "2026-06", "power_watts"].isna().all()
    assert str(frame["time"].dt.tz) == "UTC"
