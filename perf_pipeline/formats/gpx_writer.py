"""The inverse of the GPX reader: GPX 1.1, one track for each session, a segment for each stretch between pauses."""

from __future__ import annotations

from perf_pipeline.formats.model import ActivityFile, Session
from perf_pipeline.formats.xml_writing import (
    DECLARATION,
    attribute,
    column_texts,
    parts,
    text,
    time_texts,
)

_NAMESPACES = (
    'xmlns="http://www.topografix.com/GPX/1/1"'
    ' xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v{version}"'
)
# The schema is a sequence: this order, and no other. Version 2 added speed.
_EXTENSION = (
    ("temperature_celsius", "atemp"),
    ("heart_rate_bpm", "hr"),
    ("cadence_rpm", "cad"),
    ("speed_mps", "speed"),
)


def write_gpx(file: ActivityFile) -> bytes:
    """The sessions' positions, altitude, power and TrackPointExtension channels; the same bytes for the same file.

    A record without a position gets no point: GPX cannot say so. ValueError where no session has a position.
    """
    if not any("latitude_degrees" in s.streams.channels for s in file.sessions):
        raise ValueError("no session has a position, and GPX is about positions")
    version = 2 if any("speed_mps" in s.streams.channels for s in file.sessions) else 1
    creator = attribute(str(file.device) or "perf_pipeline")
    tracks = "".join(_track(session) for session in file.sessions)
    head = f'<gpx version="1.1" creator={creator} {_NAMESPACES.format(version=version)}>\n'
    return (DECLARATION + head + tracks + "</gpx>\n").encode()


def _track(session: Session) -> str:
    words = (("name", session.name), ("desc", session.notes), ("type", session.sport_raw or session.sport))
    said = "".join(f"<{tag}>{text(word)}</{tag}>" for tag, word in words if word)
    points = _points(session)
    runs = parts(session.streams.time_ms, session.pauses)
    segments = "".join(f"<trkseg>\n{''.join(points[a:b])}</trkseg>\n" for a, b in runs)
    return f"<trk>{said}\n{segments}</trk>\n"


def _points(session: Session) -> list[str]:
    streams = session.streams
    blank: list[str | None] = [None] * len(streams)
    channels = {name: column_texts(column) for name, column in streams.channels.items()}
    latitude = channels.get("latitude_degrees", blank)
    longitude = channels.get("longitude_degrees", blank)
    altitude = channels.get("altitude_meters", blank)
    power = channels.get("power_watts", blank)
    extension = [(tag, channels[name]) for name, tag in _EXTENSION if name in channels]
    points = []
    for i, time in enumerate(time_texts(streams.time_ms)):
        if latitude[i] is None or longitude[i] is None:
            points.append("")
            continue
        ele = f"<ele>{altitude[i]}</ele>" if altitude[i] is not None else ""
        inner = "".join(f"<gpxtpx:{tag}>{c[i]}</gpxtpx:{tag}>" for tag, c in extension if c[i] is not None)
        if inner:
            inner = f"<gpxtpx:TrackPointExtension>{inner}</gpxtpx:TrackPointExtension>"
        if power[i] is not None:
            inner = f"<power>{power[i]}</power>{inner}"
        said = f"<extensions>{inner}</extensions>" if inner else ""
        points.append(f'<trkpt lat="{latitude[i]}" lon="{longitude[i]}">{ele}<time>{time}</time>{said}</trkpt>\n')
    return points
