"""Small activity files made to order, for tests of everything behind the readers."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from perf_pipeline.formats.fit_writer import write_fit
from perf_pipeline.formats.gpx_writer import write_gpx
from perf_pipeline.formats.model import ActivityFile, FileFormat, FileKind, Session, Streams
from perf_pipeline.formats.tcx_writer import write_tcx

WORDS = {"bike": "cycling", "run": "running", "swim": "swimming"}


def at(text: str) -> datetime:
    """A moment in UTC from `2026-05-04` or `2026-05-04T18:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def activity(start: str, sport: str, channels: Mapping[str, np.ndarray], **changes: object) -> ActivityFile:
    """One session with a record each second."""
    start_ms = int(at(start).timestamp() * 1000)
    seconds = len(next(iter(channels.values())))
    time_ms = start_ms + 1000 * np.arange(seconds, dtype=np.int64)
    session = Session(
        0, sport, start_ms, int(time_ms[-1]), Streams(time_ms, dict(channels)), sport_raw=WORDS.get(sport, sport)
    )
    return ActivityFile(FileFormat.FIT, FileKind.ACTIVITY, (replace(session, **changes),))


def ride(start: str, minutes: float = 10, watts: float = 200, **changes: object) -> ActivityFile:
    """A ride at even power and 9 m/s."""
    t = np.arange(round(60 * minutes))
    return activity(start, "bike", {"power_watts": watts + 0.0 * t, "distance_meters": 9.0 * t}, **changes)


def powers(start: str, *efforts: tuple[int, float], rest: int = 120) -> ActivityFile:
    """A ride of efforts (seconds, W), each after an easy stretch at 100 W."""
    parts = [np.concatenate([np.full(rest, 100.0), np.full(seconds, float(watts))]) for seconds, watts in efforts]
    power = np.concatenate([*parts, np.full(rest, 100.0)])
    return activity(start, "bike", {"power_watts": power, "distance_meters": 8.0 * np.arange(len(power))})


def run(start: str, minutes: float = 10, mps: float = 3.0, **changes: object) -> ActivityFile:
    """A run at even speed, northwards."""
    t = np.arange(round(60 * minutes))
    north = 47.0 + np.degrees(mps * t / 6_371_000)
    channels = {"distance_meters": mps * t, "latitude_degrees": north, "longitude_degrees": 8.0 + 0.0 * t}
    return activity(start, "run", channels, **changes)


def swim(start: str, minutes: float = 10, mps: float = 1.0, **changes: object) -> ActivityFile:
    """A swim at even speed."""
    t = np.arange(round(60 * minutes))
    return activity(start, "swim", {"distance_meters": mps * t}, **changes)


def fit(file: ActivityFile) -> bytes:
    return write_fit(file)


def gpx(file: ActivityFile) -> bytes:
    return write_gpx(replace(file, format=FileFormat.GPX))


def tcx(file: ActivityFile) -> bytes:
    return write_tcx(replace(file, format=FileFormat.TCX))


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip of the members, the same bytes each time."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return sink.getvalue()


def corrupt(data: bytes) -> bytes:
    """A file that is recognised by its head and cannot be read beyond."""
    return data[:14] + bytes(len(data) - 14)
