"""The registry of metrics that set an activity against its athlete: a threshold, a heart rate, a weight of that day.

A new metric is one function and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from perf_pipeline.physiology import w_balance
from perf_pipeline.physiology.grade import GRADED_SPEED
from perf_pipeline.physiology.heart_rate import HeartRateProfile, banister_trimp
from perf_pipeline.physiology.metric import ATHLETE_GRAIN, Metric, MetricValue, evaluate
from perf_pipeline.physiology.signals import HEART_RATE, POWER, Signals
from perf_pipeline.physiology.zones import (
    FRIEL_ZONE_NAMES,
    POWER_ZONE_NAMES,
    heart_rate_zone_bounds,
    power_zone_bounds,
    speed_zone_bounds,
    time_in_zones,
)

BEST_SECONDS = (5, 60, 300, 1200)
"""Durations whose best power is given per kilogram as well."""
_MOST_INTENSITY = 1.6


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of the athlete on the activity's day, None where it was not.

    Thresholds are of the activity's own sport, heart rates of it or of the nearest; `weight_age_days`: days since the
    weight was measured.
    """

    cp_watts: float | None = None
    w_prime_joules: float | None = None
    cs_mps: float | None = None
    lthr_bpm: float | None = None
    hr_max_bpm: float | None = None
    hr_rest_bpm: float | None = None
    sex: str | None = None
    weight_kg: float | None = None
    weight_age_days: int | None = None


@dataclass(frozen=True)
class RelativeInputs:
    """What a metric may look at. `stored`: metrics of the activity alone, by name; `best_watts`: by duration in s."""

    signals: Signals
    known: Known
    stored: Mapping[str, float] = field(default_factory=dict)
    best_watts: Mapping[int, float] = field(default_factory=dict)

    @cached_property
    def profile(self) -> HeartRateProfile | None:
        """Limits of the heart rate that allow a TRIMP."""
        high, rest = self.known.hr_max_bpm, self.known.hr_rest_bpm
        return HeartRateProfile(high, rest, self.known.sex) if high and rest and 25 <= rest < high <= 240 else None

    @cached_property
    def power_zones(self) -> tuple[float, ...] | None:
        cp = self.known.cp_watts
        return self._zones(POWER, power_zone_bounds(cp)) if cp else None

    @cached_property
    def heart_rate_zones(self) -> tuple[float, ...] | None:
        lthr = self.known.lthr_bpm
        return self._zones(HEART_RATE, heart_rate_zone_bounds(lthr, self.signals.sport)) if lthr else None

    @cached_property
    def pace_zones(self) -> tuple[float, ...] | None:
        cs = self.known.cs_mps
        return self._zones(GRADED_SPEED, speed_zone_bounds(cs)) if cs and self.signals.sport == "run" else None

    def _zones(self, channel: str, bounds: tuple[float, ...]) -> tuple[float, ...] | None:
        found = self.signals.histograms.get(channel)
        return time_in_zones(found, bounds) if found else None

    @cached_property
    def least_balance(self) -> w_balance.LeastBalance | None:
        cp, w_prime = self.known.cp_watts, self.known.w_prime_joules
        power = self.signals.power
        return w_balance.minimum(power, cp, w_prime) if power is not None and cp and w_prime else None


Compute = Callable[[RelativeInputs], float | None]


def relative_metrics(inputs: RelativeInputs) -> tuple[MetricValue, ...]:
    """All metrics that activity and athlete allow, in the registry's order; never NaN, never infinite."""
    return evaluate(REGISTRY.values(), inputs)


def _intensity(inputs: RelativeInputs) -> float | None:
    watts, cp = inputs.stored.get("normalized_power_watts"), inputs.known.cp_watts
    share = watts / cp if watts and cp else None
    return share if share is not None and share <= _MOST_INTENSITY else None


def _trimp(inputs: RelativeInputs) -> float | None:
    held = inputs.signals.histograms.get(HEART_RATE)
    if held is None or inputs.profile is None:
        return None
    # A bin is a beat wide: between the seconds in one and their mean lie 0.005 % at most.
    return banister_trimp(np.asarray(held.means), np.asarray(held.seconds) / 60.0, inputs.profile)


def _least_joules(inputs: RelativeInputs) -> float | None:
    return inputs.least_balance.joules if inputs.least_balance else None


def _least_percent(inputs: RelativeInputs) -> float | None:
    joules, w_prime = _least_joules(inputs), inputs.known.w_prime_joules
    return 100.0 * joules / w_prime if joules is not None and w_prime else None


def _least_second(inputs: RelativeInputs) -> float | None:
    return inputs.least_balance.second if inputs.least_balance else None


def _per_kilogram(name: str) -> Compute:
    def compute(inputs: RelativeInputs) -> float | None:
        watts, weight = inputs.stored.get(name), inputs.known.weight_kg
        return watts / weight if watts is not None and weight else None

    return compute


def _best_per_kilogram(seconds: int) -> Compute:
    def compute(inputs: RelativeInputs) -> float | None:
        watts, weight = inputs.best_watts.get(seconds), inputs.known.weight_kg
        return watts / weight if watts is not None and weight else None

    return compute


def _weight(inputs: RelativeInputs) -> float | None:
    return inputs.known.weight_kg or None


def _weight_age(inputs: RelativeInputs) -> float | None:
    return inputs.known.weight_age_days if inputs.known.weight_kg else None


def _zone(kind: str, index: int) -> Compute:
    def compute(inputs: RelativeInputs) -> float | None:
        seconds: tuple[float, ...] | None = getattr(inputs, kind)
        return seconds[index] if seconds else None

    return compute


def _metric(
    name: str, unit: str, definition: str, source: str, compute: Compute, *needs: str
) -> Metric[RelativeInputs]:
    return Metric(name, unit, definition, source, compute, needs, ATHLETE_GRAIN)


_COGGAN = "Coggan 2003, Training and Racing Using a Power Meter"
_ZONES, _FRIEL = (
    "Allen and Coggan 2006, zones of 55, 75, 90, 105, 120, 150 %",
    "Friel 2009, The Triathlete's Training Bible",
)
_BANISTER = "Banister 1991; Morton, Fitz-Clarke, Banister 1990, doi 10.1152/jappl.1990.69.3.1171"
_SKIBA = "Skiba, Fulford, Clarke, Vanhatalo, Jones 2015; docs/science.md section 5"
_WEIGHT = "docs/science.md section 11"
_POWER, _HEART, _CP = POWER, HEART_RATE, "critical_power"

_METRICS: tuple[Metric[RelativeInputs], ...] = (
    _metric("intensity_factor", "1", "normalized power over Critical Power", _COGGAN, _intensity, _POWER, _CP),
    _metric("trimp", "1", "minutes x r x a e^(b r), r of heart rate reserve, every second", _BANISTER, _trimp,
            _HEART, "hr_max", "resting heart rate, else 55 bpm"),
    _metric("w_balance_min_joules", "J", "least W' left, differential form", _SKIBA, _least_joules, _POWER, _CP),
    _metric("w_balance_min_percent", "%", "the same as a share of W'", _SKIBA, _least_percent, _POWER, _CP),
    _metric("w_balance_min_second", "s", "when that was, since the start", _SKIBA, _least_second, _POWER, _CP),
    _metric("normalized_power_watts_per_kg", "W/kg", "normalized power over weight", _WEIGHT,
            _per_kilogram("normalized_power_watts"), _POWER, "weight"),
    _metric("mean_power_watts_per_kg", "W/kg", "mean power over weight", _WEIGHT,
            _per_kilogram("mean_power_watts"), _POWER, "weight"),
    *(
        _metric(f"best_{seconds}s_watts_per_kg", "W/kg", f"best mean power of {seconds} s over weight", _WEIGHT,
                _best_per_kilogram(seconds), _POWER, "weight")
        for seconds in BEST_SECONDS
    ),
    _metric("weight_kg", "kg", "weight of the day, or the last one measured before it", _WEIGHT, _weight, "weight"),
    _metric("weight_age_days", "d", "days since that weight was measured", _WEIGHT, _weight_age, "weight"),
    *(
        _metric(f"power_zone_{number}_{name}_seconds", "s", f"time in zone {number} of Critical Power", _ZONES,
                _zone("power_zones", number - 1), _POWER, _CP)
        for number, name in enumerate(POWER_ZONE_NAMES, start=1)
    ),
    *(
        _metric(f"heart_rate_zone_{name}_seconds", "s", f"time in zone {name} of LTHR", _FRIEL,
                _zone("heart_rate_zones", index), _HEART, "lthr")
        for index, name in enumerate(FRIEL_ZONE_NAMES)
    ),
    *(
        _metric(f"pace_zone_{name}_seconds", "s", f"time in zone {name} of Critical Speed, at flat cost", _FRIEL,
                _zone("pace_zones", index), "speed_mps", "critical_speed")
        for index, name in enumerate(FRIEL_ZONE_NAMES)
    ),
)  # fmt: skip

REGISTRY: Mapping[str, Metric[RelativeInputs]] = {metric.name: metric for metric in _METRICS}
