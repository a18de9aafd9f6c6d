"""Milestones as notifications: one each, by its natural key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.milestones import Done, KnownThreshold, Milestone, milestones
from perf_pipeline.pipeline.stages.record_notices import NotedActivity
from perf_pipeline.pipeline.words import pace
from perf_pipeline.storage.ids import content_id

_SPORT_WORDS = {"bike": "riding", "run": "running", "swim": "swimming", "walk": "walking", "hike": "hiking"}


def milestone_notices(
    profile_id: UUID,
    activities: Sequence[NotedActivity],
    ctl: Sequence[tuple[date, float]],
    thresholds: Sequence[KnownThreshold],
) -> list[dict[str, Any]]:
    """The rows of `notifications` that tell of milestones."""
    done = [
        Done(
            str(a.id), a.day, a.sport, int(a.started_at.timestamp() * 1000), a.distance_meters, a.duration_seconds,
            a.elevation_gain_meters,
        )
        for a in activities
    ]  # fmt: skip
    known = {str(a.id): a for a in activities}
    return [_row(profile_id, m, known) for m in milestones(done, ctl, thresholds)]


def _row(profile_id: UUID, milestone: Milestone, known: Mapping[str, NotedActivity]) -> dict[str, Any]:
    activity = known.get(milestone.activity_id or "")
    by = f", with {activity.name}" if activity else ""
    return {
        "id": content_id("notification", profile_id, "milestone", milestone.kind, milestone.sport, milestone.key),
        "profile_id": profile_id,
        "type": "milestone",
        "title": f"Milestone: {_words(milestone)}",
        "message": f"Reached on {milestone.day.isoformat()}{by}.{_more(milestone)}",
        "data": {
            "kind": milestone.kind,
            "sport": milestone.sport,
            "value": milestone.value,
            "unit": milestone.unit,
            "day": milestone.day.isoformat(),
            "activity_id": milestone.activity_id,
            "evidence": dict(milestone.evidence),
        },
        "occurred_at": activity.started_at if activity else datetime.combine(milestone.day, time(), UTC),
    }


def _words(milestone: Milestone) -> str:
    sport = _SPORT_WORDS.get(milestone.sport or "", milestone.sport or "")
    match milestone.kind:
        case "count" | "first" | "streak" | "fitness":
            return milestone.name
        case "hours":
            return f"{milestone.value:,.0f} hours of activities"
        case "climbed":
            return f"{milestone.value:,.0f} m climbed" + (" (the height of Everest)" if milestone.value == 8849 else "")
        case "distance":
            return f"{milestone.value:,.0f} km of {sport}"
        case _:
            return f"{sport}, {milestone.name}: {_threshold(milestone.value, milestone)}"


def _more(milestone: Milestone) -> str:
    if milestone.kind != "threshold":
        return ""
    evidence: Mapping[str, Any] = milestone.evidence
    low, high = (_threshold(value, milestone) for value in evidence["interval"])
    return (
        f" It was {_threshold(evidence['before'], milestone)} on {evidence['before_day']}; the 90 % interval is now "
        f"{low} to {high}."
    )


def _threshold(value: float, milestone: Milestone) -> str:
    return f"{value:.0f} W" if milestone.unit == "W" else pace(value, milestone.sport or "run")
