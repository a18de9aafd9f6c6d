"""What real TCX files get wrong, and what comes out all the same."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from perf_pipeline.formats.model import CorruptFileError, FileKind, Pause, UnknownFormatError
from perf_pipeline.formats.tcx import identify_tcx, read_tcx

NOON_MS = 1_577_880_000_000  # 2020-01-01T12:00:00Z


def at(second: int) -> str:
    return f"2020-01-01T{12 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"


def point(second: int, inner: str = "") -> str:
    return f"<Trackpoint><Time>{at(second)}</Time>{inner}</Trackpoint>"


def lap(start: int, *tracks: str, said: str = "", after: str = "") -> str:
    body = "".join(f"<Track>{t}</Track>" for t in tracks)
    return f'<Lap StartTime="{at(start)}">{said}{body}{after}</Lap>'


def activity(*laps: str, sport: str = "Biking", after: str = "") -> str:
    return f'<Activity Sport="{sport}"><Id>{at(0)}</Id>{"".join(laps)}{after}</Activity>'


def tcx(*activities: str, courses: str = "") -> bytes:
    inside = f"<Activities>{''.join(activities)}</Activities>" if activities else ""
    namespace = 'xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2" xmlns:ns3="urn:x"'
    return f"<TrainingCenterDatabase {namespace}>{inside}{courses}</TrainingCenterDatabase>".encode()


def total(seconds: float, meters: float = 0, kcal: int = 0, hr: tuple[int, int] | None = None) -> str:
    heart = (
        f"<AverageHeartRateBpm><Value>{hr[0]}</Value></AverageHeartRateBpm>"
        f"<MaximumHeartRateBpm><Value>{hr[1]}</Value></MaximumHeartRateBpm>"
        if hr
        else ""
    )
    sums = f"<TotalTimeSeconds>{seconds}</TotalTimeSeconds><DistanceMeters>{meters}</DistanceMeters>"
    return f"{sums}<Calories>{kcal}</Calories>{heart}"


FULL_POINT = (
    "<Position><LatitudeDegrees>47.5</LatitudeDegrees><LongitudeDegrees>8.25</LongitudeDegrees></Position>"
    "<AltitudeMeters>400.5</AltitudeMeters><DistanceMeters>12.5</DistanceMeters>"
    "<HeartRateBpm><Value>140</Value></HeartRateBpm><Cadence>90</Cadence>"
    "<Extensions><ns3:TPX><ns3:Speed>8.5</ns3:Speed><ns3:Watts>250</ns3:Watts></ns3:TPX></Extensions>"
)


def test_a_point_gives_every_channel() -> None:
    session = read_tcx(tcx(activity(lap(0, point(0, FULL_POINT))))).sessions[0]
    assert session.sport == "bike"
    assert {name: column.tolist() for name, column in session.streams.channels.items()} == {
        "latitude_degrees": [47.5],
        "longitude_degrees": [8.25],
        "altitude_meters": [400.5],
        "distance_meters": [12.5],
        "heart_rate_bpm": [140.0],
        "cadence_rpm": [90.0],
        "speed_mps": [8.5],
        "power_watts": [250.0],
    }


def test_indoor_points_with_time_and_a_cadence_only_are_records() -> None:
    streams = read_tcx(tcx(activity(lap(0, point(0) + point(1, "<Cadence>80</Cadence>"))))).sessions[0].streams
    assert len(streams) == 2
    assert np.array_equal(streams.channels["cadence_rpm"], [np.nan, 80.0], equal_nan=True)


def test_run_cadence_counts_strides_as_the_model_does() -> None:
    inner = "<Extensions><TPX><RunCadence>84</RunCadence></TPX></Extensions>"
    session = read_tcx(tcx(activity(lap(0, point(0, inner)), sport="Running"))).sessions[0]
    assert (session.sport, session.streams.channels["cadence_rpm"].tolist()) == ("run", [84.0])


def test_a_laps_averages_are_not_its_points_values() -> None:
    said = total(10, 100, hr=(150, 170))
    after = "<Extensions><ns3:LX><ns3:AvgSpeed>9</ns3:AvgSpeed><ns3:Speed>99</ns3:Speed></ns3:LX></Extensions>"
    session = read_tcx(tcx(activity(lap(0, point(0), said=said, after=after)))).sessions[0]
    assert session.streams.channels == {}
    assert session.laps[0].summary["mean_heart_rate_bpm"] == 150


def test_lap_totals_add_up_and_means_weigh_by_time() -> None:
    laps = (
        lap(0, point(0), said=total(100, 1000, 20, (120, 150))),
        lap(100, point(100), said=total(300, 2000, 30, (160, 180))),
    )
    session = read_tcx(tcx(activity(*laps))).sessions[0]
    assert session.summary == {
        "duration_seconds": 400.0,
        "distance_meters": 3000.0,
        "energy_kcal": 50.0,
        "mean_heart_rate_bpm": 150.0,
        "max_heart_rate_bpm": 180.0,
    }


def test_a_lap_lasts_until_its_last_point_though_the_timer_stood() -> None:
    laps = (lap(0, point(0), point(100), said=total(40)), lap(100, point(101), said=total(10)))
    session = read_tcx(tcx(activity(*laps))).sessions[0]
    assert [((a.start_ms - NOON_MS) // 1000, (a.end_ms - NOON_MS) // 1000) for a in session.laps] == [
        (0, 100),
        (100, 110),
    ]


def test_a_new_track_in_a_lap_is_a_pause() -> None:
    session = read_tcx(tcx(activity(lap(0, point(0) + point(1), point(31))))).sessions[0]
    assert session.pauses == (Pause(NOON_MS + 1000, NOON_MS + 31_000),)


@pytest.mark.parametrize(("gap", "pauses"), [(1, 0), (8, 0), (60, 1)])
def test_between_laps_only_a_long_gap_is_a_pause(gap: int, pauses: int) -> None:
    laps = (lap(0, point(0) + point(1)), lap(1 + gap, point(1 + gap) + point(2 + gap)))
    assert len(read_tcx(tcx(activity(*laps))).sessions[0].pauses) == pauses


def test_several_activities_are_sessions_in_order_of_start() -> None:
    later, earlier = activity(lap(500, point(500)), sport="Running"), activity(lap(0, point(0)))
    assert [(s.index, s.sport) for s in read_tcx(tcx(later, earlier)).sessions] == [(0, "bike"), (1, "run")]


def test_every_part_of_a_multi_sport_session_is_a_session() -> None:
    first = f"<FirstSport>{activity(lap(0, point(0)), sport='Running')}</FirstSport>"
    inside = f"<TotalTimeSeconds>9</TotalTimeSeconds><Track>{point(51)}</Track>"
    change = f'<Transition StartTime="{at(50)}">{inside}</Transition>'
    following = f"<NextSport>{change}{activity(lap(100, point(100)))}</NextSport>"
    file = read_tcx(tcx(f"<MultiSportSession><Id>{at(0)}</Id>{first}{following}</MultiSportSession>"))
    assert [(s.sport, len(s.streams), len(s.laps)) for s in file.sessions] == [
        ("run", 1, 1),
        ("transition", 1, 1),
        ("bike", 1, 1),
    ]


def test_a_course_is_no_activity() -> None:
    course = f"<Courses><Course><Name>c</Name><Track>{point(0, FULL_POINT)}</Track></Course></Courses>"
    assert (read_tcx(tcx(courses=course)).kind, read_tcx(tcx(courses=course)).sessions) == (FileKind.COURSE, ())
    assert identify_tcx(tcx(courses=course)).kind is FileKind.COURSE


def test_a_course_beside_an_activity_gives_it_no_points() -> None:
    course = f"<Courses><Course><Track>{point(5) + point(6)}</Track></Course></Courses>"
    assert [len(s.streams) for s in read_tcx(tcx(activity(lap(0, point(0))), courses=course)).sessions] == [1]


def test_totals_without_a_point_are_a_session_with_a_summary() -> None:
    session = read_tcx(tcx(activity(lap(0, said=total(1800, 10_000, 300))))).sessions[0]
    assert (len(session.streams), session.summary["distance_meters"]) == (0, 10_000.0)
    assert (session.start_ms, session.end_ms) == (NOON_MS, NOON_MS + 1_800_000)


def test_an_activity_with_nothing_is_no_session() -> None:
    file = read_tcx(tcx('<Activity Sport="Biking"><Id>x</Id></Activity>'))
    assert (file.kind, file.sessions) == (FileKind.OTHER, ())


def test_a_workout_is_a_workout() -> None:
    assert read_tcx(tcx(courses="<Workouts><Workout><Name>w</Name></Workout></Workouts>")).kind is FileKind.WORKOUT


def test_blank_space_before_the_declaration_does_not_matter() -> None:
    data = b'\n   <?xml version="1.0" encoding="UTF-8"?>\n' + tcx(activity(lap(0, point(0))))
    assert read_tcx(data).partial is False
    assert identify_tcx(data).start_ms == NOON_MS


def test_notes_and_device_are_kept_and_the_serial_number_is_not() -> None:
    version = "<Version><VersionMajor>2</VersionMajor><VersionMinor>90</VersionMinor></Version>"
    name = "<Name>Forerunner305 (Unit ID 1234567890)</Name><UnitId>1234567890</UnitId>"
    creator = f"<Creator>{name}{version}</Creator>"
    file = read_tcx(tcx(activity(lap(0, point(0)), after=f"<Notes>easy</Notes>{creator}")))
    assert file.sessions[0].notes == "easy"
    assert (file.device.product, file.device.software) == ("Forerunner305", "2.90")


def test_a_cut_file_keeps_its_laps_and_records() -> None:
    whole = tcx(activity(lap(0, "".join(point(i, FULL_POINT) for i in range(20)), said=total(20))))
    file = read_tcx(whole[: whole.index(at(15).encode()) + 4])
    assert (file.partial, len(file.sessions[0].streams), len(file.sessions[0].laps)) == (True, 15, 1)


def test_another_root_is_another_format() -> None:
    with pytest.raises(UnknownFormatError):
        read_tcx(b"<gpx/>")


def test_nothing_to_keep_is_an_error() -> None:
    with pytest.raises(CorruptFileError):
        read_tcx(b"<TrainingCenterDatabase><Activ")


@pytest.mark.corpus
def test_every_real_file_gives_the_points_that_the_manifest_counts(corpus_dir: Path) -> None:
    """A course's points are no records; every other file gives every point, indoor ones too."""
    different = {}
    with (corpus_dir / "MANIFEST.csv").open(newline="") as manifest:
        for row in csv.DictReader(manifest):
            if row["format"] != "tcx":
                continue
            data = (corpus_dir / row["file"]).read_bytes()
            file, identity = read_tcx(data), identify_tcx(data)
            assert identity.kind == file.kind, row["file"]
            assert not file.partial, row["file"]
            records = sum(len(s.streams) for s in file.sessions)
            if records != int(row["n_records"]):
                different[row["file"]] = (str(file.kind), records)
    assert different == {
        "tcx/gpsb-course.tcx": ("course", 0),
        "tcx/gpsb-gtrnctr-readcp.tcx": ("course", 0),
        "tcx/gpsb-tcxtest-gpx-course.tcx": ("course", 0),
    }
