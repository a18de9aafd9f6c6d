"""Between the predicted targets: value at any duration or distance, and time to exhaustion at a power or speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perf_pipeline.physiology.effort_history import FloatArray
from perf_pipeline.physiology.refusal import Refusal

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 90 % interval, in the unit asked for; an end that lies beyond the predictions is None."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class CapabilityCurve:
    """Predicted values at some sizes (s or m, rising): watts or m/s with 90 % intervals, none rising with size."""

    sizes: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray

    @staticmethod
    def of_power(rows: Sequence[tuple[float, float, float, float]]) -> CapabilityCurve:
        """From (seconds, watts, low, high)."""
        return CapabilityCurve(*(np.array(column, dtype=np.float64) for column in zip(*sorted(rows), strict=True)))

    @staticmethod
    def of_times(rows: Sequence[tuple[float, float, float, float]]) -> CapabilityCurve:
        """From (metres, seconds, low, high): the longest time is the lowest speed."""
        meters, value, low, high = (np.array(column, dtype=np.float64) for column in zip(*sorted(rows), strict=True))
        return CapabilityCurve(meters, meters / value, meters / high, meters / low)

    def at(self, size: float) -> Estimate | Refusal:
        """Watts or m/s at a size between the predicted ones, straight between them in logarithms (a power law, after
        Riegel 1981, American Scientist 69).

        >>> curve = CapabilityCurve.of_power([(300, 300, 290, 310), (1200, 270, 260, 280)])
        >>> round(curve.at(600).value, 2)  # the geometric mean: 600 is that of 300 and 1200
        284.6
        """
        if not self.sizes[0] <= size <= self.sizes[-1]:
            return Refusal(f"predictions reach from {self.sizes[0]:g} to {self.sizes[-1]:g}")
        x = np.log(self.sizes)
        value, low, high = (
            float(np.exp(np.interp(math.log(size), x, np.log(line)))) for line in (self.value, self.low, self.high)
        )
        return Estimate(value, low, high)

    def size_at(self, value: float) -> Estimate | Refusal:
        """The longest size at which a power or speed can be held; its interval from the ends of the predictions."""
        if value <= 0 or not math.isfinite(value):
            return Refusal("a power or pace above zero is needed")
        found = self._crossing(self.value, value)
        if found is None:
            easy = value < self.value[-1]
            reach = f"more than {self.sizes[-1]:g}" if easy else f"less than {self.sizes[0]:g}"
            return Refusal(f"it can be held for {reach}: beyond the predictions")
        return Estimate(found, self._crossing(self.low, value), self._crossing(self.high, value))

    def _crossing(self, line: FloatArray, value: float) -> float | None:
        if not line[-1] * (1 - _ROUNDING) <= value <= line[0] * (1 + _ROUNDING):
            return None
        # Read from the long end, so that a level stretch counts to its end.
        return float(np.exp(np.interp(math.log(value), np.log(line[::-1]), np.log(self.sizes[::-1]))))


def seconds_to_exhaustion(curve: CapabilityCurve, value: float, *, is_power: bool) -> Estimate | Refusal:
    """How long a power (W) or speed (m/s) can be held, in s, with its 90 % interval.

    >>> curve = CapabilityCurve.of_power([(300, 300, 290, 310), (1200, 270, 260, 280)])
    >>> round(seconds_to_exhaustion(curve, 284.605, is_power=True).value)
    600
    """
    size = curve.size_at(value)
    if is_power or isinstance(size, Refusal):
        return size
    low, high = (None if end is None else end / value for end in (size.low, size.high))
    return Estimate(size.value / value, low, high)
