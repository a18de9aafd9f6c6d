"""Recovery alerts as notifications: one an episode, closed in its data when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.recovery import Alert, Baseline, DayState, Episode, episodes
from perf_pipeline.storage.ids import content_id

SETTLED_DAYS = 42
"""Before that much history CTL only fills up: its rise and the form under it say nothing of the athlete."""
_TITLES = {
    "hrv": "heart rate variability outside your usual range",
    "resting_hr": "raised resting heart rate",
    "ramp": "fitness rising fast",
    "tsb": "very low form",
    "monotony": "a monotonous week",
}


@dataclass(frozen=True, slots=True)
class FitnessDay:
    """One day of `daily_fitness`, projected ones left out."""

    day: date
    load: float
    ctl: float
    tsb: float
    ramp: float | None
    monotony: float | None


def alert_notices(
    profile_id: UUID,
    fitness: Sequence[FitnessDay],
    hrv: Mapping[date, Baseline],
    resting: Mapping[date, Baseline],
) -> list[dict[str, Any]]:
    """The rows of `notifications` that tell of recovery. `fitness`: without holes, in order of day."""
    return [_row(profile_id, episode) for episode in episodes(_states(fitness, hrv, resting))]


def _states(
    fitness: Sequence[FitnessDay], hrv: Mapping[date, Baseline], resting: Mapping[date, Baseline]
) -> list[DayState]:
    load = {f.day: (number, f) for number, f in enumerate(fitness)}
    states = []
    for day in sorted({*load, *hrv, *resting}):
        number, f = load.get(day, (0, None))
        settled = f is not None and number >= SETTLED_DAYS
        states.append(
            DayState(
                day,
                ramp=f.ramp if f and settled else None,
                tsb=f.tsb if f and settled else None,
                monotony=f.monotony if f else None,
                week_load=sum(x.load for x in fitness[max(number - 6, 0) : number + 1]) if f else None,
                hrv=hrv.get(day),
                resting=resting.get(day),
            )
        )
    return states


def _row(profile_id: UUID, episode: Episode) -> dict[str, Any]:
    opened = episode.opened
    return {
        "id": content_id("notification", profile_id, "recovery_alert", opened.rule, opened.day),
        "profile_id": profile_id,
        "type": "recovery_alert",
        "title": f"Recovery: {_TITLES[opened.rule]}",
        "message": f"{opened.message[0].upper()}{opened.message[1:]} on {opened.day.isoformat()}. {_ending(episode)}",
        "data": {
            "rule": opened.rule,
            "opened_on": opened.day.isoformat(),
            "inputs": dict(opened.inputs),
            "clears": opened.clears,
            "days": episode.days,
            "latest": _told(episode.latest),
            "closed_on": episode.closed_on.isoformat() if episode.closed_on else None,
            "ended": episode.ended,
        },
        "occurred_at": datetime.combine(opened.day, time(), UTC),
    }


def _ending(episode: Episode) -> str:
    if episode.closed_on is None:
        return f"It clears with {episode.latest.clears}, three days in a row."
    if episode.ended == "cleared":
        return f"Cleared on {episode.closed_on.isoformat()}: {episode.latest.clears}, three days in a row."
    return f"Not followed further after {episode.closed_on.isoformat()}: what it looks at was no longer measured."


def _told(alert: Alert) -> dict[str, Any]:
    return {"day": alert.day.isoformat(), "inputs": dict(alert.inputs), "clears": alert.clears}
