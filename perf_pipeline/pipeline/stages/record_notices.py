"""Personal records as notifications: one an activity; its feats are told, all its records are in the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.efforts import CONFIRMED
from perf_pipeline.physiology.headlines import Headline, headlines
from perf_pipeline.physiology.record_places import ALL_TIME, LAST_90_DAYS, SEASON
from perf_pipeline.physiology.records import Record, RecordedEffort
from perf_pipeline.pipeline.words import clock, distance
from perf_pipeline.storage.ids import content_id

TOLD = 3
"""Feats that the message spells out; the others are in the data."""
_SCOPE_WORDS = {ALL_TIME: "all-time", SEASON: "season", LAST_90_DAYS: "90-day"}
_CHANNELS = {"power": ("power_watts",), "speed": ("distance_meters", "latitude_degrees", "time")}


@dataclass(frozen=True, slots=True)
class NotedActivity:
    """What notifications need to know of an activity. `day` is the athlete's local day."""

    id: UUID
    sport: str
    name: str
    started_at: datetime
    day: date
    duration_seconds: float
    distance_meters: float
    elevation_gain_meters: float


@dataclass(frozen=True, slots=True)
class Source:
    """Where an activity's efforts come from: the file's hash, which session of it, what cleaning found, and the code
    that computed them. `efforts`: evidence by (type, duration or distance).
    """

    sha256: str
    session_index: int
    anomalies: Sequence[Mapping[str, Any]] = ()
    code_version: str | None = None
    efforts: Mapping[tuple[str, float], Mapping[str, Any]] = field(default_factory=dict)


def record_notice_id(profile_id: UUID, activity_id: UUID) -> UUID:
    """Id of the row that tells of an activity's records."""
    return content_id("notification", profile_id, "personal_record", activity_id)


def record_notice(
    profile_id: UUID,
    activity: NotedActivity,
    records: Sequence[Record],
    source: Source | None,
    days: Mapping[str, date],
) -> dict[str, Any]:
    """The row of `notifications` that tells of an activity's records. `days`: local days by activity."""
    feats = headlines(records)
    first = feats[0].record
    scope = _SCOPE_WORDS[first.scope]
    more = f" and {len(feats) - 1} more" if len(feats) > 1 else ""
    spelled = "; ".join(_told(feat, days) for feat in feats[:TOLD])
    rest = f"; and {len(feats) - TOLD} more" if len(feats) > TOLD else ""
    return {
        "id": record_notice_id(profile_id, activity.id),
        "profile_id": profile_id,
        "type": "personal_record",
        "title": f"{scope[0].upper()}{scope[1:]} record: {_words(first.effort)}{more}",
        "message": f"{activity.name}: {spelled}{rest}.",
        "data": {
            "activity_id": str(activity.id),
            "headline": _words(first.effort),
            "feats": len(feats),
            "source": None if source is None else _source(source),
            "records": [
                _evidence(record, source, days, told=number if record is feat.record else None, feat=number)
                for number, feat in enumerate(feats)
                for record in (feat.record, *feat.others)
            ],
        },
        "occurred_at": activity.started_at,
    }


def _told(feat: Headline, days: Mapping[str, date]) -> str:
    record = feat.record
    beaten = days.get(record.previous.activity_id)
    on = f" of {beaten.isoformat()}" if beaten else ""
    scope = "" if record.scope == ALL_TIME else f", {_SCOPE_WORDS[record.scope]}"
    grade = "" if record.effort.grade == CONFIRMED else f" ({record.effort.grade}: the recording leaves a doubt)"
    same = f", with {len(feat.others)} of other lengths in it" if feat.others else ""
    return (
        f"{_words(record.effort)}, {100 * record.gain:.1f} % better than {_value(record.previous)}{on}"
        f"{scope}{same}{grade}"
    )


def _words(effort: RecordedEffort) -> str:
    if effort.distance_meters is not None:
        return f"{distance(effort.distance_meters)} in {_value(effort)}"
    return f"{clock(effort.duration_seconds)} at {_value(effort)}"


def _value(effort: RecordedEffort) -> str:
    if effort.distance_meters is not None:
        return clock(effort.value * effort.distance_meters / (100 if effort.sport == "swim" else 1000))
    return f"{effort.value:.0f} W" if effort.effort_type == "power" else f"{effort.value * 3.6:.1f} km/h"


def _source(source: Source) -> dict[str, Any]:
    return {
        "file_sha256": source.sha256,
        "session_index": source.session_index,
        "efforts_code_version": source.code_version,
    }


def _evidence(
    record: Record, source: Source | None, days: Mapping[str, date], *, told: int | None, feat: int
) -> dict[str, Any]:
    effort, previous = record.effort, record.previous
    length = effort.distance_meters if effort.distance_meters is not None else effort.duration_seconds
    known = source.efforts.get((effort.effort_type, float(length)), {}) if source else {}
    first = float(known.get("start_seconds", effort.start_seconds))
    last = first + effort.duration_seconds
    beaten_on = days.get(previous.activity_id)
    return {
        "scope": record.scope,
        "scopes": [
            {"scope": b.scope, "previous_value": b.previous.value, "gain_percent": round(100 * b.gain, 2),
             "earlier_efforts": b.earlier}
            for b in record.beaten
        ],
        "effort_type": effort.effort_type,
        "duration_seconds": effort.duration_seconds,
        "distance_meters": effort.distance_meters,
        "value": effort.value,
        "previous_value": previous.value,
        "previous_activity_id": previous.activity_id,
        "previous_day": beaten_on.isoformat() if beaten_on else None,
        "gain_percent": round(100 * record.gain, 2),
        "grade": effort.grade,
        "grade_reasons": list(known.get("reasons", ())),
        "first_second": round(first, 3),
        "last_second": round(last, 3),
        "cleaned": _cleaned(source.anomalies if source else (), effort.effort_type, first, last),
        "headline": told is not None,
        "feat": feat,
    }  # fmt: skip


def _cleaned(
    anomalies: Sequence[Mapping[str, Any]], effort_type: str, first: float, last: float
) -> list[Mapping[str, Any]]:
    """What cleaning found within the window, in the channels that the effort is made of."""
    channels = _CHANNELS["power" if effort_type == "power" else "speed"]
    return [
        a
        for a in anomalies
        if a.get("channel") in channels
        and a.get("first_second", last + 1) <= last
        and a.get("last_second", first - 1) >= first
    ]
