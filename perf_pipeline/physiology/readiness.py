"""How much of a planned load today's athlete should be asked for: rules over what is known of the last days.

Each signal can only take away, none adds: a good night is no reason to do more than was planned. The rules are
continuous and never fall as a signal gets better, so that a fresher athlete is never asked for less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

LEAST_LOAD, MOST_LOAD = 0.80, 1.00
"""Bounds of the load scale. A day that asks for less than four fifths of a session asks for another session."""
SMALLEST_CUT = 0.02
"""A load cut of less (1 % of a target) is no news to anybody."""

_HALF_SD = 0.5
_SD_TO_FULL = 1.0
_LEAST_SD = 1e-6
_FREE_BPM, _FULL_BPM = 3.0, 8.0
_FREE_SLEEP, _FULL_SLEEP = 0.5, 2.0
_FREE_TSB, _FULL_TSB = -15.0, -35.0
_FREE_RAMP, _FULL_RAMP = 6.0, 12.0
_MOST: Mapping[str, float] = {"hrv": 0.10, "resting_hr": 0.08, "sleep": 0.06, "tsb": 0.10, "ramp": 0.05}


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known of the athlete today; None where it is not. HRV is in ln ms, of one device; `*_usual` are means of
    60 days.
    """

    hrv_week: float | None = None
    hrv_usual: float | None = None
    hrv_sd: float | None = None
    resting_week: float | None = None
    resting_usual: float | None = None
    sleep_week: float | None = None
    sleep_usual: float | None = None
    tsb: float | None = None
    ramp: float | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """What one signal takes from the load (0.1 is a tenth), and why, with the numbers that the words hold."""

    signal: str
    share: float
    words: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Readiness:
    """`load_scale` of the planned load; `target_scale` of the intervals' targets, its square root, since load goes with
    the square of intensity. `unknown`: signals of which nothing is known.
    """

    load_scale: float
    cuts: tuple[Cut, ...]
    unknown: tuple[str, ...]

    @property
    def target_scale(self) -> float:
        return math.sqrt(self.load_scale)


def readiness(signals: Signals) -> Readiness:
    """The load scale, 0.80 to 1.00, from the signals that are there.

    HRV: the week's mean ln RMSSD against the usual mean less half a standard deviation (Plews et al. 2013, doi
    10.1007/s40279-013-0071-8; Kiviniemi et al. 2007, doi 10.1007/s00421-007-0552-2): a tenth off at one standard
    deviation below that line. Resting heart rate from 3 to 8 bpm above usual, sleep from half an hour to two hours a
    night short, TSB from -15 to -35, ramp from 6 to 12 a week: customary bounds, not thresholds of injury or illness.
    """
    found = {
        "hrv": _hrv(signals), "resting_hr": _resting(signals), "sleep": _sleep(signals), "tsb": _tsb(signals),
        "ramp": _ramp(signals),
    }  # fmt: skip
    cuts = tuple(cut for cut in found.values() if cut is not None and cut.share > 0)
    scale = max(LEAST_LOAD, MOST_LOAD - sum(cut.share for cut in cuts))
    if MOST_LOAD - scale < SMALLEST_CUT:
        scale, cuts = MOST_LOAD, ()
    return Readiness(scale, cuts, tuple(name for name, cut in found.items() if cut is None))


def _part(value: float, free: float, full: float) -> float:
    """0 at `free`, 1 at `full` and beyond, straight between."""
    return min(1.0, max(0.0, (value - free) / (full - free)))


def _known(*values: float | None) -> bool:
    return all(value is not None and math.isfinite(value) for value in values)


def _hrv(s: Signals) -> Cut | None:
    if not _known(s.hrv_week, s.hrv_usual, s.hrv_sd):
        return None
    assert s.hrv_week is not None and s.hrv_usual is not None and s.hrv_sd is not None  # noqa: S101, PT018 - asked above
    sd = max(s.hrv_sd, _LEAST_SD)
    low = s.hrv_usual - _HALF_SD * sd
    numbers = {"week_ms": round(math.exp(s.hrv_week), 1), "low_ms": round(math.exp(low), 1)}
    words = (
        f"heart rate variability has averaged {numbers['week_ms']:.1f} ms this week, "
        f"below your usual range from {numbers['low_ms']:.1f} ms up"
    )
    return Cut("hrv", _MOST["hrv"] * _part((low - s.hrv_week) / sd, 0.0, _SD_TO_FULL), words, numbers)


def _resting(s: Signals) -> Cut | None:
    if not _known(s.resting_week, s.resting_usual):
        return None
    assert s.resting_week is not None and s.resting_usual is not None  # noqa: S101, PT018 - asked above
    numbers = {"above_bpm": round(s.resting_week - s.resting_usual, 1)}
    words = f"resting heart rate is {numbers['above_bpm']:.1f} bpm above its usual"
    return Cut("resting_hr", _MOST["resting_hr"] * _part(numbers["above_bpm"], _FREE_BPM, _FULL_BPM), words, numbers)


def _sleep(s: Signals) -> Cut | None:
    if not _known(s.sleep_week, s.sleep_usual):
        return None
    assert s.sleep_week is not None and s.sleep_usual is not None  # noqa: S101, PT018 - asked above
    numbers = {"short_hours": round(s.sleep_usual - s.sleep_week, 1)}
    words = f"you have slept {numbers['short_hours']:.1f} h a night less than usual this week"
    return Cut("sleep", _MOST["sleep"] * _part(numbers["short_hours"], _FREE_SLEEP, _FULL_SLEEP), words, numbers)


def _tsb(s: Signals) -> Cut | None:
    if s.tsb is None or not _known(s.tsb):
        return None
    numbers = {"tsb": float(round(s.tsb))}
    words = f"form (TSB) is at {numbers['tsb']:.0f}"
    return Cut("tsb", _MOST["tsb"] * _part(s.tsb, _FREE_TSB, _FULL_TSB), words, numbers)


def _ramp(s: Signals) -> Cut | None:
    if s.ramp is None or not _known(s.ramp):
        return None
    numbers = {"ramp": round(s.ramp, 1)}
    words = f"fitness (CTL) has risen by {numbers['ramp']:.1f} in seven days"
    return Cut("ramp", _MOST["ramp"] * _part(s.ramp, _FREE_RAMP, _FULL_RAMP), words, numbers)
