"""The second reading of TCX, through tcxreader, which joins several activities into one."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

from perf_pipeline.formats.model import ActivityFile, Device, FileFormat, FileKind, Lap, Session
from perf_pipeline.formats.reference_tools import columns, reader_name, utc_ms
from perf_pipeline.formats.sports import sport_of

_CHANNEL_OF = {"Watts": "power_watts", "Speed": "speed_mps", "RunCadence": "cadence_rpm"}


def read_tcx(text: str) -> ActivityFile:
    """One session of all the file's points that have a time."""
    from tcxreader.tcxreader import TCXReader

    # Asked for only the points with a position, its default, an indoor ride would be empty.
    with contextlib.redirect_stdout(io.StringIO()):
        exercise = TCXReader().read(io.BytesIO(text.encode()), only_gps=False)
    points = [point for point in exercise.trackpoints if point.time is not None]
    times = [utc_ms(point.time) for point in points]
    session = Session(
        index=0,
        sport=sport_of(exercise.activity_type),
        start_ms=min(times, default=0),
        end_ms=max(times, default=0),
        streams=columns(times, [_row(point) for point in points]),
        sport_raw=exercise.activity_type,
        laps=tuple(_laps(exercise.laps)),
        summary=_totals(exercise),
    )
    return ActivityFile(
        format=FileFormat.TCX,
        kind=FileKind.ACTIVITY if points else FileKind.COURSE,
        sessions=(session,) if points else (),
        device=Device(product=exercise.author.name if exercise.author else None),
        reader=reader_name("tcxreader"),
    )


def _totals(counted: Any) -> dict[str, float]:
    totals = {}
    if counted.distance:
        totals["distance_meters"] = float(counted.distance)
    if counted.calories:
        totals["energy_kcal"] = float(counted.calories)
    return totals


def _laps(laps: list[Any]) -> Iterator[Lap]:
    for lap in laps:
        times = [utc_ms(point.time) for point in lap.trackpoints if point.time is not None]
        if times:
            yield Lap(min(times), max(times), _totals(lap))


def _row(point: Any) -> dict[str, float]:
    told = {
        "latitude_degrees": point.latitude,
        "longitude_degrees": point.longitude,
        "altitude_meters": point.elevation,
        "distance_meters": point.distance,
        "heart_rate_bpm": point.hr_value,
        "cadence_rpm": point.cadence,
    }
    for name, value in point.tpx_ext.items():
        channel = _CHANNEL_OF.get(name)
        if channel is not None and told.get(channel) is None:
            told[channel] = value
    return {name: float(value) for name, value in told.items() if value is not None}
