"""Stage `activity_loads`: the load of each activity against what was known of the athlete on its day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.load import Load, LoadInputs, activity_load
from perf_pipeline.pipeline.series import SeriesActivity
from perf_pipeline.pipeline.stages.knowledge import DEFAULT_RESTING_BPM, Knowledge, KnownThreshold

METRICS = (
    "normalized_power_watts", "normalized_graded_speed_mps", "grade_adjusted_speed_mps", "mean_speed_mps",
    "mean_heart_rate_bpm", "heart_rate_sd_bpm", "heart_rate_skewness", "heart_rate_seconds",
)  # fmt: skip
"""What a load looks at, by name in the registry."""


def rows(profile_id: UUID, series: Sequence[SeriesActivity], knowledge: Knowledge) -> list[dict[str, Any]]:
    """The rows of `activity_loads`, each with what was known on its day and nothing later."""
    return [_row(profile_id, activity, knowledge) for activity in series]


def _row(profile_id: UUID, activity: SeriesActivity, knowledge: Knowledge) -> dict[str, Any]:
    sport, day = activity.sport, activity.day
    power = knowledge.threshold(sport, "critical_power", day)
    speed = knowledge.threshold(sport, "critical_speed", day)
    swim = knowledge.threshold(sport, "critical_swim_speed", day)
    heart = knowledge.heart_rates(sport, day)
    known = {
        "cp_watts": _value(power),
        "cs_mps": _value(speed),
        "css_mps": _value(swim),
        "lthr_bpm": _value(heart.lthr),
        "hr_max_bpm": _value(heart.hr_max),
        "hr_rest_bpm": heart.resting_bpm or DEFAULT_RESTING_BPM,
    }
    load = activity_load(LoadInputs.from_metrics(sport, _seconds(activity), activity.metrics, known, knowledge.sex))
    used = {"power": power, "pace": speed, "swim": swim, "heart_rate": heart.lthr}.get(load.method)
    return {
        "activity_id": activity.id,
        "profile_id": profile_id,
        "local_date": day,
        "load": round(load.tss, 3),
        "method": load.method,
        "intensity": None if load.intensity is None else round(load.intensity, 4),
        "threshold": used.value if used else None,
        "threshold_as_of": used.as_of if used else None,
        "trimp": None if load.trimp is None else round(load.trimp, 3),
        "note": _note(load, sport, heart.lthr_sport, rested=heart.resting_bpm is not None),
    }


def _seconds(activity: SeriesActivity) -> int:
    """Moving time; where nobody moves, as in climbing or strength, the timer's."""
    return activity.moving_seconds or activity.duration_seconds


def _value(known: KnownThreshold | None) -> float | None:
    return known.value if known else None


def _note(load: Load, sport: str, lthr_sport: str | None, *, rested: bool) -> str | None:
    """What was assumed, in words."""
    told = [load.note] if load.note else []
    if load.trimp is not None and not rested:
        told.append(f"resting heart rate not measured: {DEFAULT_RESTING_BPM:.0f} bpm assumed")
    if load.method == "heart_rate" and lthr_sport != sport:
        told.append(f"threshold heart rate of {lthr_sport}")
    return "; ".join(told) or None
