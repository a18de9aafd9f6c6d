"""TCX: activities with their laps and tracks to sessions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from perf_pipeline.formats.gpx import in_order, root_has
from perf_pipeline.formats.model import (
    ActivityFile,
    CorruptFileError,
    Device,
    FileFormat,
    FileKind,
    Identity,
    Lap,
    Pause,
    Session,
    Streams,
    UnknownFormatError,
)
from perf_pipeline.formats.sports import sport_of
from perf_pipeline.formats.tcx_writer import write_tcx
from perf_pipeline.formats.xml_columns import NO_TIME, number, time_ms
from perf_pipeline.formats.xml_fast import read_points
from perf_pipeline.formats.xml_points import Points, Vocabulary, child_text, elements
from perf_pipeline.formats.xml_safety import Document, root_name

if TYPE_CHECKING:
    from perf_pipeline.formats.model import IntArray

__all__ = ["ROOT", "identify_tcx", "read_tcx", "write_tcx"]

ROOT = "TrainingCenterDatabase"

_CHANNEL_TAGS: Mapping[str, tuple[str, ...]] = {
    "latitude_degrees": ("LatitudeDegrees",),
    "longitude_degrees": ("LongitudeDegrees",),
    "altitude_meters": ("AltitudeMeters",),
    "distance_meters": ("DistanceMeters",),
    "heart_rate_bpm": ("Value",),
    "cadence_rpm": ("Cadence", "RunCadence"),
    "speed_mps": ("Speed",),
    "power_watts": ("Watts",),
    "temperature_celsius": ("Temperature",),
}
# `Value` is the heart rate inside of a point; outside of points it belongs to the lap's averages and is not looked at.
# RunCadence counts strides, as our cadence does: no factor. The laps' Steps are left out: crank revolutions in cycling,
# and nothing says what elsewhere.

_HOMES = ("Activity", "Transition", "Course")
WORDS = Vocabulary(
    point="Trackpoint",
    openers=("Track", "Lap", *_HOMES, "CoursePoint", "Workout", "Creator", "Author"),
    time="Time",
    fields=tuple(tag for tags in _CHANNEL_TAGS.values() for tag in tags),
)
_LAP_TAGS: Mapping[str, str] = {
    "duration_seconds": "TotalTimeSeconds",
    "distance_meters": "DistanceMeters",
    "max_speed_mps": "MaximumSpeed",
    "energy_kcal": "Calories",
    "mean_cadence_rpm": "Cadence",
}
_LAP_VALUES: Mapping[str, str] = {
    "mean_heart_rate_bpm": "AverageHeartRateBpm",
    "max_heart_rate_bpm": "MaximumHeartRateBpm",
}
_LAP_EXTENSIONS: Mapping[str, str] = {
    "AvgSpeed": "mean_speed_mps",
    "AvgWatts": "mean_power_watts",
    "MaxWatts": "max_power_watts",
    "AvgRunCadence": "mean_cadence_rpm",
    "MaxBikeCadence": "max_cadence_rpm",
    "MaxRunCadence": "max_cadence_rpm",
}
_SUMS = ("duration_seconds", "distance_meters", "energy_kcal")
_LAP_GAP_MS = 10_000

_FIRST_POINT = re.compile(rb"<(?:[\w.-]+:)?Trackpoint\b(.{0,4000}?)</(?:[\w.-]+:)?Trackpoint\s*>", re.DOTALL)
_TIME = re.compile(rb"<(?:[\w.-]+:)?Time\s*>([^<]{1,64})<")
_ACTIVITY = re.compile(rb"<(?:[\w.-]+:)?(Activity|Course|Workout)[\s>]")
_UNIT_ID = re.compile(r"\s*\(?\bUnit ID:?\s*\d+\)?", re.IGNORECASE)


def identify_tcx(data: bytes) -> Identity:
    """Kind and first time, from the first track point where that one has a time; else by reading it all."""
    if root_name(data) != ROOT:
        raise UnknownFormatError(f"the root element is not {ROOT}")
    head = data[: 1 << 20]
    first = _FIRST_POINT.search(head)
    home = _ACTIVITY.search(head)
    if first and home and home[1] == b"Activity" and home.start() < first.start() and b"<!" not in head[: first.end()]:
        stamp = _TIME.search(first[1])
        start, _ = time_ms(stamp[1].decode("ascii", "replace")) if stamp else (NO_TIME, None)
        if start != NO_TIME:
            return Identity(FileFormat.TCX, FileKind.ACTIVITY, start)
    file = read_tcx(data)
    start_ms = file.sessions[0].start_ms if file.sessions else None
    return Identity(FileFormat.TCX, file.kind, start_ms, file.warnings[0] if file.warnings else None)


def read_tcx(data: bytes) -> ActivityFile:
    """One session for each Activity and Transition that has a time; COURSE, WORKOUT or OTHER where there is none.

    Errors: UnknownFormatError for another root, HostileFileError, CorruptFileError where nothing can be kept.
    """
    document, found = read_points(data, WORDS)
    root = document.root
    if str(root.tag).rpartition("}")[2] != ROOT:
        raise UnknownFormatError(f"the root element is not {ROOT}")
    reader = _Reader(root, found)
    sessions = [s for home in reader.homes() if (s := reader.session(*home)) is not None]
    if not sessions:
        return _without_activity(document)
    warnings = list(document.warnings)
    if reader.untimed:
        warnings.append(f"{reader.untimed} of {len(found)} points have no time and are left out")
    return ActivityFile(
        FileFormat.TCX,
        FileKind.ACTIVITY,
        in_order(sessions),
        _device(root),
        partial=document.partial,
        warnings=tuple(warnings),
    )


def _without_activity(document: Document) -> ActivityFile:
    root = document.root
    kind = FileKind.OTHER
    for name, candidate in (("Course", FileKind.COURSE), ("Workout", FileKind.WORKOUT)):
        if root_has(root, name):
            kind = candidate
            break
    if kind is FileKind.OTHER and document.partial:
        raise CorruptFileError("nothing could be kept of a broken TCX file")
    return ActivityFile(FileFormat.TCX, kind, (), _device(root), partial=document.partial, warnings=document.warnings)


class _Reader:
    """The walk over one file, and how its points divide into activities, laps and tracks."""

    def __init__(self, root: Any, found: Points) -> None:
        self._root = root
        self._time, self._offset = found.times()
        columns = ((name, found.column(tags)) for name, tags in _CHANNEL_TAGS.items())
        self._channels = {name: column for name, column in columns if column is not None}
        self._track = found.ordinal("Track")
        self._lap = found.ordinal("Lap")
        self._lap_index = {lap: i for i, lap in enumerate(elements(root, "Lap"))}
        self._homes = elements(root, *_HOMES)
        self._home = found.ordinal(*_HOMES)
        in_course = np.isin(self._home, [i for i, e in enumerate(self._homes) if _local(e) == "Course"])
        self.untimed = int(((self._time == NO_TIME) & ~in_course).sum())

    def homes(self) -> list[tuple[int, Any]]:
        """What becomes a session each, by its place among all homes of points."""
        return [(i, home) for i, home in enumerate(self._homes) if _local(home) != "Course"]

    def session(self, index: int, home: Any) -> Session | None:
        rows = np.flatnonzero((self._home == index) & (self._time != NO_TIME))
        is_transition = _local(home) == "Transition"
        lap_elements = [home] if is_transition else elements_of(home, "Lap")
        laps, lap_ids = _laps(lap_elements, self._lap_index)
        if not len(rows) and not laps:
            return None
        time = self._time[rows]
        columns = {name: column[rows] for name, column in self._channels.items()}
        starts = [lap.start_ms for lap in laps]
        raw = "transition" if is_transition else (home.get("Sport") or "").strip()[:100] or None
        last = int(time.max()) if len(rows) else max(lap.end_ms for lap in laps)
        return Session(
            index=0,
            sport=sport_of(raw),
            start_ms=int(time.min()) if len(rows) else min(starts),
            end_ms=last,
            streams=Streams(time, {n: c for n, c in columns.items() if np.isfinite(c).any()}),
            sport_raw=raw,
            utc_offset_seconds=self._offset,
            laps=_ended(laps, lap_ids, time, self._lap[rows]),
            pauses=_pauses(time, self._track[rows], self._lap[rows]),
            summary=_total([lap.summary for lap in laps]),
            name=child_text(home, "Name"),
            notes=child_text(home, "Notes"),
        )


def elements_of(home: Any, name: str) -> list[Any]:
    """Direct children with that local name."""
    return list(home.iterchildren("{*}" + name))


def _local(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _laps(found: list[Any], lap_index: Mapping[Any, int]) -> tuple[list[Lap], list[int]]:
    """Laps with a start, ending where their timer says, and their numbers in the file; -1 for a transition."""
    laps, ids = [], []
    for element in found:
        start, _ = time_ms(element.get("StartTime"))
        if start == NO_TIME:
            continue
        summary = _lap_summary(element)
        laps.append(Lap(start, start + round(1000 * summary.get("duration_seconds", 0.0)), summary))
        ids.append(lap_index.get(element, -1))
    return laps, ids


def _lap_summary(lap: Any) -> dict[str, float]:
    children: dict[str, Any] = {}
    for child in lap.iterchildren():
        children.setdefault(_local(child), child)
    texts = {key: children[tag].text for key, tag in _LAP_TAGS.items() if tag in children}
    texts |= {key: child_text(children[tag], "Value") for key, tag in _LAP_VALUES.items() if tag in children}
    for extension in lap.iterchildren("{*}Extensions"):
        for element in extension.iter():
            key = _LAP_EXTENSIONS.get(_local(element))
            if key is not None and texts.get(key) is None:
                texts[key] = element.text
    values = {key: number(text) for key, text in texts.items()}
    if values.get("energy_kcal") == 0:
        del values["energy_kcal"]  # the schema demands the element; 0 says that nobody knows
    return {key: value for key, value in values.items() if np.isfinite(value) and 0 <= value < 1e9}


def _ended(laps: list[Lap], lap_ids: list[int], time: IntArray, lap_of_row: IntArray) -> tuple[Lap, ...]:
    """The timer leaves pauses out, so a lap lasts at least until its last point, and never into the next one."""
    ended = []
    for i, (lap, lap_id) in enumerate(zip(laps, lap_ids, strict=True)):
        own = time if lap_id < 0 else time[lap_of_row == lap_id]
        end = max(lap.end_ms, int(own.max())) if len(own) else lap.end_ms
        if i + 1 < len(laps) and laps[i + 1].start_ms >= lap.start_ms:
            end = min(end, laps[i + 1].start_ms)
        ended.append(Lap(lap.start_ms, end, lap.summary))
    return tuple(ended)


def _pauses(time: IntArray, track: IntArray, lap: IntArray) -> tuple[Pause, ...]:
    """A new Track inside of a lap is a stopped timer; between laps only a gap that the sampling does not explain is."""
    step = np.diff(time)
    broken = (track[1:] != track[:-1]) & (step > 1000)
    between = lap[1:] != lap[:-1]
    if (broken & between).any():
        broken &= ~between | (step > max(_LAP_GAP_MS, 3 * float(np.median(step))))
    return tuple(Pause(int(time[i]), int(time[i + 1])) for i in np.flatnonzero(broken).tolist())


def _total(laps: list[Mapping[str, float]]) -> dict[str, float]:
    """Sums of what adds up, largest of the maxima, means weighted by the laps' time."""
    total: dict[str, float] = {}
    for key in dict.fromkeys(key for lap in laps for key in lap):
        values = [(lap[key], lap.get("duration_seconds", 0.0)) for lap in laps if key in lap]
        if key in _SUMS:
            total[key] = sum(value for value, _ in values)
        elif key.startswith("max_"):
            total[key] = max(value for value, _ in values)
        elif weight := sum(seconds for _, seconds in values):
            total[key] = sum(value * seconds for value, seconds in values) / weight
    return total


def _device(root: Any) -> Device:
    for creator in elements(root, "Creator"):
        name = child_text(creator, "Name", 200)
        version = creator.find("{*}Version")
        parts = [] if version is None else [child_text(version, f"Version{p}", 10) for p in ("Major", "Minor")]
        software = ".".join(part for part in parts if part) or None
        # The unit id is a serial number: it would identify a person.
        product = _UNIT_ID.sub("", name).strip() or None if name else None
        if product or software:
            return Device(product=product, software=software)
    return Device()
