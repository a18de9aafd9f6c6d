"""What stored rows must be, once: the rules of values, beside those that follow from the schema itself.

Two readers: `sifting` turns rows away before they are written (errors alone), `expectations` has great-expectations
look at what is stored (warnings too). Null breaks no rule of values; whether it may be there is the schema's to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from perf_pipeline.formats.sports import SPORTS
from perf_pipeline.physiology.bounds import CHANNEL_BOUNDS, bounds_of

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Between:
    """A number within bounds, both included unless `above` asks for more than `low`."""

    column: str
    low: float | None = None
    high: float | None = None
    above: bool = False
    severity: Severity = "error"

    @property
    def name(self) -> str:
        return f"{self.column} {'above' if self.above else 'from'} {_told(self.low)} to {_told(self.high)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these words; with `by`, of those that belong to the other column's word."""

    column: str
    words: tuple[str, ...] = ()
    by: str = ""
    words_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severity: Severity = "error"

    @property
    def name(self) -> str:
        return f"{self.column} is a known word" + (f" for its {self.by}" if self.by else "")


@dataclass(frozen=True, slots=True)
class AtMost:
    """One column not above another, with room for rounding; `factor_by` scales the other by a third column's word."""

    column: str
    other: str
    by: str = ""
    factor_by: Mapping[str, float] = field(default_factory=dict)
    slack: float = 0.0
    severity: Severity = "error"

    @property
    def name(self) -> str:
        return f"{self.column} at most {self.other}" + (f" x the most of its {self.by}" if self.by else "")


Rule = Between | OneOf | AtMost


def _told(bound: float | None) -> str:
    return "any" if bound is None else f"{bound:g}"


_MAX_SPEED = {sport: bounds_of(sport).max_speed_mps for sport in SPORTS}
_POWER_MAX = CHANNEL_BOUNDS["power_watts"][1]
_HR_LOW, _HR_HIGH = CHANNEL_BOUNDS["heart_rate_bpm"]
_DAY = 86_400.0

RULES: Mapping[str, tuple[Rule, ...]] = {
    "source_files": (
        Between("bytes", 0),
        OneOf("status", ("archived", "quarantined", "not_an_activity")),
    ),
    "activities": (
        OneOf("type", SPORTS),
        Between("duration_seconds", 0),
        Between("moving_seconds", 0),
        Between("distance_meters", 0, 3_000_000),
        Between("elevation_gain_meters", 0, 30_000),
        Between("temperature", *CHANNEL_BOUNDS["temperature_celsius"]),
        Between("sport_confidence", 0, 1),
        AtMost("moving_seconds", "duration_seconds"),
        # A mean above what the sport's fastest reach for a moment: 1 km of slack for what a clock cannot tell.
        AtMost("distance_meters", "duration_seconds", "type", _MAX_SPEED, slack=1_000, severity="warning"),
        Between("duration_seconds", 0, 2 * _DAY, severity="warning"),
        Between("utc_offset_seconds", -15 * 3600, 15 * 3600, severity="warning"),
    ),
    "activity_efforts": (
        Between("value", 0),
        Between("duration_seconds", 0),
        Between("start_offset", 0),
        Between("distance_meters", 0, above=True),
        Between("elapsed_seconds", 0, above=True),
        OneOf("grade", ("confirmed", "candidate", "rejected")),
        OneOf("unit", by="effort_type",
              words_by={"power": ("W",), "speed": ("m/s",), "pace": ("s/km", "s/100m")}),
    ),
    "activity_metrics": (
        OneOf("grain", ("activity", "athlete")),
        Between("value", -1e12, 1e12),
    ),
    "profile_metrics": (
        OneOf("unit", by="metric_type",
              words_by={"weight_kg": ("kg",), "resting_hr_bpm": ("bpm",), "sleep_hours": ("h",), "hrv_ms": ("ms",)}),
        Between("value", 0),
    ),
    "activity_loads": (
        Between("load", 0, 3_000),
        Between("load", 0, 600, severity="warning"),
        Between("intensity", 0, 2, severity="warning"),
        Between("trimp", 0),
    ),
    "daily_fitness": (
        Between("load", 0),
        Between("ctl", 0),
        Between("atl", 0),
        Between("ctl", 0, 250, severity="warning"),
        Between("ramp", -40, 20, severity="warning"),
    ),
    "daily_wellness": (
        Between("age_days", 0),
        Between("valid_7d", 0, 7),
        Between("valid_60d", 0, 60),
        Between("sd_60d", 0),
    ),
    "threshold_models": (
        Between("threshold", 0, above=True),
        AtMost("threshold_low", "threshold", slack=1e-6),
        AtMost("threshold", "threshold_high", slack=1e-6),
        AtMost("capacity_low", "capacity", slack=1e-6),
        AtMost("capacity", "capacity_high", slack=1e-6),
        Between("version", 0),
    ),
    "capability_predictions": (
        Between("value", 0, above=True),
        AtMost("value_low", "value", slack=1e-6),
        AtMost("value", "value_high", slack=1e-6),
        Between("beats_best_probability", 0, 1),
    ),
    "workout_completions": (Between("score", 0, 1),),
    "workout_adaptations": (
        OneOf("status", ("adapted", "unchanged", "refused")),
        Between("finish_probability", 0, 1),
    ),
}  # fmt: skip
"""By table. A rule that only warns never turns a row away."""

METRIC_RANGES: Mapping[str, tuple[float, float]] = {
    "mean_power_watts": (0, _POWER_MAX),
    "max_power_watts": (0, _POWER_MAX),
    "normalized_power_watts": (0, _POWER_MAX),
    "mean_heart_rate_bpm": (_HR_LOW, _HR_HIGH),
    "max_heart_rate_bpm": (_HR_LOW, _HR_HIGH),
    "mean_cadence_rpm": CHANNEL_BOUNDS["cadence_rpm"],
    "mean_speed_mps": (0, max(_MAX_SPEED.values())),
}
"""Bounds of single metrics, those of the channels that they come from."""
