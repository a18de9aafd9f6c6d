"""Files to begin from: generated ones of every kind, and small real ones where there are any."""

# ruff: noqa: E501 - tables of words and files are read across

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np

from perf_pipeline.formats import workouts_erg, workouts_fit, workouts_yaml, workouts_zwo
from perf_pipeline.formats.fit_workout_writer import Repeat, WorkoutStep, write_fit_workout
from perf_pipeline.formats.fit_writer import write_fit
from perf_pipeline.formats.gpx_writer import write_gpx
from perf_pipeline.formats.model import ActivityFile, Device, FileFormat, FileKind, Lap, Length, Pause, Session, Streams
from perf_pipeline.formats.tcx_writer import write_tcx
from perf_pipeline.pipeline.demo_athlete import generate_simple
from perf_pipeline_tests.formats.fit_bytes import (
    BYTE,
    ENUM,
    FLOAT32,
    FLOAT64,
    SINT8,
    SINT32,
    STRING,
    T0,
    UINT8,
    UINT16,
    UINT32,
    UINT32Z,
    activity,
    ride,
    session,
)  # fmt: skip

MAX_CORPUS_BYTES = 100_000
_START_MS = 1_700_000_000_000


def outing(seconds: int = 12, sport: str = "bike", at_ms: int = _START_MS) -> ActivityFile:
    """A short activity with something of everything that files tell."""
    t = np.arange(seconds, dtype=np.float64)
    channels = {
        "latitude_degrees": 47 + t / 10_000, "longitude_degrees": 8 - t / 10_000, "altitude_meters": 400 + t,
        "distance_meters": 8.0 * t, "speed_mps": 8 + 0 * t, "power_watts": 200 + t, "heart_rate_bpm": 120 + t,
        "cadence_rpm": 90 + 0 * t, "temperature_celsius": 20 + 0 * t, "core_temperature": 37.5 + t / 100,
    }  # fmt: skip
    channels["heart_rate_bpm"][seconds // 2] = np.nan
    time_ms = at_ms + 1000 * np.arange(seconds, dtype=np.int64)
    end_ms, middle = int(time_ms[-1]), int(time_ms[seconds // 2])
    summary = {"duration_seconds": seconds - 2.0, "distance_meters": 8.0 * seconds, "mean_power_watts": 205.0}
    told = Session(
        0, sport, at_ms, end_ms, Streams(time_ms, channels, {"core_temperature": "degC"}), sport_raw="cycling",
        utc_offset_seconds=3600, laps=(Lap(at_ms, middle, {"mean_power_watts": 202.0}), Lap(middle, end_ms)),
        pauses=(Pause(middle, middle + 1000),), summary=summary, name="Ride", notes="Notes",
    )  # fmt: skip
    device = Device("garmin", "edge520", "1.20")
    return ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, (told,), device, rr_intervals_ms=np.array([800.0, 810, 790]))


def _swim() -> ActivityFile:
    file = outing(sport="swim")
    (told,) = file.sessions
    lengths = tuple(
        Length(_START_MS + 3000 * i, _START_MS + 3000 * (i + 1), i % 2 == 0, 12, "freestyle") for i in range(4)
    )
    summary = {**told.summary, "pool_length_meters": 25.0}
    return replace(file, sessions=(replace(told, sport_raw="swimming", lengths=lengths, summary=summary),))


def _triathlon() -> ActivityFile:
    later = outing(8, "run", _START_MS + 60_000).sessions[0]
    return replace(outing(8), sessions=(*outing(8).sessions, replace(later, index=1, sport_raw="running")))


def _odd_fit() -> Iterator[bytes]:
    """What the writer does not write: counters, straps, developer fields described anew, arrays, wellness."""
    made = activity()
    made.define(1, 20, [(253, UINT32), (8, BYTE, 3), (18, UINT8), (28, UINT16), (30, UINT8), (53, UINT8), (52, UINT16)])
    for i in range(6):
        made.add(
            1, T0 + i, bytes([i * 40 & 255, i << 4 & 255, i]), i * 90 & 255, i * 20_000 & 0xFFFF, 128 + i, 64, 90 * 256
        )
    made.define(2, 132, [(253, UINT32), (0, UINT16), (6, UINT8, 4), (9, UINT32, 4)]).add(
        2, T0, 0, [60, 61, 62, 63], 1024
    )
    made.define(2, 132, [(6, UINT8, 4), (10, BYTE, 6)]).add(2, [64, 65, 66, 67], b"\1\2\3\4\5\6")
    yield session(made).file()

    made = activity()
    made.define(3, 207, [(1, BYTE, 16), (3, UINT8)]).add(3, bytes(16), 0)
    made.define(
        4,
        206,
        [(0, UINT8), (1, UINT8), (2, UINT8), (3, STRING, 8), (6, UINT8), (7, SINT8), (8, STRING, 4), (15, UINT8)],
    )
    made.add(4, 0, 0, UINT16, b"Power\0\0\0", 1, 0, b"W\0\0\0", 7).add(
        4, 0, 1, FLOAT32, b"Temp\0\0\0\0", None, None, b"C\0\0\0", None
    )
    developer, bases = [(0, 2, 0), (1, 4, 0), (9, 3, 5)], [UINT16, FLOAT32, BYTE]
    made.define(1, 20, [(253, UINT32), (3, UINT8)], developer=developer, developer_bases=bases)
    made.add(1, T0, 100, 250, 37.5, b"abc").add(1, T0 + 1, 101, 251, 37.6, b"abc")
    made.add(4, 0, 0, FLOAT64, b"Other\0\0\0", 10, 5, b"kW\0\0", None).add(1, T0 + 2, 102, 252, 37.7, b"abc")
    yield session(made).file()

    made = activity(big=True)
    made.define(
        1,
        20,
        [(253, UINT32), (0, SINT32), (1, SINT32), (17, UINT8, 4), (73, UINT32), (78, UINT32), (107, FLOAT64)],
        big=True,
    )
    made.define(2, 20, [(3, UINT8), (7, UINT16)])
    for i in range(5):
        made.add(1, T0 + 4 * i, 560_000_000, 95_000_000 + i, [16, 17, 18, None], 8000, 4500, 1.5)
        made.compressed(2, (T0 + 4 * i + 2) & 31, 120 + i, 300)
    made.define(5, 34, [(253, UINT32), (5, UINT32)]).add(5, T0 + 20, T0 + 3620)
    made.define(6, 12, [(0, ENUM), (1, ENUM)]).add(6, 2, 6)
    made.define(7, 162, [(253, UINT32), (1, UINT32), (3, UINT32)]).add(7, T0, 100, T0 + 3600)
    made.define(8, 21, [(253, UINT32), (0, ENUM), (1, ENUM)]).add(8, T0 + 3, 0, 4).add(8, T0 + 5, 0, 0)
    yield session(made, big=True).file()

    for kind in (9, 32, 49):
        made = activity()
        made.body = made.body.replace(b"\x04\x01\x00", bytes([kind]) + b"\x01\x00", 1)
        made.define(1, 30, [(253, UINT32), (0, UINT16)]).add(1, T0, 7050)
        made.define(2, 211, [(253, UINT32), (0, UINT8), (1, UINT8)]).add(2, T0, 50, 48)
        made.define(3, 370, [(253, UINT32), (1, UINT16)]).add(3, T0, 60 * 128)
        made.define(4, 275, [(253, UINT32), (0, ENUM)]).add(4, T0, 2).add(4, T0 + 3600, 3).add(4, T0 + 7200, 1)
        made.define(5, 55, [(253, UINT32), (27, UINT8), (3, UINT32Z)]).add(5, T0, 60, 1)
        yield made.file()
    yield ride(5).file(data_size=0)
    yield ride(5).file(header_size=12)
    yield ride(3).file() + ride(3).file()


@cache
def fit() -> tuple[bytes, ...]:
    files = [
        write_fit(outing(), big_endian=big, compressed_timestamps=packed, enhanced=enhanced, header12=head, zero_header_crc=zero)
        for big, packed, enhanced, head, zero in (
            (False, False, True, False, False), (True, True, True, False, True), (False, True, False, True, False),
        )
    ]  # fmt: skip
    files += [write_fit(_swim()), write_fit(_triathlon()), write_fit(outing(4), zero_data_size=True, bad_crc=True)]
    files += [*_odd_fit(), *(demo.data for demo in generate_simple(1, seconds=30))]
    steps = [WorkoutStep("a", seconds=60, power_watts=(200, 220)), WorkoutStep("b", meters=400), Repeat(0, 3)]
    files.append(write_fit_workout("Intervals", "cycling", steps, created_ms=_START_MS))
    return tuple(files)


_ODD_GPX = (
    b"""\xef\xbb\xbf\n<?xml version="1.0"?><gpx version="1.0" creator="x"><time>2020-01-01T00:00:00Z</time><trk><name>n</name><type>9</type>
<trkseg><trkpt lat="47.1" lon="8.1"><ele>400</ele><time>2020-01-01T00:00:00.5+01:00</time><extensions><power>200</power>
<gpxtpx:TrackPointExtension><gpxtpx:hr>120</gpxtpx:hr><gpxtpx:cad>90</gpxtpx:cad><gpxtpx:atemp>20</gpxtpx:atemp></gpxtpx:TrackPointExtension>
<gpxdata:hr>121</gpxdata:hr></extensions></trkpt><trkpt lat="47.2" lon="8.2"><time>2020-01-01T00:00:03</time></trkpt></trkseg>
<trkseg><trkpt lat="47.3" lon="8.3"/></trkseg></trk><trk><trkseg/></trk><wpt lat="1" lon="2"/><rte><rtept lat="1" lon="2"/></rte></gpx>""",
    b"<gpx><wpt lat='1' lon='2'><name>w</name></wpt></gpx>",
)
_ODD_TCX = (
    b"""  <?xml version="1.0" encoding="UTF-8"?><TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"
xmlns:ns3="http://www.garmin.com/xmlschemas/ActivityExtension/v2"><Activities><MultiSportSession><Id>2020-01-01T00:00:00Z</Id><FirstSport>
<Activity Sport="Running"><Id>2020-01-01T00:00:00Z</Id><Lap StartTime="2020-01-01T00:00:00Z"><TotalTimeSeconds>10</TotalTimeSeconds>
<DistanceMeters>30</DistanceMeters><Calories>5</Calories><AverageHeartRateBpm><Value>120</Value></AverageHeartRateBpm><Track>
<Trackpoint><Time>2020-01-01T00:00:00Z</Time><Cadence>80</Cadence></Trackpoint><Trackpoint><Time>2020-01-01T00:00:01Z</Time><Position>
<LatitudeDegrees>47</LatitudeDegrees><LongitudeDegrees>8</LongitudeDegrees></Position><DistanceMeters>3</DistanceMeters><HeartRateBpm>
<Value>120</Value></HeartRateBpm><Extensions><ns3:TPX><ns3:Speed>3</ns3:Speed><ns3:Watts>200</ns3:Watts><ns3:RunCadence>85</ns3:RunCadence>
</ns3:TPX></Extensions></Trackpoint></Track><Extensions><ns3:LX><ns3:AvgWatts>200</ns3:AvgWatts></ns3:LX></Extensions></Lap><Creator>
<Name>X</Name><Version><VersionMajor>1</VersionMajor></Version></Creator></Activity></FirstSport></MultiSportSession></Activities>
<Courses><Course><Name>c</Name></Course></Courses></TrainingCenterDatabase>""",
)


@cache
def gpx() -> tuple[bytes, ...]:
    written = [write_gpx(replace(file, format=FileFormat.GPX)) for file in (outing(6), _triathlon())]
    return (*written, *_ODD_GPX, written[0].decode().encode("utf-16"))


@cache
def tcx() -> tuple[bytes, ...]:
    return (*(write_tcx(replace(file, format=FileFormat.TCX)) for file in (outing(6), _triathlon())), *_ODD_TCX)


def _zip(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return sink.getvalue()


@cache
def containers() -> tuple[bytes, ...]:
    file = write_fit(outing(4))
    table = b"Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,Filename\n1,x,n,Ride,d,activities/1.fit.gz\n"
    packed = gzip.compress(file, mtime=0)
    strava = _zip({"activities.csv": table, "activities/1.fit.gz": packed, "._x": b"x", "empty": b""})
    stored = _zip({"a.fit": file, "b/c.gpx": _ODD_GPX[1]}, zipfile.ZIP_STORED)
    return (
        packed,
        packed + packed,
        strava,
        stored,
        _zip({"inner.zip": stored}),
        stored[:-60],
        gzip.compress(strava, mtime=0),
    )


@cache
def yaml() -> tuple[bytes, ...]:
    return (
        b"name: Harbour 10 km\nnotes: |\n  Flat,\n  a little wind\ntype: run\nother: [1, {a: 2.5}]\n",
        b'sex: female\nbirth_date: 1990-05-17\ntimezone: Europe/Berlin\ndisplay_name: "A \\u00e9"\n',
        b"{name: 1, type: 2020-01-01T00:00:00Z}",
    )


@cache
def csv() -> tuple[bytes, ...]:
    return (
        b"date,metric,value,unit,source\n2020-01-01,weight_kg,70.5,kg,scale\n2020-01-02T07:00:00Z,hrv_ms,60,,\n",
        b'\xef\xbb\xbfDate;Metric;Value\r\n2020-01-01;resting_hr_bpm;"48"\r\n2020-01-02;sleep_hours;7.5\r\n',
        "date\tmetric\tvalue\tunit\n2020-01-01\tweight_kg\t150\tlb\n".encode("utf-16"),
    )


_SESSION = b"""name: 4 x 4
sport: bike
date: 2026-11-28
notes: n
threshold: 262 W
steps:
- {kind: warmup, duration: 10 min, target: 40 -> 75 %}
- repeat: 4
  steps:
  - {duration: 4:00, target: 105-110 %}
  - {kind: rest, duration: 3 min, target: 50 %}
- {duration: 60 s, target: 150 %}
"""
_TRACK = b"""name: track
sport: run
steps:
- repeat: 3
  steps:
  - {duration: 800 m, target: 4:10-4:00/km}
  - {kind: rest, duration: open}
- {kind: cooldown, duration: 1 km}
"""


@cache
def workouts() -> tuple[bytes, ...]:
    made = [workouts_yaml.read_workout_yaml(text) for text in (_SESSION, _TRACK)]
    created = datetime(2026, 1, 1, tzinfo=UTC)
    erg = workouts_erg.write_erg(made[0], 250.0)
    fits = [workouts_fit.write_fit_workout(replace(one, items=one.items[1:]), created=created) for one in made]
    return (_SESSION, _TRACK, *fits, workouts_zwo.write_zwo(made[0], 250.0), erg, erg.replace(b"WATTS", b"PERCENT"))


def generated(target: str) -> tuple[bytes, ...]:
    """The generated seeds of a target of `targets.TARGETS`."""
    if target == "reading":
        return (*fit()[::3], *gpx()[::2], *tcx()[::2], *csv()[:1])
    if target == "downstream":
        return fit()
    kinds = {"fit": fit, "gpx": gpx, "tcx": tcx, "containers": containers, "yaml": yaml, "csv": csv}
    kinds["workouts"] = workouts
    return kinds[target]()


def real(target: str) -> Iterator[bytes]:
    """Small real files of the kind, and the first part of larger ones; none where `PERF_TEST_CORPUS` is not set."""
    folder = os.environ.get("PERF_TEST_CORPUS")
    kinds = {"downstream": ("fit",), "reading": ("fit", "gpx", "tcx"), "containers": ("gz", "zip")}.get(
        target, (target,)
    )
    for path in sorted(Path(folder).rglob("*")) if folder else ():
        if path.suffix[1:] not in kinds or not path.is_file():
            continue
        with path.open("rb") as stream:
            data = stream.read(MAX_CORPUS_BYTES)
        yield data if path.stat().st_size <= MAX_CORPUS_BYTES else data[:8_000]
