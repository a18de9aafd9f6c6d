"""What real GPX files get wrong, and what comes out all the same."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from perf_pipeline.formats.gpx import identify_gpx, read_gpx
from perf_pipeline.formats.model import ActivityFile, CorruptFileError, FileKind, Pause, UnknownFormatError

NOON_MS = 1_577_880_000_000  # 2020-01-01T12:00:00Z
NOON = "2020-01-01T12:00:00Z"


def point(time: str | None = NOON, inner: str = "", lat: float = 47.0, lon: float = 8.0) -> str:
    stamp = f"<time>{time}</time>" if time else ""
    return f'<trkpt lat="{lat}" lon="{lon}">{stamp}{inner}</trkpt>'


def track(*segments: str, said: str = "") -> str:
    return f"<trk>{said}{''.join(f'<trkseg>{s}</trkseg>' for s in segments)}</trk>"


def gpx(*content: str, attributes: str = 'version="1.1" creator="Test"') -> bytes:
    return f"<gpx {attributes}>{''.join(content)}</gpx>".encode()


def extensions(inner: str) -> str:
    return f"<extensions>{inner}</extensions>"


def only(file: ActivityFile, channel: str) -> float:
    return float(file.sessions[0].streams.channels[channel][0])


def at(second: float) -> str:
    minutes, seconds = divmod(second, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"2020-01-01T{12 + hours:02d}:{minutes:02d}:{int(seconds):02d}Z"


def test_a_point_becomes_one_record_with_position_altitude_and_time() -> None:
    session = read_gpx(gpx(track(point(inner="<ele>412.5</ele>")))).sessions[0]
    assert session.streams.time_ms.tolist() == [NOON_MS]
    assert {k: v.tolist() for k, v in session.streams.channels.items()} == {
        "latitude_degrees": [47.0],
        "longitude_degrees": [8.0],
        "altitude_meters": [412.5],
    }


@pytest.mark.parametrize(
    ("inner", "channel", "value"),
    [
        ("<t:TrackPointExtension><t:hr>141</t:hr></t:TrackPointExtension>", "heart_rate_bpm", 141),
        ("<t:TrackPointExtension><t:cad>88</t:cad></t:TrackPointExtension>", "cadence_rpm", 88),
        ("<t:TrackPointExtension><t:atemp>21.5</t:atemp></t:TrackPointExtension>", "temperature_celsius", 21.5),
        ("<t:TrackPointExtension><t:speed>3.25</t:speed></t:TrackPointExtension>", "speed_mps", 3.25),
        ("<gpxdata:hr>142</gpxdata:hr>", "heart_rate_bpm", 142),
        ("<gpxdata:cadence>77</gpxdata:cadence>", "cadence_rpm", 77),
        ("<gpxdata:temp>9</gpxdata:temp>", "temperature_celsius", 9),
        ("<gpxdata:distance>1234.5</gpxdata:distance>", "distance_meters", 1234.5),
        ("<power>250</power>", "power_watts", 250),
        ("<x:PowerInWatts>251</x:PowerInWatts>", "power_watts", 251),
        ("<heartrate>143</heartrate>", "heart_rate_bpm", 143),
        ("<gpxx:Temperature>27</gpxx:Temperature>", "temperature_celsius", 27),
    ],
)
def test_every_known_extension_is_a_channel(inner: str, channel: str, value: float) -> None:
    declared = 'xmlns:t="http://www.garmin.com/xmlschemas/TrackPointExtension/v2" xmlns:gpxdata="urn:g"'
    data = gpx(track(point(inner=extensions(inner))), attributes=declared + ' xmlns:x="urn:x" xmlns:gpxx="urn:y"')
    assert only(read_gpx(data), channel) == value


def test_undeclared_prefixes_lose_nothing_and_the_file_is_whole() -> None:
    file = read_gpx(gpx(track(point(inner=extensions("<gpxdata:cadence>76</gpxdata:cadence>")))))
    assert only(file, "cadence_rpm") == 76
    assert (file.partial, file.warnings) == (False, ())


def test_the_first_of_two_values_for_one_channel_wins() -> None:
    inner = extensions("<gpxdata:cadence>76</gpxdata:cadence><cadence>99</cadence>")
    assert only(read_gpx(gpx(track(point(inner=inner)))), "cadence_rpm") == 76


def test_what_stands_behind_the_last_point_belongs_to_the_track() -> None:
    data = gpx(f"<trk><trkseg>{point()}</trkseg><extensions><distance>9000</distance></extensions></trk>")
    assert "distance_meters" not in read_gpx(data).sessions[0].streams.channels


@pytest.mark.parametrize(
    "head",
    [
        b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>",
        b"  \r\n\t<?xml version='1.0'?>\n",
        b"\xef\xbb\xbf\n<?xml version='1.0'?>",
        b"",
        b"<?xml version='1.0' encoding='UTF-16'?>",
        b"<?xml version='1.0' encoding='no-such-thing'?>",
        b"<!-- written by hand --><?hint of something?>",
    ],
)
def test_what_stands_before_the_root_does_not_matter(head: bytes) -> None:
    file = read_gpx(head + gpx(track(point())))
    assert (len(file.sessions[0].streams), file.partial) == (1, False)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "iso-8859-1", "utf-8"])
def test_the_name_is_read_in_any_encoding(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + gpx(track(point(), said="<name>Genève</name>")).decode()
    assert read_gpx(text.encode(encoding)).sessions[0].name == "Genève"


def test_latin_letters_in_a_file_that_claims_utf_8_are_read_as_such() -> None:
    text = '<?xml version="1.0" encoding="utf-8"?>' + gpx(track(point(), said="<name>Genève</name>")).decode()
    file = read_gpx(text.encode("iso-8859-1"))
    assert (file.sessions[0].name, file.partial) == ("Genève", False)


@pytest.mark.parametrize(
    "attributes",
    [
        'version="1.0" xmlns="http://www.topografix.com/GPX/1/0"',
        'version="1.1" xmlns="http://www.topografix.com/GPX/1/1"',
        'xmlns="http://example.org/wrong"',
        "",
    ],
)
def test_the_namespace_does_not_matter(attributes: str) -> None:
    assert len(read_gpx(gpx(track(point()), attributes=attributes)).sessions[0].streams) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-01T12:00:00Z", NOON_MS),
        ("2020-01-01T12:00:00", NOON_MS),
        ("2020-01-01T13:00:00+01:00", NOON_MS),
        ("2020-01-01T06:30:00-0530", NOON_MS),
        ("2020-01-01T12:00:00.5Z", NOON_MS + 500),
        ("2020-01-01T12:00:00.123456Z", NOON_MS + 123),
        ("2020-01-01T12:00:00.123456789+00:00", NOON_MS + 123),
        ("2020-01-01 12:00:00", NOON_MS),
        ("\n 2020-01-01T12:00:00Z ", NOON_MS),
        ("2020-02-29T00:00:00Z", 1_582_934_400_000),
        ("1969-12-31T23:59:59Z", -1000),
    ],
)
def test_a_time_is_read_with_or_without_zone_and_fraction(text: str, expected: int) -> None:
    assert read_gpx(gpx(track(point(text)))).sessions[0].start_ms == expected


@pytest.mark.parametrize(
    "text", ["yesterday", "2020-13-01T00:00:00Z", "2019-02-29T00:00:00Z", "2020-01-01T25:00:00Z", "", "2020-01-01T12"]
)
def test_what_is_no_time_is_no_record(text: str) -> None:
    file = read_gpx(gpx(track(point(text) + point())))
    assert file.sessions[0].streams.time_ms.tolist() == [NOON_MS]
    assert file.warnings == ("1 of 2 points have no time and are left out",)


def test_a_common_offset_is_the_sessions_offset_and_utc_is_not() -> None:
    assert read_gpx(gpx(track(point("2020-01-01T14:00:00+02:00")))).sessions[0].utc_offset_seconds == 7200
    assert read_gpx(gpx(track(point()))).sessions[0].utc_offset_seconds is None


def test_time_going_back_stays_in_the_order_of_the_file() -> None:
    session = read_gpx(gpx(track(point(at(5)) + point(at(3)) + point(at(9))))).sessions[0]
    assert (session.streams.time_ms - NOON_MS).tolist() == [5000, 3000, 9000]
    assert (session.start_ms - NOON_MS, session.end_ms - NOON_MS) == (3000, 9000)


def test_a_segment_break_is_a_pause_and_an_empty_segment_is_nothing() -> None:
    session = read_gpx(gpx(track(point(at(0)) + point(at(1)), "", point(at(61))))).sessions[0]
    assert session.pauses == (Pause(NOON_MS + 1000, NOON_MS + 61_000),)


def test_segments_a_second_apart_miss_no_time() -> None:
    assert read_gpx(gpx(track(point(at(0)), point(at(1))))).sessions[0].pauses == ()


def test_tracks_of_one_outing_are_one_session_with_a_pause() -> None:
    sessions = read_gpx(gpx(track(point(at(0))), track(point(at(7200)), said="<type>running</type>"))).sessions
    assert [(s.sport, len(s.streams), len(s.pauses)) for s in sessions] == [("run", 2, 1)]


def test_tracks_of_two_sports_are_two_sessions_in_order_of_time() -> None:
    later = track(point(at(600)), said="<type>running</type>")
    earlier = track(point(at(0)), said="<type>cycling</type>")
    sessions = read_gpx(gpx(later, earlier)).sessions
    assert [(s.index, s.sport, s.sport_raw) for s in sessions] == [(0, "bike", "cycling"), (1, "run", "running")]


@pytest.mark.parametrize(("gap", "count"), [(4 * 3600, 1), (4 * 3600 + 1, 2)])
def test_more_than_four_hours_between_tracks_are_two_sessions(gap: int, count: int) -> None:
    assert len(read_gpx(gpx(track(point(at(0))), track(point(at(gap))))).sessions) == count


def test_a_strava_number_is_a_sport() -> None:
    assert read_gpx(gpx(track(point(), said="<type>9</type>"))).sessions[0].sport == "run"


def test_name_notes_and_creator_are_kept() -> None:
    data = gpx(track(point(), said="<name> Ride </name><desc>windy</desc>"), attributes='creator="Edge 530"')
    file = read_gpx(data)
    assert (file.sessions[0].name, file.sessions[0].notes, str(file.device)) == ("Ride", "windy", "Edge 530")


def test_the_names_of_points_and_links_are_not_the_sessions() -> None:
    data = gpx(track(point(inner="<name>TP001</name>"), said="<link href='x'><text>t</text><type>html</type></link>"))
    assert (read_gpx(data).sessions[0].name, read_gpx(data).sessions[0].sport) == (None, "other")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (track(point(None)), FileKind.COURSE),
        ('<rte><rtept lat="1" lon="2"><time>2020-01-01T00:00:00Z</time></rtept></rte>', FileKind.COURSE),
        ('<wpt lat="1" lon="2"><time>2020-01-01T00:00:00Z</time></wpt>', FileKind.OTHER),
        ("<metadata><time>2020-01-01T00:00:00Z</time></metadata>", FileKind.OTHER),
        (track(""), FileKind.OTHER),
    ],
)
def test_without_a_timed_point_it_is_no_activity_and_no_error(content: str, kind: FileKind) -> None:
    data = gpx(content)
    file = read_gpx(data)
    assert (file.kind, file.sessions) == (kind, ())
    assert (identify_gpx(data).kind, identify_gpx(data).start_ms) == (kind, None)


def test_numbers_that_are_none_are_missing() -> None:
    inner = "<ele>high</ele>" + extensions("<hr>nan</hr><cad>1e999</cad><power/>")
    session = read_gpx(gpx(track(point(inner=inner)))).sessions[0]
    assert set(session.streams.channels) == {"latitude_degrees", "longitude_degrees"}


def test_a_point_without_a_position_is_still_a_record() -> None:
    data = gpx(track(f"<trkpt><time>{NOON}</time><hr>120</hr></trkpt>"))
    assert set(read_gpx(data).sessions[0].streams.channels) == {"heart_rate_bpm"}


def test_a_cut_file_keeps_what_was_before_the_cut_and_says_the_line() -> None:
    whole = gpx(track("\n".join(point(at(i), f"<ele>{100 + i}</ele>") for i in range(50))))
    cut = whole[: whole.index(b"<ele>130") + len("<ele>13")]
    file = read_gpx(cut)
    assert file.partial
    assert "line 31" in file.warnings[0]
    # The altitude of the last record was cut from 130 to 13: it is missing rather than wrong.
    altitude = file.sessions[0].streams.channels["altitude_meters"]
    assert np.array_equal(altitude[:30], 100.0 + np.arange(30))
    assert len(altitude) == 31
    assert np.isnan(altitude[30])


def test_every_cut_of_a_file_is_read_or_refused_with_a_reason() -> None:
    whole = gpx(track(point(at(0), "<ele>1</ele>") + point(at(1), "<ele>2</ele>"), said="<name>a</name>"))
    whole_records = [(NOON_MS, 1.0), (NOON_MS + 1000, 2.0)]
    for end in range(len(whole)):
        try:
            file = read_gpx(whole[:end])
        except (CorruptFileError, UnknownFormatError):
            continue
        except Exception as error:  # noqa: BLE001
            assert end == 0, error  # noqa: PT017
            continue
        for session in file.sessions:
            altitude = session.streams.get("altitude_meters")
            for i, time in enumerate(session.streams.time_ms.tolist()):
                assert time == whole_records[i][0]
                assert altitude is None or np.isnan(altitude[i]) or altitude[i] == whole_records[i][1]


def test_another_root_is_another_format() -> None:
    with pytest.raises(UnknownFormatError):
        read_gpx(b"<kml></kml>")


def test_nothing_to_keep_is_an_error() -> None:
    with pytest.raises(CorruptFileError):
        read_gpx(b"<gpx><trk")


@pytest.mark.corpus
def test_every_real_file_gives_the_points_that_the_manifest_counts(corpus_dir: Path) -> None:
    """Where points have no time they are no records; what is left are text and a foreign root."""
    different = {}
    with (corpus_dir / "MANIFEST.csv").open(newline="") as manifest:
        for row in csv.DictReader(manifest):
            if row["format"] != "gpx":
                continue
            data = (corpus_dir / row["file"]).read_bytes()
            try:
                file = read_gpx(data)
                identity = identify_gpx(data)
            except (CorruptFileError, UnknownFormatError):
                different[row["file"]] = "refused"
                continue
            assert identity.kind == file.kind, row["file"]
            records = sum(len(s.streams) for s in file.sessions)
            timeless = "no_time" in row["note"] or "partial_time" in row["note"]
            if records != int(row["n_records"]) and not timeless:
                different[row["file"]] = f"{records} of {row['n_records']}"
    assert different == {
        "gpx/gpsb-trackfilter_discard_err.gpx": "refused",
        "gpx/sgpx-not_gpx_root.gpx": "refused",
    }
