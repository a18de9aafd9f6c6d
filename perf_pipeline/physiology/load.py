"""The load of an activity by the best method that its data allow, and what loads make of fitness day by day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.heart_rate import HeartRateProfile, heart_rate_stress_score, trimp_from_moments
from perf_pipeline.physiology.power import training_stress_score

FloatArray = NDArray[np.float64]

CTL_DAYS = 42.0
ATL_DAYS = 7.0
_WEEK = 7
_MOST_INTENSITY = 1.6

ASSUMED_INTENSITY: Mapping[str, float] = {
    "bike": 0.65, "run": 0.75, "swim": 0.75, "row": 0.75, "ski": 0.7, "hike": 0.5, "walk": 0.4, "strength": 0.5,
    "transition": 0.4,
}  # fmt: skip
"""Intensity taken for granted where only the duration is known: an easy to steady session of the sport."""
_ASSUMED_OTHERWISE = 0.5


@dataclass(frozen=True, slots=True)
class LoadInputs:
    """What is known of an activity and of its athlete on that day; None where it is not.

    The heart rate moments are the metrics `mean_heart_rate_bpm`, `heart_rate_sd_bpm`, `heart_rate_skewness`;
    graded speed is the metric `normalized_graded_speed_mps`. `cp_watts` and `cs_mps` are of the activity's
    own sport; `sex` male or female.
    """

    sport: str
    moving_seconds: float
    normalized_power_watts: float | None = None
    graded_speed_mps: float | None = None
    mean_speed_mps: float | None = None
    mean_heart_rate_bpm: float | None = None
    heart_rate_sd_bpm: float | None = None
    heart_rate_skewness: float | None = None
    heart_rate_seconds: float | None = None
    cp_watts: float | None = None
    cs_mps: float | None = None
    css_mps: float | None = None
    lthr_bpm: float | None = None
    hr_max_bpm: float | None = None
    hr_rest_bpm: float | None = None
    sex: str | None = None

    @staticmethod
    def from_metrics(
        sport: str,
        moving_seconds: float,
        metrics: Mapping[str, float],
        thresholds: Mapping[str, float | None] | None = None,
        sex: str | None = None,
    ) -> LoadInputs:
        """From stored metrics by name, and thresholds by the names of this class (`cp_watts`, `lthr_bpm`,
        ...).
        """
        known = thresholds or {}
        return LoadInputs(
            sport=sport,
            moving_seconds=moving_seconds,
            normalized_power_watts=metrics.get("normalized_power_watts"),
            graded_speed_mps=metrics.get("normalized_graded_speed_mps", metrics.get("grade_adjusted_speed_mps")),
            mean_speed_mps=metrics.get("mean_speed_mps"),
            mean_heart_rate_bpm=metrics.get("mean_heart_rate_bpm"),
            heart_rate_sd_bpm=metrics.get("heart_rate_sd_bpm"),
            heart_rate_skewness=metrics.get("heart_rate_skewness"),
            heart_rate_seconds=metrics.get("heart_rate_seconds"),
            cp_watts=known.get("cp_watts"),
            cs_mps=known.get("cs_mps"),
            css_mps=known.get("css_mps"),
            lthr_bpm=known.get("lthr_bpm"),
            hr_max_bpm=known.get("hr_max_bpm"),
            hr_rest_bpm=known.get("hr_rest_bpm"),
            sex=sex,
        )


@dataclass(frozen=True, slots=True)
class Load:
    """Training stress of one activity: an hour at threshold is 100.

    `method`: power, pace, swim, heart_rate or duration. `intensity`: over threshold, 1 at it. `trimp`: where
    the heart rate allowed one, whatever the method. `note`: what was assumed.
    """

    tss: float
    method: str
    intensity: float | None = None
    trimp: float | None = None
    note: str | None = None


def activity_load(inputs: LoadInputs) -> Load:
    """The best available of power, pace (swim for swims), heart rate, duration, in that order
    (docs/science.md section 3).
    """
    seconds = max(inputs.moving_seconds, 0.0) if np.isfinite(inputs.moving_seconds) else 0.0
    trimp = _trimp(inputs)
    return (
        _by_power(inputs, seconds, trimp)
        or _by_swim(inputs, seconds, trimp)
        or _by_pace(inputs, seconds, trimp)
        or _by_heart_rate(inputs, seconds, trimp)
        or _by_duration(inputs, seconds, trimp)
    )


def _over(value: float | None, threshold: float | None) -> float | None:
    """Intensity, where both are known and the result is credible."""
    if value is None or threshold is None or not threshold > 0 or not value > 0:
        return None
    intensity = value / threshold
    return intensity if intensity <= _MOST_INTENSITY else None


def _by_power(inputs: LoadInputs, seconds: float, trimp: float | None) -> Load | None:
    intensity = _over(inputs.normalized_power_watts, inputs.cp_watts)
    if intensity is None:
        return None
    return Load(training_stress_score(seconds, intensity), "power", intensity, trimp)


def _by_swim(inputs: LoadInputs, seconds: float, trimp: float | None) -> Load | None:
    intensity = _over(inputs.mean_speed_mps, inputs.css_mps) if inputs.sport == "swim" else None
    # Drag makes the cost of swimming rise with the cube of speed.
    return Load(100.0 * seconds / 3600.0 * intensity**3, "swim", intensity, trimp) if intensity else None


def _by_pace(inputs: LoadInputs, seconds: float, trimp: float | None) -> Load | None:
    intensity = _over(inputs.graded_speed_mps, inputs.cs_mps) if inputs.sport in ("run", "walk", "hike") else None
    return Load(training_stress_score(seconds, intensity), "pace", intensity, trimp) if intensity else None


def _profile(inputs: LoadInputs) -> HeartRateProfile | None:
    high, rest = inputs.hr_max_bpm, inputs.hr_rest_bpm
    if high is None or rest is None or not 25 <= rest < high <= 240:
        return None
    return HeartRateProfile(high, rest, inputs.sex)


def _trimp(inputs: LoadInputs) -> float | None:
    profile, mean = _profile(inputs), inputs.mean_heart_rate_bpm
    if profile is None or mean is None:
        return None
    seconds = inputs.heart_rate_seconds if inputs.heart_rate_seconds is not None else inputs.moving_seconds
    sd, skewness = inputs.heart_rate_sd_bpm or 0.0, inputs.heart_rate_skewness or 0.0
    return trimp_from_moments(max(seconds, 0.0) / 60.0, mean, sd, skewness, profile)


def _by_heart_rate(inputs: LoadInputs, seconds: float, trimp: float | None) -> Load | None:
    profile, lthr = _profile(inputs), inputs.lthr_bpm
    if profile is None or lthr is None or trimp is None or not profile.hr_rest_bpm < lthr <= profile.hr_max_bpm:
        return None
    score = heart_rate_stress_score(trimp, lthr, profile)
    if score is None:
        return None
    note = "sex not known: weights between men's and women's" if inputs.sex not in ("male", "female") else None
    # Over the time that the heart rate tells of: TRIMP counts standing, which is no moving time.
    told = inputs.heart_rate_seconds if inputs.heart_rate_seconds is not None else seconds
    return Load(score, "heart_rate", _intensity(score, told), trimp, note)


def _by_duration(inputs: LoadInputs, seconds: float, trimp: float | None) -> Load:
    assumed = ASSUMED_INTENSITY.get(inputs.sport, _ASSUMED_OTHERWISE)
    note = f"only the duration is known: intensity {assumed:.2f} of threshold assumed for {inputs.sport}"
    return Load(training_stress_score(seconds, assumed), "duration", assumed, trimp, note)


def _intensity(tss: float, seconds: float) -> float | None:
    return float(np.sqrt(tss / (100.0 * seconds / 3600.0))) if seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Fitness:
    """All (days,) float64. `tsb` of a day is yesterday's CTL less yesterday's ATL; `ramp` the change of CTL
    over 7 days; `monotony` and `strain` NaN before the seventh day and where the week's loads do not differ.
    """

    ctl: FloatArray
    atl: FloatArray
    tsb: FloatArray
    ramp: FloatArray
    monotony: FloatArray
    strain: FloatArray


def fitness(loads: FloatArray, ctl0: float = 0.0, atl0: float = 0.0) -> Fitness:
    """Fitness from `loads` (days,), one per local day without holes, starting from the day before's CTL and
    ATL.

    x += (load - x)(1 - e^(-1/tau)), tau 42 and 7 days (Banister 1975; Coggan). Monotony: mean over sample
    standard deviation of 7 days; strain: their sum times monotony (Foster 1998, Med Sci Sports Exerc 30, doi
    10.1097/00005768-199807000-00023). Before a week has passed the ramp is against the start.
    """
    daily = np.nan_to_num(np.asarray(loads, dtype=np.float64))
    ctl, atl = _exponential_mean(daily, CTL_DAYS, ctl0), _exponential_mean(daily, ATL_DAYS, atl0)
    before_ctl, before_atl = np.concatenate(([ctl0], ctl))[:-1], np.concatenate(([atl0], atl))[:-1]
    monotony, strain = _monotony(daily)
    week_ago = np.concatenate((np.full(_WEEK, ctl0), ctl))[: len(ctl)]
    return Fitness(ctl, atl, before_ctl - before_atl, ctl - week_ago, monotony, strain)


def project(loads: FloatArray, days: int, ctl0: float = 0.0, atl0: float = 0.0) -> Fitness:
    """Fitness over `loads` (n,) and then over `days` without training: arrays of (n + days,)."""
    return fitness(np.concatenate((loads, np.zeros(days))), ctl0, atl0)


def _exponential_mean(daily: FloatArray, tau_days: float, start: float) -> FloatArray:
    keep = float(np.exp(-1.0 / tau_days))
    if len(daily) == 0:
        return np.empty(0)
    out = np.empty(len(daily))
    value = start
    for day, load in enumerate(daily):
        value = (1 - keep) * load + keep * value
        out[day] = value
    return out


def _monotony(daily: FloatArray) -> tuple[FloatArray, FloatArray]:
    monotony, strain = np.full(len(daily), np.nan), np.full(len(daily), np.nan)
    if len(daily) >= _WEEK:
        weeks = np.lib.stride_tricks.sliding_window_view(daily, _WEEK)
        sd = weeks.std(axis=1, ddof=1)
        ok = sd > 1e-9
        value = np.divide(weeks.mean(axis=1), sd, out=np.full(len(weeks), np.nan), where=ok)
        monotony[_WEEK - 1 :] = value
        strain[_WEEK - 1 :] = value * weeks.sum(axis=1)
    return monotony, strain
