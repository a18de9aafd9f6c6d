"""The sport of an activity whose file does not know one, from its streams; refused where they do not tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.bounds import SMART_RECORDING_SECONDS
from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.refusal import Refusal

FloatArray = NDArray[np.float64]

LEAST_CONFIDENCE = 0.9
_LEAST_SECONDS = 300.0
_MOVING_MPS = 0.4
# Usual moving speed by sport in m/s, (mean of its logarithm, spread of it): what an hour outdoors looks like.
_SPEED = {"walk": (1.35, 0.16), "hike": (1.0, 0.25), "run": (2.8, 0.22), "bike": (6.6, 0.27), "ski": (9.0, 0.45)}
_PRIOR = {"walk": 0.14, "hike": 0.08, "run": 0.36, "bike": 0.4, "ski": 0.02}
# Strides are counted per leg: walking is 50 to 62 a minute, running 74 to 98; a crank turns at 55 to 110.
_CADENCE = {"walk": (56.0, 6.0), "hike": (52.0, 9.0), "run": (85.0, 7.0), "bike": (80.0, 16.0)}
_ALL = ("walk", "hike", "run", "bike", "ski")


@dataclass(frozen=True, slots=True)
class InferredSport:
    """`sport` with a `confidence` of 0 to 1, and what told."""

    sport: str
    confidence: float
    evidence: tuple[str, ...]


def infer_sport(clean: CleanStreams) -> InferredSport | Refusal:
    """The likeliest of walk, hike, run, bike and (downhill) ski, by naive Bayes over moving speed, its spread, cadence,
    power and rate of descent; refused below 90 % or where nothing moves.

    Swimming, rowing and strength leave no mark of their own in these streams and are not guessed.
    """
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
    top = _top_speed(speed, dt)
    if top is not None and top > 8.5:
        evidence.append(f"up to {3.6 * top:.0f} km/h")
        for sport in ("walk", "hike", "run"):
            score[sport] -= 6.0
    if top is not None and top < 6.5:
        score["bike"] -= 3.0  # hardly a ride outdoors never reaches 23 km/h
        score["ski"] -= 3.0
    if cadence is not None and cadence[1] > _LEAST_SECONDS:
        evidence.append(f"cadence {cadence[0]:.0f}/min")
        for sport in _ALL:
            usual, spread = _CADENCE.get(sport, (80.0, 60.0))
            score[sport] += _bell(cadence[0] - usual, spread) if sport in _CADENCE else -6.0
    if power is not None and power[1] > _LEAST_SECONDS:
        evidence.append(f"power {power[0]:.0f} W")
        for sport in ("walk", "hike", "ski"):
            score[sport] -= 5.0
        score["run"] -= 1.0
    descent = _descent_share(clean, dt)
    if descent is not None and descent > 0.5:
        evidence.append("mostly falling by over 0.5 m/s")
        score["ski"] += 5.0
    return _answer(score, evidence)


def _indoors(
    cadence: tuple[float, float] | None, power: tuple[float, float] | None, seconds: float
) -> InferredSport | Refusal:
    if power is not None and cadence is not None and min(power[1], cadence[1]) > max(_LEAST_SECONDS, seconds / 4):
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
    # What a few streams tell is never certain.
    return InferredSport(best, min(confidence, 0.99), tuple(evidence))


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
