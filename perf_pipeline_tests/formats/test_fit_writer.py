"""The FIT writer, read back by fitparse and by fitdecode: readers that share no code with it."""

from __future__ import annotations

import struct
from dataclasses import replace

import fastcrc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.formats.fit import read_fit
from perf_pipeline.formats.fit_writer import chain, write_fit
from perf_pipeline.formats.model import (
    ActivityFile,
    Device,
    FileFormat,
    FileKind,
    Lap,
    Length,
    Pause,
    Session,
    Streams,
)
from perf_pipeline.formats.reference import read_reference

START = 1_770_000_000_000
RESOLUTION = {
    "latitude_degrees": 180 / 2**31,
    "longitude_degrees": 180 / 2**31,
    "altitude_meters": 0.2,
    "distance_meters": 0.01,
    "speed_mps": 0.001,
    "power_watts": 1.0,
    "heart_rate_bpm": 1.0,
    "cadence_rpm": 1.0,
    "temperature_celsius": 1.0,
}


def ride(n: int = 100, **changes: object) -> ActivityFile:
    """A ride of n seconds with round numbers in it."""
    t = np.arange(n)
    streams = Streams(
        START + 1000 * t.astype(np.int64),
        {
            "power_watts": 200.0 + t,
            "distance_meters": 8.0 * t,
            "altitude_meters": 10 + 0.2 * t,
            "speed_mps": 8.0 + 0 * t,
        },
    )
    session = Session(0, "bike", START, START + 1000 * (n - 1), streams, sport_raw="cycling", sub_sport="road")
    return ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, (replace(session, **changes),))


def channels() -> dict[str, st.SearchStrategy[float]]:
    return {
        "latitude_degrees": st.floats(-90, 90),
        "longitude_degrees": st.floats(-180, 179.99),
        "altitude_meters": st.floats(-400, 8800),
        "distance_meters": st.floats(0, 1e6),
        "speed_mps": st.floats(0, 60),
        "power_watts": st.floats(0, 2500),
        "heart_rate_bpm": st.floats(0, 254),
        "cadence_rpm": st.floats(0, 254),
        "temperature_celsius": st.floats(-40, 60),
        "Stryd power": st.floats(-1e9, 1e9),
        "core °C": st.integers(0, 65534).map(float),
    }


@st.composite
def streams(draw: st.DrawFn, begin: int = 1_400_000_000) -> Streams:
    """Records at rising whole seconds, some smart-recorded, some after a long gap; cells missing anywhere."""
    steps = draw(st.lists(st.one_of(st.integers(0, 40), st.integers(0, 100_000)), min_size=1, max_size=25))
    seconds = begin + np.cumsum(steps)
    columns = {}
    for name, values in channels().items():
        if draw(st.booleans()):
            cells = st.one_of(st.just(float("nan")), values)
            column = np.array(draw(st.lists(cells, min_size=len(steps), max_size=len(steps))))
            if not np.isnan(column).all():
                columns[name] = column
    units = {name: "u" for name in columns if name not in RESOLUTION}
    return Streams(seconds.astype(np.int64) * 1000, columns, units)


@st.composite
def activities(draw: st.DrawFn) -> ActivityFile:
    """One to three sessions, one behind the other."""
    sessions = []
    begin = draw(st.integers(1_000_000_000, 2_000_000_000))
    for index in range(draw(st.integers(1, 3))):
        told = draw(streams(begin))
        start, end = int(told.time_ms[0]), int(told.time_ms[-1])
        raw, word = draw(
            st.sampled_from([("cycling", "bike"), ("running", "run"), ("swimming", "swim"), ("hiking", "hike")])
        )
        summary = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "duration_seconds": st.integers(0, 10**6).map(float),
                    "distance_meters": st.integers(0, 10**6).map(float),
                    "mean_power_watts": st.integers(0, 2000).map(float),
                    "max_speed_mps": st.integers(0, 60).map(float),
                },
            )
        )
        laps = (Lap(start, end, {"distance_meters": 12.5}),) if draw(st.booleans()) else ()
        sessions.append(
            Session(index, word, start, end, told, sport_raw=raw, laps=laps, summary=summary, utc_offset_seconds=7200)
        )
        begin = end // 1000 + 60
    return ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, tuple(sessions), Device("garmin", "1836", "9.5"))


def assert_same_streams(got: Streams, expected: Streams) -> None:
    np.testing.assert_array_equal(got.time_ms, expected.time_ms)
    assert set(got.channels) == set(expected.channels)
    for name, values in expected.channels.items():
        step = RESOLUTION.get(name, 0.0)
        np.testing.assert_allclose(got.channels[name], values, rtol=1e-12, atol=step * 0.5000001, err_msg=name)


options = st.fixed_dictionaries(
    {},
    optional={
        "big_endian": st.booleans(),
        "compressed_timestamps": st.booleans(),
        "header12": st.booleans(),
        "zero_header_crc": st.booleans(),
        "bad_crc": st.booleans(),
    },
)


@settings(max_examples=80, deadline=None)
@given(activities(), options)
def test_what_is_written_is_what_fitparse_reads(file: ActivityFile, how: dict[str, bool]) -> None:
    back = read_reference(write_fit(file, **how))
    assert [s.sport for s in back.sessions] == [s.sport for s in file.sessions]
    assert back.device == replace(file.device, product=back.device.product)
    for got, expected in zip(back.sessions, file.sessions, strict=True):
        assert (got.start_ms, got.end_ms) == (expected.start_ms, expected.end_ms)
        assert got.utc_offset_seconds == 7200
        assert_same_streams(got.streams, renamed(expected.streams))
        assert {k: v for k, v in got.summary.items() if k != "elapsed_seconds"} == expected.summary
        assert [(lap.start_ms, lap.end_ms) for lap in got.laps] == [(lap.start_ms, lap.end_ms) for lap in expected.laps]


@settings(max_examples=80, deadline=None)
@given(activities(), options)
def test_what_is_written_is_what_our_reader_reads(file: ActivityFile, how: dict[str, bool]) -> None:
    back = read_fit(write_fit(file, **how))
    assert back.device == replace(file.device, product=back.device.product, software="9.50")
    assert not back.partial
    for got, expected in zip(back.sessions, file.sessions, strict=True):
        assert (got.sport, got.sport_raw, got.sub_sport) == (expected.sport, expected.sport_raw, expected.sub_sport)
        assert (got.start_ms, got.end_ms, got.utc_offset_seconds) == (expected.start_ms, expected.end_ms, 7200)
        assert_same_streams(got.streams, renamed(expected.streams))
        assert {k: v for k, v in got.summary.items() if k != "elapsed_seconds"} == expected.summary
        assert [(p.start_ms, p.end_ms, p.summary["distance_meters"]) for p in got.laps] == [
            (p.start_ms, p.end_ms, 12.5) for p in expected.laps
        ]


def renamed(streams: Streams) -> Streams:
    """Both readers make plain words of developers' names."""
    names = {"Stryd power": "stryd_power", "core °C": "core_c"}
    return replace(streams, channels={names.get(name, name): values for name, values in streams.channels.items()})


@pytest.mark.parametrize("how", [{}, {"big_endian": True}, {"compressed_timestamps": True}])
def test_fitdecode_reads_the_same_power(how: dict[str, bool]) -> None:
    import fitdecode

    file = ride(100)
    with fitdecode.FitReader(write_fit(file, **how), check_crc=fitdecode.CrcCheck.RAISE) as reader:
        frames = [f for f in reader if f.frame_type == fitdecode.FIT_FRAME_DATA and f.name == "record"]
    assert [f.get_value("power") for f in frames] == list(range(200, 300))
    assert [f.get_value("timestamp").timestamp() * 1000 for f in frames] == list(file.sessions[0].streams.time_ms)


def test_both_checksums_are_those_of_the_protocol() -> None:
    data = write_fit(ride(3))
    # CRC-16/ARC over a message followed by its own checksum, low byte first, is 0.
    assert fastcrc.crc16.arc(data[:14]) == 0
    assert fastcrc.crc16.arc(data) == 0
    assert data[8:12] == b".FIT"
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 16


def test_odd_headers_are_what_they_say() -> None:
    plain = write_fit(ride(3))
    old, unsized, bad = (write_fit(ride(3), **{k: True}) for k in ("header12", "zero_data_size", "bad_crc"))
    assert old[0] == 12
    assert old[12:-2] == plain[14:-2]
    assert unsized[4:8] == b"\0\0\0\0"
    assert unsized[14:] == plain[14:-2]
    assert bad[:-2] == plain[:-2]
    assert bad[-2:] != plain[-2:]
    assert write_fit(ride(3), zero_header_crc=True)[12:14] == b"\0\0"


def test_compressed_timestamps_make_rows_four_bytes_shorter() -> None:
    # All rows but the first: 1 s apart. The short definition costs 6 bytes and 3 for each of the four fields.
    full, short = write_fit(ride(100)), write_fit(ride(100), compressed_timestamps=True)
    assert len(full) - len(short) == 99 * 4 - (6 + 3 * 4)


def test_older_fields_read_back_as_the_same_channels() -> None:
    old = read_reference(write_fit(ride(20), enhanced=False))
    assert_same_streams(old.sessions[0].streams, ride(20).sessions[0].streams)


def test_a_pause_is_a_stop_and_a_start_of_the_timer() -> None:
    pause = Pause(START + 30_000, START + 90_000)
    at = np.r_[0:31, 90:120]
    file = ride()
    base = replace(file.sessions[0], streams=Streams(START + 1000 * at, {"power_watts": at + 1.0}), pauses=(pause,))
    base = replace(base, end_ms=START + 119_000)
    back = read_reference(write_fit(replace(file, sessions=(base,)), compressed_timestamps=True)).sessions[0]
    assert back.pauses == (pause,)
    np.testing.assert_array_equal(back.streams.time_ms, base.streams.time_ms)


def test_lengths_and_beats_survive() -> None:
    lengths = (
        Length(START, START + 25_000, active=True, strokes=14, stroke="freestyle"),
        Length(START + 25_000, START + 45_000, active=False),
    )
    beats = np.array([800.0, 810.0, 790.0, 805.0, 801.0, 799.0, 1200.0])
    file = replace(ride(60, lengths=lengths, sport="swim", sport_raw="swimming"), rr_intervals_ms=beats)
    back = read_reference(write_fit(file))
    assert back.sessions[0].lengths == lengths
    assert back.rr_intervals_ms is not None
    np.testing.assert_allclose(back.rr_intervals_ms, beats)


def test_a_value_that_its_field_cannot_hold_is_not_told() -> None:
    file = ride(3)
    wild = Streams(file.sessions[0].streams.time_ms, {"heart_rate_bpm": np.array([-1.0, 120.0, 255.0])})
    back = read_reference(write_fit(ride(3, streams=wild))).sessions[0].streams.channels["heart_rate_bpm"]
    np.testing.assert_array_equal(back, [np.nan, 120.0, np.nan])


def test_a_time_that_fit_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="date_time"):
        write_fit(ride(3, start_ms=500_000_000_000))  # 1985


def test_seconds_since_power_up_stay_what_they_are() -> None:
    streams = Streams(np.array([5000, 6000], np.int64), {"power_watts": np.array([1.0, 2.0])})
    back = read_reference(write_fit(ride(2, start_ms=5000, end_ms=6000, streams=streams)))
    assert list(back.sessions[0].streams.time_ms) == [5000, 6000]


def test_a_chain_is_read_to_its_last_file() -> None:
    later = ride(10, start_ms=START + 3_600_000, end_ms=START + 3_609_000)
    moved = replace(
        later.sessions[0],
        streams=replace(later.sessions[0].streams, time_ms=later.sessions[0].streams.time_ms + 3_600_000),
    )
    back = read_reference(chain(write_fit(ride(20)), write_fit(replace(later, sessions=(moved,)))))
    assert [len(s.streams) for s in back.sessions] == [20, 10]
