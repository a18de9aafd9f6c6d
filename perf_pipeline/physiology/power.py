"""Power: normalized power and its kin, all from watts on a 1 Hz grid of timer time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_NP_SECONDS = 30
_XPOWER_SECONDS = 25.0


def normalized_power(watts: FloatArray) -> float | None:
    """Normalized power in W of `watts` (n,) at 1 Hz: 30 s rolling mean, full windows only, fourth-power mean.

    None below 30 s. Coggan 2003, Training and Racing Using a Power Meter: An Introduction.

    >>> normalized_power(np.full(300, 250.0))
    250.0
    """
    return rolling_fourth_power_mean(watts)


def rolling_fourth_power_mean(values: FloatArray) -> float | None:
    """Fourth root of the mean fourth power of the 30 s rolling mean of `values` (n,) at 1 Hz; None below 30
    s.
    """
    if len(values) < _NP_SECONDS:
        return None
    total = np.concatenate(([0.0], np.cumsum(values)))
    rolling = np.maximum(total[_NP_SECONDS:] - total[:-_NP_SECONDS], 0.0) / _NP_SECONDS
    squared = rolling * rolling  # twice the square: a power of 4 is ten times dearer
    return float(np.mean(squared * squared) ** 0.25)


def xpower(watts: FloatArray) -> float | None:
    """Fourth-power mean in W of the 25 s exponentially weighted mean of `watts` (n,) at 1 Hz; None below 25
    s.

    The weighted mean begins at the mean of the first 25 s, so that a start from nothing adds no ramp. Skiba
    2006.
    """
    if len(watts) < _XPOWER_SECONDS:
        return None
    smooth = exponential_mean(watts, _XPOWER_SECONDS, float(np.mean(watts[: int(_XPOWER_SECONDS)])))
    squared = np.maximum(smooth, 0.0) ** 2
    return float(np.mean(squared * squared) ** 0.25)


def exponential_mean(values: FloatArray, seconds: float, begin: float) -> FloatArray:
    """The exponentially weighted mean (n,) of `values` (n,) at 1 Hz with a time constant of so many seconds.

    y[i] = y[i-1] + (1 - e^(-1/seconds)) (x[i] - y[i-1]) with y[-1] = begin, summed in blocks of ten time constants: a
    loop over samples is slow, and scipy.signal takes a second to import.
    """
    keep = float(np.exp(-1.0 / seconds))
    width = max(int(10 * seconds), 1)
    blocks = -(-len(values) // width)
    padded = np.zeros(blocks * width)
    padded[: len(values)] = values
    decay = keep ** np.arange(1, width + 1)
    inside = np.cumsum(padded.reshape(blocks, width) * (1 - keep) / decay, axis=1) * decay
    carried = np.empty(blocks)
    level = begin
    for block in range(blocks):
        carried[block] = level
        level = inside[block, -1] + level * decay[-1]
    return np.asarray((inside + carried[:, None] * decay).ravel()[: len(values)])


def intensity_factor(normalized_watts: float, threshold_watts: float) -> float:
    """Normalized power over threshold power; `threshold_watts` above zero. Coggan 2003."""
    return normalized_watts / threshold_watts


def training_stress_score(moving_seconds: float, intensity: float) -> float:
    """100 x moving hours x intensity squared: an hour at threshold is 100. Coggan 2003.

    >>> training_stress_score(3600, 1.0)
    100.0
    """
    return 100.0 * moving_seconds / 3600.0 * intensity**2


def variability_index(normalized_watts: float, mean_watts: float) -> float | None:
    """Normalized over mean power; None where the mean is zero. Coggan 2003."""
    return normalized_watts / mean_watts if mean_watts > 0 else None


def work_kilojoules(watts: FloatArray) -> float:
    """Mechanical work in kJ of `watts` (n,) at 1 Hz."""
    return float(watts.sum()) / 1000.0
