"""The registry of activity metrics that need nothing but the activity: no threshold, weight or profile.

A new metric is one function and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.model import Session
from perf_pipeline.physiology import power
from perf_pipeline.physiology.activity import ActivitySummary, summarise
from perf_pipeline.physiology.bounds import bounds_of
from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.durability import PRIOR_HOURS, PRIOR_KILOJOULES, durability
from perf_pipeline.physiology.grade import graded_line
from perf_pipeline.physiology.lengths import pool_lengths
from perf_pipeline.physiology.metric import Metric, MetricValue, evaluate
from perf_pipeline.physiology.timeline import Timeline, Timelines
from perf_pipeline.physiology.windows import best_window

FloatArray = NDArray[np.float64]

_HR_20_MIN_SECONDS = 1200
_DECOUPLING_LEAST_SECONDS = 1200
DURABILITY_SECONDS = (5, 60, 300, 1200)
"""Sprint, minute, aerobic power, threshold: what durability is told of, among the durations of its efforts."""


@dataclass(frozen=True)
class MetricInputs:
    """What a metric may look at; each derived series is worked out once, when first asked for."""

    clean: CleanStreams
    session: Session
    summary: ActivitySummary
    lines: Timelines

    def line(self, channel: str) -> Timeline | None:
        """The channel's timeline, None where there is nothing of it."""
        return self.lines.of(channel)

    @cached_property
    def watts(self) -> FloatArray | None:
        """Power at 1 Hz of timer time; None where the meter never showed anything."""
        line = self.lines.power()
        return line.per_second() if line is not None else None

    @cached_property
    def normalized_watts(self) -> float | None:
        return power.normalized_power(self.watts) if self.watts is not None else None

    @cached_property
    def normalized_graded(self) -> float | None:
        return power.rolling_fourth_power_mean(self.graded.per_second()) if self.graded is not None else None

    @cached_property
    def heart_moments(self) -> tuple[float, float] | None:
        """Time-weighted standard deviation and skewness of heart rate."""
        line = self.line("heart_rate_bpm")
        mean = line.mean() if line is not None else None
        if line is None or mean is None:
            return None
        away = line.values - mean
        weighted = line.widths * away * away / line.covered_seconds
        sd = float(np.sqrt(weighted.sum()))
        return sd, float((weighted * away).sum()) / sd**3 if sd > 0 else 0.0

    @cached_property
    def late_bests(self) -> Mapping[tuple[int, float, str], float]:
        """Best W or m/s by duration in s, prior work and its unit; empty where the activity is too short to tell."""
        found = durability(self.clean, self.lines, DURABILITY_SECONDS)
        return {(one.effort.duration_seconds, one.prior, one.prior_unit): one.effort.value for one in found}

    @property
    def graded(self) -> Timeline | None:
        """Speed as if on the flat, for sports on foot."""
        return graded_line(self.lines)


Compute = Callable[[MetricInputs], float | None]


def compute_metrics(
    clean: CleanStreams, session: Session, summary: ActivitySummary | None = None, lines: Timelines | None = None
) -> tuple[MetricValue, ...]:
    """All metrics that the activity has, in the registry's order; never NaN, never infinite.

    `summary` and `lines` spare working them out again where the caller has them.
    """
    inputs = MetricInputs(clean, session, summary or summarise(session, clean), lines or Timelines(clean))
    return evaluate(REGISTRY.values(), inputs)


def _mean(channel: str) -> Compute:
    return lambda inputs: inputs.lines.mean(channel)


def _max(channel: str) -> Compute:
    def compute(inputs: MetricInputs) -> float | None:
        values = inputs.clean.get(channel)
        return float(np.nanmax(values)) if values is not None else None

    return compute


def _mean_power(inputs: MetricInputs) -> float | None:
    return float(inputs.watts.mean()) if inputs.watts is not None and len(inputs.watts) else None


def _max_power(inputs: MetricInputs) -> float | None:
    return _max("power_watts")(inputs) if inputs.watts is not None else None


def _normalized_power(inputs: MetricInputs) -> float | None:
    return inputs.normalized_watts


def _xpower(inputs: MetricInputs) -> float | None:
    return power.xpower(inputs.watts) if inputs.watts is not None else None


def _variability(inputs: MetricInputs) -> float | None:
    normalized, mean = inputs.normalized_watts, _mean_power(inputs)
    return power.variability_index(normalized, mean) if normalized is not None and mean is not None else None


def _work(inputs: MetricInputs) -> float | None:
    return power.work_kilojoules(inputs.watts) if inputs.watts is not None else None


def _cadence(inputs: MetricInputs) -> float | None:
    line = inputs.line("cadence_rpm")
    if line is None:
        return None
    turning = line.values > 0
    total = float(line.widths[turning].sum())
    return float((line.widths * line.values)[turning].sum()) / total if total > 0 else None


def _moving_speed(inputs: MetricInputs) -> float | None:
    summary = inputs.summary
    if summary.distance_meters is None or summary.moving_seconds <= 0:
        return None
    speed = summary.distance_meters / summary.moving_seconds
    return speed if 0 < speed <= bounds_of(inputs.clean.sport).max_speed_mps else None


def _graded_speed(inputs: MetricInputs) -> float | None:
    line = inputs.graded
    if line is None:
        return None
    moving = line.values > bounds_of(inputs.clean.sport).moving_speed_mps
    total = float(line.widths[moving].sum())
    return float((line.widths * line.values)[moving].sum()) / total if total > 0 else None


def _normalized_graded_speed(inputs: MetricInputs) -> float | None:
    return inputs.normalized_graded


def _hr_sd(inputs: MetricInputs) -> float | None:
    return inputs.heart_moments[0] if inputs.heart_moments else None


def _hr_skewness(inputs: MetricInputs) -> float | None:
    return inputs.heart_moments[1] if inputs.heart_moments else None


def _hr_seconds(inputs: MetricInputs) -> float | None:
    line = inputs.line("heart_rate_bpm")
    return line.covered_seconds if line is not None else None


def _hr_20_min(inputs: MetricInputs) -> float | None:
    line = inputs.line("heart_rate_bpm")
    found = best_window(line, _HR_20_MIN_SECONDS) if line is not None else None
    return found[0] if found else None


def _output(inputs: MetricInputs) -> Timeline | None:
    """What heart rate is set against: power on the bike, graded speed on foot."""
    if inputs.clean.sport == "bike":
        return inputs.line("power_watts") if inputs.watts is not None else None
    return inputs.graded


def _efficiency(inputs: MetricInputs) -> float | None:
    mean = _mean("heart_rate_bpm")(inputs)
    if inputs.clean.sport == "bike":
        output = inputs.normalized_watts
    else:
        # The running form takes speed in metres per minute.
        output = 60.0 * inputs.normalized_graded if inputs.normalized_graded is not None else None
    return output / mean if output is not None and mean is not None else None


def _decoupling(inputs: MetricInputs) -> float | None:
    output, heart = _output(inputs), inputs.line("heart_rate_bpm")
    if output is None or heart is None:
        return None
    first = min(output.starts[0], heart.starts[0])
    last = max(output.starts[-1] + output.widths[-1], heart.starts[-1] + heart.widths[-1])
    if last - first < _DECOUPLING_LEAST_SECONDS:
        return None
    # Half of the covered time, not of the clock: a long stop belongs to neither half.
    middle = float(output.starts[int(np.searchsorted(np.cumsum(output.widths), output.covered_seconds / 2))])
    ratios = [_ratio(output, heart, first, middle), _ratio(output, heart, middle, last)]
    early, late = ratios
    return 100.0 * (early - late) / early if early is not None and late is not None and early > 0 else None


def _ratio(output: Timeline, heart: Timeline, first: float, last: float) -> float | None:
    means = []
    for line in (output, heart):
        inside = (line.starts >= first) & (line.starts < last)
        total = float(line.widths[inside].sum())
        means.append(float((line.widths * line.values)[inside].sum()) / total if total > 0 else 0.0)
    return means[0] / means[1] if means[1] > 0 else None


def _graded_pace(inputs: MetricInputs) -> float | None:
    speed = _graded_speed(inputs)
    return 1000.0 / speed if speed else None


def _late_best(duration: int, prior: float, unit: str) -> Compute:
    return lambda inputs: inputs.late_bests.get((duration, prior, unit))


def _elevation(inputs: MetricInputs) -> float | None:
    return inputs.summary.elevation_gain_meters


def _swim_pace(inputs: MetricInputs) -> float | None:
    speed = _moving_speed(inputs) if inputs.clean.sport == "swim" else None
    return 100.0 / speed if speed else None


def _swolf(inputs: MetricInputs) -> float | None:
    found = pool_lengths(inputs.session)
    counted = [x for x in found[0] if x.strokes is not None] if found else []
    if not counted:
        return None
    return float(np.mean([(x.end_ms - x.start_ms) / 1000.0 + (x.strokes or 0) for x in counted]))


_STREAMS, _CLEANING = "docs/science.md section 1", "docs/science.md section 2"
_COGGAN = "Coggan 2003, Training and Racing Using a Power Meter"
_MAUNDER = "Maunder et al. 2021, doi 10.1007/s40279-021-01459-0"
_DEFINED = "docs/science.md section 3"
_MINETTI = "Minetti et al. 2002, doi 10.1152/japplphysiol.01177.2001"

_POWER, _HEART, _SPEED = ("power_watts",), ("heart_rate_bpm",), ("speed_mps",)
_CADENCE, _TEMPERATURE, _ALTITUDE = ("cadence_rpm",), ("temperature_celsius",), ("altitude_meters",)
_ON_FOOT = ("speed_mps", "distance_meters", "altitude_meters", "a sport on foot")
_BEAT = ("heart_rate_bpm", "power_watts on the bike, speed_mps on foot")

_METRICS: tuple[Metric[MetricInputs], ...] = (
    Metric("mean_power_watts", "W", "time-weighted mean power, zeros included", _STREAMS, _mean_power, _POWER),
    Metric("max_power_watts", "W", "highest cleaned power sample", _CLEANING, _max_power, _POWER),
    Metric(
        "normalized_power_watts", "W", "30 s rolling mean, fourth-power mean", _COGGAN, _normalized_power, _POWER,
    ),
    Metric(
        "xpower_watts", "W", "25 s exponential mean, fourth-power mean", "Skiba 2006, BikeScore", _xpower, _POWER,
    ),
    Metric("variability_index", "1", "normalized over mean power", _COGGAN, _variability, _POWER),
    Metric("work_kilojoules", "kJ", "mechanical work over the covered time", _DEFINED, _work, _POWER),
    Metric("mean_heart_rate_bpm", "bpm", "time-weighted mean", _STREAMS, _mean("heart_rate_bpm"), _HEART),
    Metric("max_heart_rate_bpm", "bpm", "highest cleaned sample", _CLEANING, _max("heart_rate_bpm"), _HEART),
    Metric(
        "heart_rate_sd_bpm", "bpm", "time-weighted standard deviation", _DEFINED, _hr_sd, _HEART,
    ),
    Metric("heart_rate_skewness", "1", "time-weighted skewness", _DEFINED, _hr_skewness, _HEART),
    Metric("heart_rate_seconds", "s", "time covered by heart rate", _STREAMS, _hr_seconds, _HEART),
    Metric("best_20min_heart_rate_bpm", "bpm", "highest 20-minute mean", _STREAMS, _hr_20_min, _HEART),
    Metric("mean_cadence_rpm", "rpm", "mean while turning, zeros left out", _DEFINED, _cadence, _CADENCE),
    Metric("max_cadence_rpm", "rpm", "highest cleaned sample", _CLEANING, _max("cadence_rpm"), _CADENCE),
    Metric(
        "mean_speed_mps", "m/s", "distance over moving time", _CLEANING, _moving_speed, ("distance_meters",),
    ),
    Metric("max_speed_mps", "m/s", "highest cleaned sample", _CLEANING, _max("speed_mps"), _SPEED),
    Metric(
        "mean_temperature_celsius", "degC", "time-weighted mean", _STREAMS, _mean("temperature_celsius"), _TEMPERATURE,
    ),
    Metric(
        "max_temperature_celsius", "degC", "highest sample", _CLEANING, _max("temperature_celsius"), _TEMPERATURE,
    ),
    Metric("mean_altitude_meters", "m", "time-weighted mean", _STREAMS, _mean("altitude_meters"), _ALTITUDE),
    Metric("max_altitude_meters", "m", "highest sample", _CLEANING, _max("altitude_meters"), _ALTITUDE),
    Metric(
        "elevation_gain_meters", "m", "climbs over 2 m, altitude smoothed over 20 s", _DEFINED, _elevation, _ALTITUDE,
    ),
    Metric(
        "efficiency_factor", "1", "normalized power (W) or graded speed (m/min) per bpm", _COGGAN, _efficiency, _BEAT,
    ),
    Metric(
        "decoupling", "%", "fall of output per heartbeat, second half against first", "Friel", _decoupling, _BEAT,
    ),
    Metric(
        "grade_adjusted_speed_mps", "m/s", "mean moving speed at flat cost", _MINETTI, _graded_speed, _ON_FOOT,
    ),
    Metric(
        "grade_adjusted_pace_seconds_per_km", "s/km", "moving time per km at flat cost", _MINETTI, _graded_pace,
        _ON_FOOT,
    ),
    Metric(
        "normalized_graded_speed_mps", "m/s", "flat-cost speed, 30 s rolling, fourth-power mean",
        _MINETTI, _normalized_graded_speed, _ON_FOOT,
    ),
    Metric(
        "swim_pace_seconds_per_100m", "s/100m", "swum time per 100 m, rest excluded", _DEFINED, _swim_pace,
        ("distance_meters or lengths", "swim"),
    ),
    Metric(
        "swolf", "1", "mean of seconds plus strokes per length", _DEFINED, _swolf, ("lengths with strokes", "swim"),
    ),
    *(
        Metric(
            f"durability_{duration}s_after_{prior:.0f}kj_watts", "W",
            f"best mean power over {duration} s that began after {prior:.0f} kJ of work", _MAUNDER,
            _late_best(duration, prior, "kJ"), _POWER,
        )
        for prior in PRIOR_KILOJOULES
        for duration in DURABILITY_SECONDS
    ),
    *(
        Metric(
            f"durability_{duration}s_after_{prior:.0f}h_mps", "m/s",
            f"best mean speed over {duration} s that began after {prior:.0f} h of timer time", _MAUNDER,
            _late_best(duration, prior, "h"), ("distance_meters", "no power_watts"),
        )
        for prior in PRIOR_HOURS
        for duration in DURABILITY_SECONDS
    ),
)  # fmt: skip

REGISTRY: Mapping[str, Metric[MetricInputs]] = {metric.name: metric for metric in _METRICS}
