"""The latest predictions of an athlete: what the command line reads, and a curve through them for other questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from perf_pipeline.physiology.capability_curve import CapabilityCurve

_LATEST = text(
    """
    select distinct on (c.profile_id, c.sport, c.target) p.handle as athlete, c.sport, c.target, c.duration_seconds,
           c.distance_meters, c.as_of, c.value, c.value_low, c.value_high, c.unit, c.model, c.current_best,
           c.beats_best_probability, c.refusal, c.details
    from capability_predictions c join profiles p on p.id = c.profile_id
    where c.profile_id = any(cast(:profiles as uuid[])) and c.as_of <= :today
    order by c.profile_id, c.sport, c.target, c.as_of desc, c.version desc
    """
)
HEADLINES = {
    "bike": ("power 300 s", "power 1200 s", "power 3600 s"),
    "run": ("distance 5000 m", "distance 10000 m", "distance 21097.5 m"),
    "swim": ("distance 400 m", "distance 1500 m"),
}


def latest_predictions(connection: Connection, profile_ids: Sequence[UUID], today: date) -> list[dict[str, Any]]:
    """The last word on every target up to a day, by athlete and sport, in order of size."""
    asked = {"profiles": list(profile_ids), "today": today}
    rows = [dict(row) for row in connection.execute(_LATEST, asked).mappings()]
    return sorted(rows, key=lambda row: (row["athlete"], row["sport"], row["unit"], _size(row)))


def headlines(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The few targets of each sport that everybody asks for first, refusals left out."""
    return [row for row in rows if row["refusal"] is None and row["target"] in HEADLINES.get(row["sport"], ())]


def curve_of(rows: Sequence[Mapping[str, Any]], sport: str, unit: str) -> CapabilityCurve | None:
    """The curve through the predictions of a sport; None where there are fewer than two."""
    known = [
        (_size(row), row["value"], row["value_low"], row["value_high"])
        for row in rows
        if row["sport"] == sport and row["unit"] == unit and row["refusal"] is None
    ]
    if len(known) < 2:
        return None
    return CapabilityCurve.of_power(known) if unit == "W" else CapabilityCurve.of_times(known)


def _size(row: Mapping[str, Any]) -> float:
    return float(row["duration_seconds"] or row["distance_meters"])
