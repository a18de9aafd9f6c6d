"""The second reading: each library behind the one model, with nothing but our errors let out."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.formats.fit_encoding import FLOAT64, UINT32, Column, enclose, table
from perf_pipeline.formats.fit_writer import write_fit
from perf_pipeline.formats.model import (
    ActivityFile,
    CorruptFileError,
    EmptyFileError,
    FileFormat,
    FileKind,
    FormatError,
    HostileFileError,
    Pause,
    Session,
    Streams,
    UnknownFormatError,
)
from perf_pipeline.formats.reference import read_reference

GPX = """<gpx version="1.1" creator="unit" xmlns="http://www.topografix.com/GPX/1/1"
 xmlns:t="http://www.garmin.com/xmlschemas/TrackPointExtension/v1"><trk><name>Loop</name><type>running</type>
<trkseg><trkpt lat="1.5" lon="2.5"><ele>10.5</ele><time>2026-02-01T08:00:00Z</time>
<extensions><power>250</power><t:TrackPointExtension><t:hr>140</t:hr><t:cad>88</t:cad></t:TrackPointExtension></extensions></trkpt>
<trkpt lat="1.6" lon="2.6"><time>2026-02-01T09:00:01.250+01:00</time></trkpt><trkpt lat="1" lon="2"/></trkseg>
<trkseg><trkpt lat="1.7" lon="2.7"><time>2026-02-01T08:01:00Z</time></trkpt></trkseg></trk></gpx>"""
NS = 'xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"'
TCX = f"""<TrainingCenterDatabase {NS}><Activities><Activity Sport="Biking"><Id>2026-02-01T08:00:00Z</Id>
<Lap StartTime="2026-02-01T08:00:00Z"><DistanceMeters>16.5</DistanceMeters><Calories>3</Calories><Track>
<Trackpoint><Time>2026-02-01T08:00:00Z</Time><DistanceMeters>0</DistanceMeters><HeartRateBpm><Value>120</Value></HeartRateBpm>
<Extensions><TPX xmlns="http://www.garmin.com/xmlschemas/ActivityExtension/v2"><Watts>200</Watts><Speed>8.25</Speed></TPX>
</Extensions></Trackpoint><Trackpoint><Time>2026-02-01T08:00:02Z</Time><DistanceMeters>16.5</DistanceMeters></Trackpoint>
</Track></Lap></Activity></Activities></TrainingCenterDatabase>"""
EIGHT = 1_769_932_800_000  # 2026-02-01T08:00:00Z


def test_gpx_gives_positions_extensions_and_the_pause_between_segments() -> None:
    (session,) = read_reference(GPX.encode()).sessions
    assert (session.sport, session.name) == ("run", "Loop")
    assert list(session.streams.time_ms) == [EIGHT, EIGHT + 1250, EIGHT + 60_000]
    assert session.pauses == (Pause(EIGHT + 1250, EIGHT + 60_000),)
    channels = session.streams.channels
    np.testing.assert_array_equal(channels["latitude_degrees"], [1.5, 1.6, 1.7])
    for name, first in (("altitude_meters", 10.5), ("power_watts", 250), ("heart_rate_bpm", 140), ("cadence_rpm", 88)):
        np.testing.assert_array_equal(channels[name], [first, np.nan, np.nan])


def test_tcx_keeps_an_indoor_ride() -> None:
    file = read_reference(b"\xef\xbb\xbf  \n<?xml version='1.0' encoding='UTF-8'?>" + TCX.encode())
    (session,) = file.sessions
    assert (file.format, file.reader.split()[0], session.sport) == (FileFormat.TCX, "tcxreader", "bike")
    assert list(session.streams.time_ms) == [EIGHT, EIGHT + 2000]
    np.testing.assert_array_equal(session.streams.channels["power_watts"], [200, np.nan])
    np.testing.assert_array_equal(session.streams.channels["distance_meters"], [0, 16.5])
    assert session.summary == {"distance_meters": 16.5, "energy_kcal": 3.0}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_an_encoding_changes_nothing(encoding: str) -> None:
    declared = f"<?xml version='1.0' encoding='{encoding}'?>" + GPX.replace("Loop", "Löp")
    assert read_reference(declared.encode(encoding)).sessions[0].name == "Löp"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("document", [GPX, TCX])
def test_a_doctype_is_refused_in_every_encoding(document: str, encoding: str) -> None:
    with pytest.raises(HostileFileError):
        read_reference(('<!DOCTYPE x [<!ENTITY a "b">]>' + document).encode(encoding))


def test_an_encoding_that_could_hide_a_doctype_is_refused() -> None:
    hidden = b"<?xml version='1.0' encoding='utf-7'?>+ADwAIQ-DOCTYPE x+AD4-" + GPX.encode()
    with pytest.raises(UnknownFormatError):
        read_reference(hidden)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", EmptyFileError),
        (b"hello", UnknownFormatError),
        (b"\x00\x01\x02\xff" * 9, UnknownFormatError),
        (b"\x0e\x10\x00\x00\x05\x00\x00\x00.FIT\x00\x00\x0a", CorruptFileError),
        (b"<gpx><trk></gpx>", CorruptFileError),
        (TCX.replace("16.5", "far away").encode(), CorruptFileError),
    ],
)
def test_what_cannot_be_read_is_one_of_our_errors(data: bytes, error: type[FormatError]) -> None:
    with pytest.raises(error):
        read_reference(data)


def test_no_contents_in_messages_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for broken in (GPX.replace("</trk>", "secret"), TCX.replace("<Calories>3", "<Calories>secret")):
        with pytest.raises(CorruptFileError) as caught:
            read_reference(broken.encode())
        assert "secret" not in str(caught.value) + caplog.text
        assert caught.value.__suppress_context__


def _fit(extra: str = "core") -> bytes:
    streams = Streams(
        EIGHT + 1000 * np.arange(50, dtype=np.int64),
        {"power_watts": np.arange(50.0), extra: np.linspace(36, 39, 50)},
        {extra: "degC"},
    )
    session = Session(0, "bike", EIGHT, EIGHT + 49_000, streams, sport_raw="cycling")
    return write_fit(ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, (session,)))


def test_a_truncated_fit_keeps_what_came_before() -> None:
    whole = _fit()
    cut = read_reference(whole[: len(whole) // 2])
    assert cut.partial
    assert cut.warnings == ("fitparse stopped: FitEOFError",)
    kept = len(cut.sessions[0].streams)
    assert 10 < kept < 50
    np.testing.assert_array_equal(cut.sessions[0].streams.channels["power_watts"], np.arange(kept))


def test_developer_fields_of_the_file_before_are_forgotten() -> None:
    told = [Column(253, UINT32, [1_000_000_000]), Column(0, FLOAT64, [7.0], developer=0)]
    undescribed = enclose(table(20, told).to_bytes())
    read_reference(_fit("first"))
    with pytest.raises(CorruptFileError):
        read_reference(undescribed)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_only_our_errors_leave_the_reader(data: st.DataObject) -> None:
    source = bytearray(data.draw(st.sampled_from([_fit(), GPX.encode(), TCX.encode()])))
    for _ in range(data.draw(st.integers(1, 8))):
        source[data.draw(st.integers(0, len(source) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(source)))
    try:
        file = read_reference(bytes(source[:cut]) if data.draw(st.booleans()) else bytes(source))
    except FormatError:
        return
    assert all(len(v) == len(s.streams) for s in file.sessions for v in s.streams.channels.values())
