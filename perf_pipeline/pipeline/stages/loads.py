"""Stage `activity_loads`: the load of each activity against what was known of the athlete on its day."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.heart_rate import estimate_hr_max, estimate_lthr
from perf_pipeline.physiology.load import LoadInputs, activity_load
from perf_pipeline.physiology.thresholds import Refusal
from perf_pipeline.pipeline.series import SeriesActivity

DEFAULT_RESTING_BPM = 55.0
"""Taken where no resting heart rate was measured."""
LONGEST_CARRY_DAYS = 365
"""A threshold older than this says nothing about today."""


@dataclass(frozen=True, slots=True)
class KnownThreshold:
    """A threshold and the day of which it is true."""

    as_of: date
    value: float


@dataclass(frozen=True)
class ThresholdHistory:
    """Thresholds of one model in order of day, refusals left out."""

    known: Sequence[KnownThreshold]

    def on(self, day: date) -> KnownThreshold | None:
        """The newest one not after the day."""
        index = bisect_right([k.as_of for k in self.known], day) - 1
        if index < 0 or (day - self.known[index].as_of).days > LONGEST_CARRY_DAYS:
            return None
        return self.known[index]


def rows(
    profile_id: UUID,
    series: Sequence[SeriesActivity],
    histories: dict[tuple[str, str], ThresholdHistory],
    sex: str | None,
    resting: Sequence[KnownThreshold] = (),
) -> list[dict[str, Any]]:
    """The rows of `activity_loads`, each with what was known on its day and nothing later."""
    resting_history = ThresholdHistory(resting)
    maxima: list[float] = []
    best_20: list[float] = []
    found = []
    for activity in series:
        if (highest := activity.metrics.get("max_heart_rate_bpm")) is not None:
            maxima.append(highest)
        if (sustained := activity.metrics.get("best_20min_heart_rate_bpm")) is not None:
            best_20.append(sustained)
        hr_max, lthr = estimate_hr_max(maxima), estimate_lthr(best_20)
        power = _on(histories, activity, "critical_power")
        speed = _on(histories, activity, "critical_speed")
        swim = _on(histories, activity, "critical_swim_speed")
        rest = resting_history.on(activity.day)
        load = activity_load(
            LoadInputs.from_metrics(
                activity.sport,
                activity.moving_seconds,
                activity.metrics,
                {
                    "cp_watts": power.value if power else None,
                    "cs_mps": speed.value if speed else None,
                    "css_mps": swim.value if swim else None,
                    "lthr_bpm": None if isinstance(lthr, Refusal) else lthr.bpm,
                    "hr_max_bpm": None if isinstance(hr_max, Refusal) else hr_max.bpm,
                    "hr_rest_bpm": rest.value if rest else DEFAULT_RESTING_BPM,
                },
                sex,
            )
        )
        used = {"power": power, "pace": speed, "swim": swim}.get(load.method)
        found.append(
            {
                "activity_id": activity.id,
                "profile_id": profile_id,
                "local_date": activity.day,
                "load": round(load.tss, 3),
                "method": load.method,
                "intensity": None if load.intensity is None else round(load.intensity, 4),
                "threshold": used.value if used else None,
                "threshold_as_of": used.as_of if used else None,
            }
        )
    return found


def _on(
    histories: dict[tuple[str, str], ThresholdHistory], activity: SeriesActivity, model: str
) -> KnownThreshold | None:
    history = histories.get((activity.sport, model))
    return history.on(activity.day) if history else None
