"""The sport of an activity whose file does not know one, from its streams; refused where they do not tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.model import Session
from perf_pipeline.physiology.bounds import SMART_RECORDING_SECONDS
from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.lengths import pool_lengths
from perf_pipeline.physiology.refusal import Refusal

FloatArray = NDArray[np.float64]

LEAST_CONFIDENCE = 0.9
_MOST_CONFIDENCE = 0.99  # what a few streams tell is never certain
_LEAST_SECONDS = 300.0
_MOVING_MPS = 0.4
# Usual moving speed by sport in m/s, (mean of its logarithm, spread of it): what an hour outdoors looks like.
_SPEED = {
    "walk": (1.35, 0.16), "hike": (1.0, 0.25), "run": (2.8, 0.22), "bike": (6.6, 0.27), "ski": (9.0, 0.45),
    "swim": (0.85, 0.2),
}  # fmt: skip
_PRIOR = {"walk": 0.14, "hike": 0.08, "run": 0.36, "bike": 0.37, "ski": 0.02, "swim": 0.03}
# Strides are counted per leg: walking is 50 to 62 a minute, running 74 to 98; a crank turns at 55 to 110, an arm at 30.
_CADENCE = {
    "walk": (56.0, 6.0), "hike": (52.0, 7.0), "run": (85.0, 7.0), "bike": (80.0, 16.0), "swim": (30.0, 5.0),
}  # fmt: skip
_ON_FOOT = ("walk", "hike", "run")
_ALL = (*_ON_FOOT, "bike", "ski", "swim")
_RUNNING_STRIDES = 74.0
_RUNNING_SHARE = 0.15
_CRANK_TURNS = 50.0
_SWUM_CLIMB_METERS = 30.0


@dataclass(frozen=True, slots=True)
class InferredSport:
    """`sport` with a `confidence` of 0 to 1, and what told."""

    sport: str
    confidence: float
    evidence: tuple[str, ...]


def infer_sport(clean: CleanStreams, session: Session | None = None) -> InferredSport | Refusal:
    """The likeliest of walk, hike, run, bike, (downhill) ski and open-water swim, by naive Bayes over moving speed, its
    top, cadence, power, and the altitude's range and fall; refused below 90 % or where nothing moves.

    Lengths of a pool in the `session` are swum, whatever the streams tell. Rowing, climbing and strength leave no mark
    of their own and are not guessed. The means and spreads are round numbers of what is usual, not fitted to files.
    """
    pool = pool_lengths(session) if session is not None else None
    if pool is not None:
        return InferredSport("swim", _MOST_CONFIDENCE, (f"{len(pool[0])} lengths of a pool",))
    dt = np.diff(clean.seconds, prepend=clean.seconds[:1])
    dt = np.where(dt <= SMART_RECORDING_SECONDS, dt, 0.0)
    speed = clean.get("speed_mps")
    cadence = _mean_above(clean.get("cadence_rpm"), dt, 20.0)
    power = _mean_above(clean.get("power_watts"), dt, 20.0)
    pace = _mean_above(speed, dt, _MOVING_MPS)
    if pace is None:
        return _indoors(cadence, power, float(dt.sum()))
    if pace[1] < _LEAST_SECONDS:
        return Refusal("it moved for less than 5 min")
    score = {sport: math.log(_PRIOR[sport]) for sport in _ALL}
    evidence = [f"moving at {3.6 * pace[0]:.1f} km/h"]
    for sport in _ALL:
        usual, spread = _SPEED[sport]
        score[sport] += _bell(math.log(pace[0] / usual), spread)
    _weigh_top_speed(score, evidence, _top_speed(speed, dt))
    if cadence is not None and cadence[1] > _LEAST_SECONDS:
        _weigh_cadence(score, evidence, cadence[0], _share_above(clean, dt, _RUNNING_STRIDES))
    if power is not None and power[1] > _LEAST_SECONDS:
        evidence.append(f"power {power[0]:.0f} W")
        for sport in ("walk", "hike", "ski", "swim"):
            score[sport] -= 5.0
        score["run"] -= 1.0
    _weigh_altitude(score, evidence, clean, dt)
    return _answer(score, evidence)


def _weigh_top_speed(score: dict[str, float], evidence: list[str], top: float | None) -> None:
    if top is not None and top > 8.5:
        evidence.append(f"up to {3.6 * top:.0f} km/h")
        for sport in (*_ON_FOOT, "swim"):
            score[sport] -= 6.0
    if top is not None and top < 6.5:
        score["bike"] -= 3.0  # hardly a ride outdoors never reaches 23 km/h
        score["ski"] -= 3.0


def _weigh_cadence(score: dict[str, float], evidence: list[str], mean: float, running: float) -> None:
    evidence.append(f"cadence {mean:.0f}/min")
    for sport in _ALL:
        usual, spread = _CADENCE.get(sport, (80.0, 60.0))
        score[sport] += _bell(mean - usual, spread) if sport in _CADENCE else -6.0
    if running > _RUNNING_SHARE:
        # Who runs a part of the way is out for a run, however steep the rest: its mean lies between the two gaits.
        evidence.append(f"over {_RUNNING_STRIDES:.0f}/min for {100 * running:.0f} % of the time")
        for sport in ("walk", "hike", "swim"):
            score[sport] -= 6.0


def _weigh_altitude(score: dict[str, float], evidence: list[str], clean: CleanStreams, dt: FloatArray) -> None:
    descent = _descent_share(clean, dt)
    if descent is not None and descent > 0.5:
        evidence.append("mostly falling by over 0.5 m/s")
        score["ski"] += 5.0
    altitude = clean.get("altitude_meters")
    if altitude is not None and np.isfinite(altitude).sum() > 10:
        low, high = np.nanpercentile(altitude, (5, 95)).tolist()
        if high - low > _SWUM_CLIMB_METERS:
            evidence.append(f"over {high - low:.0f} m of altitude")
            score["swim"] -= 5.0


def _indoors(
    cadence: tuple[float, float] | None, power: tuple[float, float] | None, seconds: float
) -> InferredSport | Refusal:
    lasting = max(_LEAST_SECONDS, seconds / 4)
    if power is not None and cadence is not None and min(power[1], cadence[1]) > lasting and cadence[0] >= _CRANK_TURNS:
        return InferredSport("bike", 0.9, (f"power {power[0]:.0f} W and cadence {cadence[0]:.0f}/min without moving",))
    return Refusal("nothing in it moves")


def _answer(score: dict[str, float], evidence: list[str]) -> InferredSport | Refusal:
    highest = max(score.values())
    weight = {sport: math.exp(value - highest) for sport, value in score.items()}
    total = sum(weight.values())
    best = max(_ALL, key=lambda sport: weight[sport])
    confidence = weight[best] / total
    if confidence < LEAST_CONFIDENCE:
        other = max((s for s in _ALL if s != best), key=lambda s: weight[s])
        return Refusal(f"it may be {best} ({100 * confidence:.0f} %) or {other} ({100 * weight[other] / total:.0f} %)")
    return InferredSport(best, min(confidence, _MOST_CONFIDENCE), tuple(evidence))


def _bell(away: float, spread: float) -> float:
    """Logarithm of a bell curve with tails that end at six: nothing is ever impossible."""
    return max(-0.5 * (away / spread) ** 2, -6.0) - math.log(spread)


def _mean_above(values: FloatArray | None, dt: FloatArray, least: float) -> tuple[float, float] | None:
    """Time-weighted mean of what is above `least`, and its seconds."""
    if values is None:
        return None
    moving = np.nan_to_num(values) > least
    seconds = float(dt[moving].sum())
    return (float((values[moving] * dt[moving]).sum()) / seconds, seconds) if seconds > 0 else None


def _share_above(clean: CleanStreams, dt: FloatArray, least: float) -> float:
    """The share of the time with a cadence in which it is at least `least`."""
    cadence = clean.get("cadence_rpm")
    if cadence is None:
        return 0.0
    turning = np.nan_to_num(cadence) > 20.0
    total = float(dt[turning].sum())
    return float(dt[turning & (np.nan_to_num(cadence) >= least)].sum()) / total if total > 0 else 0.0


def _top_speed(speed: FloatArray | None, dt: FloatArray) -> float | None:
    """The speed that 2 % of the moving time exceeds."""
    if speed is None:
        return None
    moving = (np.nan_to_num(speed) > _MOVING_MPS) & (dt > 0)
    return float(np.percentile(speed[moving], 98)) if moving.any() else None


def _descent_share(clean: CleanStreams, dt: FloatArray) -> float | None:
    """The share of the moving time in which altitude falls by over 0.5 m/s, over half a minute."""
    altitude, speed = clean.get("altitude_meters"), clean.get("speed_mps")
    if altitude is None or speed is None:
        return None
    known = np.isfinite(altitude)
    if known.sum() < 10:
        return None
    t = clean.seconds
    later = np.interp(t + 15.0, t[known], altitude[known])
    earlier = np.interp(t - 15.0, t[known], altitude[known])
    moving = np.nan_to_num(speed) > _MOVING_MPS
    total = float(dt[moving].sum())
    return float(dt[moving & ((later - earlier) / 30.0 < -0.5)].sum()) / total if total > 0 else None
