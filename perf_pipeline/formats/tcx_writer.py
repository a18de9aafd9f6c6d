"""The inverse of the TCX reader: one Activity for each session, its laps, a Track for each stretch between pauses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from perf_pipeline.formats.model import ActivityFile, Lap, Session
from perf_pipeline.formats.xml_writing import (
    DECLARATION,
    attribute,
    column_texts,
    number_text,
    parts,
    text,
    time_text,
    time_texts,
)

_NAMESPACES = (
    'xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"'
    ' xmlns:x="http://www.garmin.com/xmlschemas/ActivityExtension/v2"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
_SPORTS: Mapping[str, str] = {"bike": "Biking", "run": "Running"}


def write_tcx(file: ActivityFile) -> bytes:
    """The sessions with laps, summaries and all channels that TCX knows; the same bytes for the same file.

    Heart rate, cadence and power are whole numbers in TCX and are rounded.
    """
    product = file.device.product or "perf_pipeline"
    activities = "".join(_activity(session, product) for session in file.sessions)
    head = f"<TrainingCenterDatabase {_NAMESPACES}>\n<Activities>\n"
    return (DECLARATION + head + activities + "</Activities>\n</TrainingCenterDatabase>\n").encode()


def _activity(session: Session, product: str) -> str:
    sport = _SPORTS.get(session.sport, "Other")
    laps = session.laps or (_only_lap(session),)
    points = _points(session)
    runs = parts(session.streams.time_ms, session.pauses)
    bounds = _lap_bounds(session, laps)

    def tracks(start: int, stop: int) -> str:
        inside = ("".join(points[max(a, start) : min(b, stop)]) for a, b in runs)
        return "".join(f"<Track>\n{track}</Track>\n" for track in inside if track)

    body = "".join(_lap(lap, session.sport, tracks(*bound)) for lap, bound in zip(laps, bounds, strict=True))
    notes = f"<Notes>{text(session.notes)}</Notes>\n" if session.notes else ""
    creator = f'<Creator xsi:type="Device_t"><Name>{text(product)}</Name></Creator>\n'
    return (
        f"<Activity Sport={attribute(sport)}>\n<Id>{time_text(session.start_ms)}</Id>\n"
        f"{body}{notes}{creator}</Activity>\n"
    )


def _only_lap(session: Session) -> Lap:
    summary = dict(session.summary)
    summary.setdefault("duration_seconds", (session.end_ms - session.start_ms) / 1000)
    return Lap(session.start_ms, session.end_ms, summary)


def _lap_bounds(session: Session, laps: tuple[Lap, ...]) -> list[tuple[int, int]]:
    """Records [start, stop) of each lap, by the laps' starts; the first takes what comes before."""
    time = session.streams.time_ms
    cuts = [0]
    for lap in laps[1:]:
        after = np.flatnonzero(time >= lap.start_ms)
        cuts.append(max(cuts[-1], int(after[0]) if len(after) else len(time)))
    return list(zip(cuts, [*cuts[1:], len(time)], strict=True))


def _lap(lap: Lap, sport: str, tracks: str) -> str:
    said = lap.summary
    whole = {key: number_text(round(value)) for key, value in said.items() if np.isfinite(value)}
    seconds = said.get("duration_seconds", (lap.end_ms - lap.start_ms) / 1000)
    parts_of_lap = [f"<TotalTimeSeconds>{number_text(seconds)}</TotalTimeSeconds>"]
    if "distance_meters" in said:  # a zero would say that the lap led nowhere
        parts_of_lap.append(f"<DistanceMeters>{number_text(said['distance_meters'])}</DistanceMeters>")
    if "max_speed_mps" in said:
        parts_of_lap.append(f"<MaximumSpeed>{number_text(said['max_speed_mps'])}</MaximumSpeed>")
    parts_of_lap.append(f"<Calories>{whole.get('energy_kcal', '0')}</Calories>")
    for key, tag in (("mean", "Average"), ("max", "Maximum")):
        if f"{key}_heart_rate_bpm" in whole:
            value = whole[f"{key}_heart_rate_bpm"]
            parts_of_lap.append(f"<{tag}HeartRateBpm><Value>{value}</Value></{tag}HeartRateBpm>")
    parts_of_lap.append("<Intensity>Active</Intensity>")
    if "mean_cadence_rpm" in whole and sport != "run":
        parts_of_lap.append(f"<Cadence>{whole['mean_cadence_rpm']}</Cadence>")
    parts_of_lap.append("<TriggerMethod>Manual</TriggerMethod>\n")
    parts_of_lap.append(tracks)
    parts_of_lap.append(_lap_extension(lap, whole, sport))
    return f'<Lap StartTime="{time_text(lap.start_ms)}">{"".join(parts_of_lap)}</Lap>\n'


def _lap_extension(lap: Lap, whole: Mapping[str, str], sport: str) -> str:
    found = []
    if "mean_speed_mps" in lap.summary:
        found.append(f"<x:AvgSpeed>{number_text(lap.summary['mean_speed_mps'])}</x:AvgSpeed>")
    tags = [("mean_power_watts", "AvgWatts"), ("max_power_watts", "MaxWatts")]
    if sport == "run":
        tags += [("mean_cadence_rpm", "AvgRunCadence"), ("max_cadence_rpm", "MaxRunCadence")]
    else:
        tags.append(("max_cadence_rpm", "MaxBikeCadence"))
    found += [f"<x:{tag}>{whole[key]}</x:{tag}>" for key, tag in tags if key in whole]
    return f"<Extensions><x:LX>{''.join(found)}</x:LX></Extensions>" if found else ""


def _points(session: Session) -> list[str]:
    streams = session.streams
    blank: list[str | None] = [None] * len(streams)
    channels = {name: column_texts(column) for name, column in streams.channels.items()}
    for name in ("heart_rate_bpm", "cadence_rpm", "power_watts"):
        if name in channels:
            channels[name] = column_texts(np.rint(streams.channels[name]))

    def texts(name: str) -> list[str | None]:
        return channels.get(name, blank)

    latitude, longitude = texts("latitude_degrees"), texts("longitude_degrees")
    heart, cadence = texts("heart_rate_bpm"), texts("cadence_rpm")
    plain = [("AltitudeMeters", texts("altitude_meters")), ("DistanceMeters", texts("distance_meters"))]
    running = session.sport == "run"
    extension = [("Speed", texts("speed_mps"))]
    extension += [("RunCadence", cadence)] if running else []
    extension += [("Watts", texts("power_watts"))]
    points = []
    for i, time in enumerate(time_texts(streams.time_ms)):
        said = [f"<Trackpoint><Time>{time}</Time>"]
        if latitude[i] is not None and longitude[i] is not None:
            said.append(
                f"<Position><LatitudeDegrees>{latitude[i]}</LatitudeDegrees>"
                f"<LongitudeDegrees>{longitude[i]}</LongitudeDegrees></Position>"
            )
        said += [f"<{tag}>{column[i]}</{tag}>" for tag, column in plain if column[i] is not None]
        if heart[i] is not None:
            said.append(f"<HeartRateBpm><Value>{heart[i]}</Value></HeartRateBpm>")
        if cadence[i] is not None and not running:
            said.append(f"<Cadence>{cadence[i]}</Cadence>")
        inner = "".join(f"<x:{tag}>{column[i]}</x:{tag}>" for tag, column in extension if column[i] is not None)
        if inner:
            said.append(f"<Extensions><x:TPX>{inner}</x:TPX></Extensions>")
        said.append("</Trackpoint>\n")
        points.append("".join(said))
    return points
