"""GPX 1.0 and 1.1: tracks to sessions, leniently about everything that real exporters get wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from perf_pipeline.formats.gpx_writer import write_gpx
from perf_pipeline.formats.model import (
    ActivityFile,
    CorruptFileError,
    Device,
    FileFormat,
    FileKind,
    Identity,
    Pause,
    Session,
    Streams,
    UnknownFormatError,
)
from perf_pipeline.formats.sports import sport_of
from perf_pipeline.formats.xml_columns import NO_TIME, time_ms
from perf_pipeline.formats.xml_fast import read_points
from perf_pipeline.formats.xml_points import Points, Vocabulary, child_text, elements
from perf_pipeline.formats.xml_safety import Document, root_name

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray, IntArray

__all__ = ["identify_gpx", "read_gpx", "write_gpx"]

NEW_SESSION_AFTER_MS = 4 * 3_600_000
"""Tracks further apart than this are separate activities, not one with a pause."""

_CHANNEL_TAGS: Mapping[str, tuple[str, ...]] = {
    "altitude_meters": ("ele",),
    "distance_meters": ("distance",),
    "speed_mps": ("speed",),
    "power_watts": ("power", "PowerInWatts", "watts", "Watts"),
    "heart_rate_bpm": ("hr", "heartrate", "heart_rate", "HeartRate"),
    "cadence_rpm": ("cad", "cadence", "RunCadence"),
    "temperature_celsius": ("atemp", "temp", "temperature", "Temperature"),
}
"""Local names in use: TrackPointExtension v1 and v2, ClueTrust gpxdata, Garmin gpxx and PowerExtension, bare tags."""

_FIRST_POINT = re.compile(rb"<(?:[\w.-]+:)?trkpt\b(.{0,4000}?)</(?:[\w.-]+:)?trkpt\s*>", re.DOTALL)
_TIME = re.compile(rb"<(?:[\w.-]+:)?time\s*>([^<]{1,64})<")
WORDS = Vocabulary(
    point="trkpt",
    openers=("trkseg", "trk", "wpt", "rte", "rtept", "metadata"),
    time="time",
    fields=tuple(tag for tags in _CHANNEL_TAGS.values() for tag in tags),
    attributes=("lat", "lon"),
)


def identify_gpx(data: bytes) -> Identity:
    """Kind and first time, from the first track point where that one has a time; else by reading it all."""
    if root_name(data) != "gpx":
        raise UnknownFormatError("the root element is not gpx")
    first = _FIRST_POINT.search(data[: 1 << 20])
    stamp = _TIME.search(first[1]) if first else None
    if stamp and b"<!" not in data[: first.end() if first else 0]:
        start, _ = time_ms(stamp[1].decode("ascii", "replace"))
        if start != NO_TIME:
            return Identity(FileFormat.GPX, FileKind.ACTIVITY, start)
    file = read_gpx(data)
    start_ms = file.sessions[0].start_ms if file.sessions else None
    return Identity(FileFormat.GPX, file.kind, start_ms, file.warnings[0] if file.warnings else None)


def read_gpx(data: bytes) -> ActivityFile:
    """Sessions of a GPX file; kind COURSE for routes and tracks without a time, OTHER for waypoints or nothing.

    Errors: UnknownFormatError for another root, HostileFileError, CorruptFileError where nothing can be kept.
    """
    document, found = read_points(data, WORDS)
    root = document.root
    if str(root.tag).rpartition("}")[2] != "gpx":
        raise UnknownFormatError("the root element is not gpx")
    time, offset = found.times()
    timed = time != NO_TIME
    creator = (root.get("creator") or "").strip()[:200] or None
    if not timed.any():
        return _without_activity(document, found, creator)
    warnings = list(document.warnings)
    if missing := len(found) - int(timed.sum()):
        warnings.append(f"{missing} of {len(found)} points have no time and are left out")
    sessions = _sessions(root, found, time, np.flatnonzero(timed), offset)
    return ActivityFile(
        FileFormat.GPX,
        FileKind.ACTIVITY,
        sessions,
        Device(product=creator),
        partial=document.partial,
        warnings=tuple(warnings),
    )


def _without_activity(document: Document, found: Points, creator: str | None) -> ActivityFile:
    is_course = len(found) > 0 or root_has(document.root, "rtept")
    if document.partial and not is_course and not root_has(document.root, "wpt"):
        raise CorruptFileError("nothing could be kept of a broken GPX file")
    kind = FileKind.COURSE if is_course else FileKind.OTHER
    return ActivityFile(
        FileFormat.GPX, kind, (), Device(product=creator), partial=document.partial, warnings=document.warnings
    )


def root_has(root: Any, name: str) -> bool:
    """Whether the tree has an element with that local name."""
    return next(root.iter("{*}" + name), None) is not None


def _sessions(root: Any, found: Points, time: IntArray, kept: IntArray, offset: int | None) -> tuple[Session, ...]:
    channels = {name: column for name, tags in _CHANNEL_TAGS.items() if (column := found.column(tags)) is not None}
    channels |= _positions(found)
    track = found.ordinal("trk")[kept]
    segment = found.ordinal("trkseg")[kept]
    time = time[kept]
    tracks = elements(root, "trk")
    starts = np.flatnonzero(np.append(True, track[1:] != track[:-1]))
    types = [_type_of(tracks, int(track[i])) for i in starts]
    groups = _groups(starts.tolist(), types, time)
    sessions = []
    for start, stop in groups:
        members = dict.fromkeys(int(t) for t in track[start:stop])
        named = [tracks[i] for i in members if i >= 0]
        rows = kept[start:stop]
        raw = next((t for t in (_type_of(tracks, i) for i in members) if t), None)
        columns = {name: column[rows] for name, column in channels.items()}
        sessions.append(
            Session(
                index=0,
                sport=sport_of(raw),
                start_ms=int(time[start:stop].min()),
                end_ms=int(time[start:stop].max()),
                streams=Streams(time[start:stop], {n: c for n, c in columns.items() if np.isfinite(c).any()}),
                sport_raw=raw,
                utc_offset_seconds=offset,
                pauses=pauses_between(time[start:stop], segment[start:stop] * (len(tracks) + 1) + track[start:stop]),
                name=_text_of(root, named, ("name",)),
                notes=_text_of(root, named, ("desc", "cmt")),
            )
        )
    return in_order(sessions)


def in_order(sessions: list[Session]) -> tuple[Session, ...]:
    """The sessions by start, numbered."""
    from dataclasses import replace

    ordered = sorted(sessions, key=lambda s: s.start_ms)
    return tuple(replace(session, index=i) for i, session in enumerate(ordered))


def pauses_between(time: IntArray, part: IntArray) -> tuple[Pause, ...]:
    """A pause wherever `part` changes and more than a second passes: (n,) ms, (n,) any number that names the part."""
    breaks = np.flatnonzero(part[1:] != part[:-1])
    gaps = ((int(time[i]), int(time[i + 1])) for i in breaks.tolist())
    # One second is the sampling itself: no time is missing.
    return tuple(Pause(last, first) for last, first in gaps if first - last > 1000)


def _groups(starts: list[int], types: list[str | None], time: IntArray) -> list[tuple[int, int]]:
    """Which runs of tracks belong together: [start, stop) of points, split at another sport or a long gap."""
    groups = []
    begin, sport = 0, types[0]
    for at, kind in zip(starts[1:], types[1:], strict=True):
        other = bool(kind and sport and sport_of(kind) != sport_of(sport))
        if other or abs(int(time[at]) - int(time[at - 1])) > NEW_SESSION_AFTER_MS:
            groups.append((begin, at))
            begin, sport = at, kind
        sport = sport or kind
    groups.append((begin, len(time)))
    return groups


def _positions(found: Points) -> dict[str, FloatArray]:
    columns = {"latitude_degrees": found.attribute("lat"), "longitude_degrees": found.attribute("lon")}
    return {name: column for name, column in columns.items() if np.isfinite(column).any()}


def _type_of(tracks: list[Any], index: int) -> str | None:
    return child_text(tracks[index], "type", 100) if index >= 0 else None


def _text_of(root: Any, tracks: list[Any], names: tuple[str, ...]) -> str | None:
    homes = [*tracks, *(m for m in (root.find("{*}metadata"), root) if m is not None)]
    return next((text for home in homes for name in names if (text := child_text(home, name))), None)
