"""Where a sensor fell silent although it was there before and after, and the activity went on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.bounds import DROPOUT_SECONDS

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_CHANNELS = ("power_watts", "heart_rate_bpm", "cadence_rpm")
_USUAL_SPACINGS = 3.0
_LEAST_WATTS = 60.0
_LEAST_CADENCE = 50.0
_STEADY_SHARE = 0.8

Dropout = tuple[str, BoolArray, str]


def find_dropouts(seconds: FloatArray, channels: Mapping[str, FloatArray]) -> list[Dropout]:
    """Dropouts as (channel, mask over the rows, decision), all (n,) over `seconds`; values stay what they are.

    Absent: power, heart rate (0 is no contact) or cadence without a value for over 3 s, and for over three times the
    usual distance between its values, while records go on. Zero: power of 0 for 3 s or more between two values of at
    least 60 W while the crank keeps on turning at 80 % of its pace; kept, since it may be soft pedalling, and
    since it can only lower a mean.
    """
    found: list[Dropout] = []
    for name in _CHANNELS:
        values = channels.get(name)
        if values is None or len(values) < 3:
            continue
        absent = ~np.isfinite(values) | (values == 0 if name == "heart_rate_bpm" else False)
        mask = _long_absences(seconds, absent)
        if mask.any():
            found.append((name, mask, "absent: up to 3 s are held, more is a gap"))
    power, cadence = channels.get("power_watts"), channels.get("cadence_rpm")
    if power is not None and cadence is not None:
        mask = _zeros_while_turning(seconds, power, cadence)
        if mask.any():
            found.append(("power_watts", mask, "kept: no power although the crank turned"))
    return found


def _long_absences(seconds: FloatArray, absent: BoolArray) -> BoolArray:
    mask = np.zeros(len(absent), dtype=bool)
    there = np.flatnonzero(~absent)
    if len(there) < 2:
        return mask
    spacing = np.diff(seconds[there])
    least = max(DROPOUT_SECONDS, _USUAL_SPACINGS * float(np.median(spacing)))
    for k in np.flatnonzero((spacing > least + 1e-9) & (np.diff(there) > 1)).tolist():
        mask[there[k] + 1 : there[k + 1]] = True
    return mask


def _zeros_while_turning(seconds: FloatArray, power: FloatArray, cadence: FloatArray) -> BoolArray:
    mask = np.zeros(len(power), dtype=bool)
    for first, last in runs((power == 0) & (cadence >= _LEAST_CADENCE)):
        if first == 0 or last == len(power) - 1 or seconds[last + 1] - seconds[first - 1] <= DROPOUT_SECONDS:
            continue
        around = min(power[first - 1], power[last + 1])
        steady = cadence[first : last + 1].min() >= _STEADY_SHARE * min(cadence[first - 1], cadence[last + 1])
        if around >= _LEAST_WATTS and steady and min(cadence[first - 1], cadence[last + 1]) >= _LEAST_CADENCE:
            mask[first : last + 1] = True
    return mask


def runs(mask: BoolArray) -> list[tuple[int, int]]:
    """First and last index of each run of True.

    >>> runs(np.array([False, True, True, False, True]))
    [(1, 2), (4, 4)]
    """
    padded = np.concatenate(([0], mask.astype(np.int8), [0]))
    step = np.diff(padded)
    return list(zip(np.flatnonzero(step == 1).tolist(), (np.flatnonzero(step == -1) - 1).tolist(), strict=True))
