"""The second reading of GPX, through gpxpy."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from perf_pipeline.formats.model import ActivityFile, Device, FileFormat, FileKind, Pause, Session
from perf_pipeline.formats.reference_tools import columns, reader_name, utc_ms
from perf_pipeline.formats.sports import sport_of

_CHANNEL_OF = {
    "hr": "heart_rate_bpm",
    "heartrate": "heart_rate_bpm",
    "cad": "cadence_rpm",
    "cadence": "cadence_rpm",
    "runcadence": "cadence_rpm",
    "power": "power_watts",
    "watts": "power_watts",
    "powerinwatts": "power_watts",
    "atemp": "temperature_celsius",
    "temp": "temperature_celsius",
    "temperature": "temperature_celsius",
    "speed": "speed_mps",
    "distance": "distance_meters",
}


def read_gpx(text: str) -> ActivityFile:
    """One session for every track with a timed point; a break between segments is a pause."""
    import gpxpy

    # It logs the document where it does not parse.
    logging.getLogger("gpxpy").setLevel(logging.CRITICAL)
    gpx = gpxpy.parse(text)
    found = [session for track in gpx.tracks if (session := _session(track)) is not None]
    found.sort(key=lambda session: session.start_ms)
    return ActivityFile(
        format=FileFormat.GPX,
        kind=FileKind.ACTIVITY if found else FileKind.COURSE if gpx.tracks or gpx.routes else FileKind.OTHER,
        sessions=tuple(_numbered(found)),
        device=Device(product=gpx.creator),
        warnings=("gpxpy reads no extensions in GPX 1.0",) if gpx.version == "1.0" else (),
        reader=reader_name("gpxpy"),
    )


def _numbered(sessions: list[Session]) -> Iterator[Session]:
    from dataclasses import replace

    for index, session in enumerate(sessions):
        yield replace(session, index=index)


def _session(track: Any) -> Session | None:
    times: list[int] = []
    rows: list[dict[str, float]] = []
    pauses: list[Pause] = []
    for segment in track.segments:
        timed = [point for point in segment.points if point.time is not None]
        if not timed:
            continue
        if times and (begin := utc_ms(timed[0].time)) > times[-1]:
            pauses.append(Pause(times[-1], begin))
        times.extend(utc_ms(point.time) for point in timed)
        rows.extend(_row(point) for point in timed)
    if not times:
        return None
    return Session(
        index=0,
        sport=sport_of(track.type),
        start_ms=min(times),
        end_ms=max(times),
        streams=columns(times, rows),
        sport_raw=track.type,
        pauses=tuple(pauses),
        name=track.name,
        notes=track.description or track.comment,
    )


def _row(point: Any) -> dict[str, float]:
    row = {"latitude_degrees": point.latitude, "longitude_degrees": point.longitude}
    if point.elevation is not None:
        row["altitude_meters"] = point.elevation
    if point.speed is not None:
        row["speed_mps"] = point.speed
    for extension in point.extensions:
        for leaf in extension.iter():
            if len(leaf) or not isinstance(leaf.tag, str) or not leaf.text:
                continue
            channel = _CHANNEL_OF.get(leaf.tag.rpartition("}")[2].lower())
            if channel is not None and channel not in row:
                try:
                    row[channel] = float(leaf.text)
                except ValueError:
                    continue
    return row
