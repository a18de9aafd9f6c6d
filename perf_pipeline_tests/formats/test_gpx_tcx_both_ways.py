"""The fast way through plain XML and the way over the tree give the same, and writers are the readers' inverse."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from perf_pipeline.formats import gpx, tcx
from perf_pipeline.formats.model import (
    ActivityFile,
    Device,
    FileFormat,
    FileKind,
    FormatError,
    Lap,
    Pause,
    Session,
    Streams,
)
from perf_pipeline.formats.xml_columns import floats, floats_at, time_ms, times
from perf_pipeline.formats.xml_fast import cut
from perf_pipeline.formats.xml_points import Vocabulary, walk
from perf_pipeline.formats.xml_safety import parse

START_MS = 1_577_880_000_000


def activity(count: int = 40, *, seed: int = 1, paused_at: int | None = None) -> ActivityFile:
    rng = np.random.default_rng(seed)
    time = START_MS + 1000 * np.arange(count, dtype=np.int64)
    pauses: tuple[Pause, ...] = ()
    if paused_at is not None:
        time[paused_at:] += 60_000
        pauses = (Pause(int(time[paused_at - 1]), int(time[paused_at])),)
    heart = rng.integers(90, 180, count).astype(float)
    heart[rng.random(count) < 0.2] = np.nan
    channels = {
        "latitude_degrees": rng.uniform(-80, 80, count),
        "longitude_degrees": rng.uniform(-179, 179, count),
        "altitude_meters": rng.uniform(-100, 4000, count).round(1),
        "speed_mps": rng.uniform(0, 15, count).round(3),
        "power_watts": rng.integers(0, 900, count).astype(float),
        "heart_rate_bpm": heart,
        "cadence_rpm": rng.integers(0, 120, count).astype(float),
    }
    laps = (Lap(int(time[0]), int(time[-1]), {"duration_seconds": 12.5, "distance_meters": 100.0}),)
    session = Session(
        0,
        "bike",
        int(time[0]),
        int(time[-1]),
        Streams(time, channels),
        "Biking",
        laps=laps,
        pauses=pauses,
        summary=laps[0].summary,
        name="Ridge & <valley>",
        notes="windy",
    )
    return ActivityFile(FileFormat.GPX, FileKind.ACTIVITY, (session,), Device(product="Test"))


def assert_same_points(data: bytes, words: Vocabulary) -> bool:
    """Whether the fast way took the file; fails where it gives anything else than the tree."""
    fast = cut(data, words)
    if fast is None:
        return False
    points, tree = fast[1], walk(parse(data).root, words)
    assert len(points) == len(tree)
    for opener in words.openers:
        assert np.array_equal(points.ordinal(opener), tree.ordinal(opener)), opener
    ours, theirs = points.times(), tree.times()
    assert np.array_equal(ours[0], theirs[0])
    assert ours[1] == theirs[1]
    for name in words.fields:
        a, b = points.column((name,)), tree.column((name,))
        assert (a is None and b is None) or np.array_equal(a, b, equal_nan=True), name
    for name in words.attributes:
        assert np.array_equal(points.attribute(name), tree.attribute(name), equal_nan=True), name
    return True


@pytest.mark.parametrize(
    ("written", "words"), [(gpx.write_gpx(activity()), gpx.WORDS), (tcx.write_tcx(activity(paused_at=7)), tcx.WORDS)]
)
def test_a_plain_file_goes_the_fast_way_and_gives_what_the_tree_gives(written: bytes, words: Vocabulary) -> None:
    assert assert_same_points(written, words)


_ODD = [b"<", b">", b"/", b"&", b'"', b"<!-- x -->", b"<![CDATA[1]]>", b"</hr>", b"<ele>5</ele>", b"\x01", b"\xff"]
_ODD += [
    b"<trkpt/>",
    b"<trkseg>",
    b"</trkpt>",
    b"<Value>1</Value>",
    b"<Track>",
    b"</Track>",
    b" ",
    b"1",
    b"<?x?>",
    b"]]>",
]
_ODD += [b"</Trackpoint>", b"<Lap>", b"x:", b" a='1'", b' lat="1"', b"<a b=1/>", b"<hr><a/></hr>", b"e5", b"-", b"."]


@pytest.mark.parametrize(("write", "words"), [(gpx.write_gpx, gpx.WORDS), (tcx.write_tcx, tcx.WORDS)])
def test_a_damaged_file_gives_the_same_both_ways_or_goes_over_the_tree(write, words: Vocabulary) -> None:
    whole = write(activity(6, paused_at=3))
    rng = random.Random(7)
    taken = 0
    for _ in range(2500):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(data))
            choice = rng.random()
            if choice < 0.4:
                data[at:at] = rng.choice(_ODD)
            elif choice < 0.7:
                del data[at : at + rng.randint(1, 30)]
            else:
                data[at] = rng.randrange(32, 127)
        taken += assert_same_points(bytes(data), words)
    # Enough damage leaves the file plain (digits, texts) for the comparison to mean something.
    assert taken > 100


@pytest.mark.corpus
def test_every_real_file_gives_the_same_both_ways(corpus_dir: Path) -> None:
    taken = sum(assert_same_points(p.read_bytes(), gpx.WORDS) for p in sorted((corpus_dir / "gpx").iterdir()))
    taken += sum(assert_same_points(p.read_bytes(), tcx.WORDS) for p in sorted((corpus_dir / "tcx").iterdir()))
    assert taken >= 150


number_texts = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-400, 400, allow_nan=False, places=16).map(str),
    st.decimals(-400, 400, allow_nan=False, places=29).map(str),
    # Written out to the last digit, and one digit off: next to the middle of two doubles.
    st.floats(-400, 400).map(lambda x: f"{Decimal(x):.32f}"),
    st.floats(1, 400).map(lambda x: f"{(Decimal(x) + Decimal(math.nextafter(x, 500))) / 2:.28f}"),
    st.from_regex(r"-?[0-9]{0,20}\.?[0-9]{0,20}", fullmatch=True),
    st.sampled_from(
        ["", "-", ".", "-.", "1-2", "+5", " 7 ", "1_000", "nan", "inf", "1e5", "--1", "0x10", "1.2.3", "-0"]
    ),
)


@given(st.lists(number_texts, max_size=30))
def test_columns_of_decimals_are_the_nearest_doubles(texts: list[str]) -> None:
    # What starts within the first sixteen bytes is read alone.
    before = 20
    octets = np.frombuffer(b" " * before + "".join(texts).encode() + b" " * 8, np.uint8)
    length = np.array([len(text) for text in texts], np.int64)
    stops = np.cumsum(length) + before
    assert np.array_equal(floats_at(octets, stops - length, stops), floats(texts), equal_nan=True)
    assert np.array_equal(floats(texts), [slow_number(text) for text in texts], equal_nan=True)


def slow_number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) and "_" not in text else np.nan


@given(
    st.lists(
        st.one_of(
            st.datetimes().map(lambda t: t.isoformat() + "Z"),
            st.datetimes().map(lambda t: t.isoformat(timespec="milliseconds") + "+05:30"),
            st.text("0123456789-:TZ. +", max_size=25),
        ),
        max_size=20,
    )
)
def test_columns_of_times_are_the_single_times(texts: list[str]) -> None:
    assert times(texts)[0].tolist() == [time_ms(text)[0] for text in texts]


@given(st.datetimes())
def test_a_time_agrees_with_the_calendar_of_python(moment) -> None:
    import datetime as dt

    since = moment.replace(microsecond=0, tzinfo=dt.UTC) - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert time_ms(moment.isoformat(timespec="seconds"))[0] == int(since.total_seconds()) * 1000


positions = hnp.arrays(
    np.float64, 12, elements=st.integers(-(179 << 23), 179 << 23).map(lambda units: units / (1 << 23))
)


@settings(max_examples=40, deadline=None)
@given(positions, positions, st.integers(1, 11), st.text(max_size=20))
def test_what_is_written_reads_back(latitude: np.ndarray, longitude: np.ndarray, paused_at: int, name: str) -> None:
    file = activity(12, paused_at=paused_at)
    given_session = file.sessions[0]
    given_session.streams.channels.update(latitude_degrees=latitude, longitude_degrees=longitude)
    for write, read in ((gpx.write_gpx, gpx.read_gpx), (tcx.write_tcx, tcx.read_tcx)):
        (session,) = read(write(file)).sessions
        assert np.array_equal(session.streams.time_ms, given_session.streams.time_ms)
        assert session.streams.channels.keys() == given_session.streams.channels.keys()
        for channel, column in given_session.streams.channels.items():
            assert np.array_equal(session.streams.channels[channel], column, equal_nan=True), channel
        assert session.pauses == given_session.pauses
        assert (session.sport, session.notes) == ("bike", "windy")
    assert gpx.read_gpx(gpx.write_gpx(file)).sessions[0].name == "Ridge & <valley>"
    (session,) = tcx.read_tcx(tcx.write_tcx(file)).sessions
    assert (session.laps[0].start_ms, session.summary) == (START_MS, given_session.summary)


def test_a_distance_that_nobody_knows_is_not_written_as_zero() -> None:
    file = activity(12)
    untold = replace(file.sessions[0], laps=(), summary={"duration_seconds": 12.5})
    written = tcx.write_tcx(replace(file, sessions=(untold,)))
    assert b"<DistanceMeters>0" not in written
    assert "distance_meters" not in tcx.read_tcx(written).sessions[0].summary


def test_the_same_file_is_written_in_the_same_bytes() -> None:
    assert gpx.write_gpx(activity()) == gpx.write_gpx(activity())
    assert tcx.write_tcx(activity()) == tcx.write_tcx(activity())


def test_the_written_names_are_those_that_others_read() -> None:
    written = gpx.write_gpx(activity(3)).decode()
    for piece in (
        "TrackPointExtension/v2",
        "<power>",
        "<gpxtpx:hr>",
        "<gpxtpx:cad>",
        "<gpxtpx:speed>",
        'version="1.1"',
    ):
        assert piece in written
    written = tcx.write_tcx(activity(3)).decode()
    for piece in (
        "<x:TPX><x:Speed>",
        "<x:Watts>",
        "<HeartRateBpm><Value>",
        "<TotalTimeSeconds>12.5<",
        '<Lap StartTime="',
    ):
        assert piece in written


def test_gpx_refuses_what_has_no_position() -> None:
    empty = Session(0, "bike", 0, 0, Streams(np.zeros(1, np.int64), {"power_watts": np.ones(1)}))
    with pytest.raises(ValueError, match="position"):
        gpx.write_gpx(ActivityFile(FileFormat.GPX, FileKind.ACTIVITY, (empty,)))


def test_damage_leaves_a_reader_only_by_a_typed_error() -> None:
    rng = random.Random(11)
    for write, read, identify in (
        (gpx.write_gpx, gpx.read_gpx, gpx.identify_gpx),
        (tcx.write_tcx, tcx.read_tcx, tcx.identify_tcx),
    ):
        whole = write(activity(5, paused_at=2))
        for _ in range(400):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 6)):
                at = rng.randrange(len(data))
                data[at : at + rng.randint(0, 12)] = bytes(rng.randrange(256) for _ in range(rng.randint(0, 6)))
            for reader in (read, identify):
                try:
                    reader(bytes(data))
                except FormatError as error:
                    assert str(error)  # noqa: PT017
