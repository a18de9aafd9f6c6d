"""How long a channel was at which value: small enough to store with an activity, enough for any later threshold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.grade import GRADED_SPEED, graded_line
from perf_pipeline.physiology.timeline import Timelines

FloatArray = NDArray[np.float64]

BIN_WIDTHS: Mapping[str, float] = {
    "power_watts": 5.0,
    "heart_rate_bpm": 1.0,
    "cadence_rpm": 1.0,
    "speed_mps": 0.1,
    GRADED_SPEED: 0.1,
}
"""Bin width by channel, in its unit. `graded_speed_mps` is speed as if on the flat, on foot."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """`seconds` (k,): time in bins of `width` around first * width, (first + 1) * width, ...: a bin is centred on its
    value, so that a whole beat or a power of 0 stands for itself. `means` (k,): mean of the values in each bin, its
    middle where it is empty.
    """

    channel: str
    width: float
    first: int
    seconds: tuple[float, ...]
    means: tuple[float, ...] = ()

    @property
    def centres(self) -> FloatArray:
        """The bins' middles (k,)."""
        return np.asarray(self.width * (self.first + np.arange(len(self.seconds))), dtype=np.float64)

    @property
    def edges(self) -> FloatArray:
        """The bins' bounds (k + 1,)."""
        return np.asarray(self.width * (self.first - 0.5 + np.arange(len(self.seconds) + 1)), dtype=np.float64)


def histogram(lines: Timelines, channel: str) -> Histogram | None:
    """Time-weighted histogram of a channel of `BIN_WIDTHS`, gaps and pauses left out; None where it has nothing.

    The sum of its seconds is the time that the channel covers, to a hundredth of a second a bin.
    """
    line = graded_line(lines) if channel == GRADED_SPEED else lines.of(channel)
    if line is None or line.covered_seconds <= 0:
        return None
    width = BIN_WIDTHS[channel]
    bins = np.floor(line.values / width + 0.5).astype(np.int64)
    first = int(bins.min())
    seconds = np.bincount(bins - first, weights=line.widths)
    # From the middle, so that a whole beat stays one.
    away = np.bincount(bins - first, weights=line.widths * (line.values - width * bins))
    middles = width * (first + np.arange(len(seconds)))
    means = middles + np.divide(away, seconds, out=np.zeros_like(away), where=seconds > 0)
    return Histogram(channel, width, first, tuple(np.round(seconds, 2).tolist()), tuple(np.round(means, 4).tolist()))
