"""An athlete's efforts in one sport as the predictions see them: one row an activity, one column a standard size.

Sizes are seconds (mean power over a duration) or metres (time over a distance). All values are natural logarithms of
watts or metres a second, so that higher is better, differences are shares, and one rule serves every sport.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LONG_SECONDS = 1800.0
_SHORTEST_COUNTED = 60.0


@dataclass(frozen=True, slots=True)
class Curve:
    """What a sport's efforts are measured by, and what is usual among people.

    `targets`: the sizes that are predicted. `reserve_seconds`, `sprint_seconds`, `fade`: the usual shape, value(t) =
    limit (1 + reserve/(t + sprint)) up to 30 min and falling with t^-fade beyond; it only ranks efforts of different
    lengths, and carries over where the athlete's own are missing. `usual` and `spread`: centre and standard deviation
    of ln(limit) among people, the belief before the first effort.
    """

    sport: str
    kind: Literal["power", "distance"]
    targets: tuple[float, ...]
    reserve_seconds: float
    sprint_seconds: float
    fade: float
    usual: float
    spread: float
    lowest: float
    highest: float

    @property
    def unit(self) -> str:
        return "W" if self.kind == "power" else "s"

    def shape(self, seconds: FloatArray | float) -> FloatArray:
        """ln(value(t) / limit) of the usual shape."""
        t = np.asarray(seconds, dtype=np.float64)
        reserve = np.log1p(self.reserve_seconds / (t + self.sprint_seconds))
        return np.asarray(reserve - self.fade * np.log(np.maximum(t, _LONG_SECONDS) / _LONG_SECONDS))

    def seconds_of(self, size: FloatArray | float, y: FloatArray | float) -> FloatArray:
        """How long an effort of this size lasts at ln(value) y."""
        size = np.asarray(size, dtype=np.float64)
        return np.broadcast_to(size, np.shape(size + y)).copy() if self.kind == "power" else size / np.exp(y)

    def expected(self, size: FloatArray | float, limit: FloatArray) -> FloatArray:
        """ln(value) over a size at ln(limit): for a distance, time and speed are found together."""
        y = limit + 0.0 * np.asarray(size, dtype=np.float64)
        for _ in range(1 if self.kind == "power" else 8):
            y = limit + self.shape(self.seconds_of(size, y))
        return y


_POWER = (5.0, 30.0, 60.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
_RUN = (400.0, 800.0, 1000.0, 1500.0, 1609.344, 3000.0, 5000.0, 10_000.0, 15_000.0, 21_097.5, 42_195.0)
_SWIM = (100.0, 200.0, 400.0, 800.0, 1500.0)

CURVES: tuple[Curve, ...] = (
    Curve("bike", "power", _POWER, 67.0, 25.0, 0.055, 5.35, 0.30, 3.7, 6.4),
    Curve("run", "distance", _RUN, 45.0, 30.0, 0.055, 1.25, 0.22, 0.2, 2.0),
    Curve("run", "power", _POWER[2:-1], 45.0, 30.0, 0.055, 5.50, 0.30, 3.9, 6.4),
    Curve("swim", "distance", _SWIM, 13.0, 10.0, 0.055, 0.05, 0.25, -1.2, 0.9),
)
"""Every curve that is predicted. Usual W'/CP and D'/CS after Jones et al. 2010, doi 10.1249/MSS.0b013e3181d9cf7f."""


@dataclass(frozen=True, slots=True)
class History:
    """Efforts of one curve in order of time.

    `day` (A,) local days as ordinals; `y` (A, K) ln(value), -inf where there is none; `seconds` (A, K) how long each
    lasted; `start` (A, K) s into the activity; `limit` (A, K) the ln(limit) at which the usual shape asks for it, -inf
    below `_SHORTEST_COUNTED`; `hardest` (A,) the highest of those; `activities` names the rows.
    """

    curve: Curve
    sizes: FloatArray
    day: IntArray
    y: FloatArray
    seconds: FloatArray
    start: FloatArray
    limit: FloatArray
    hardest: FloatArray
    activities: tuple[object, ...]

    def until(self, day: int) -> int:
        """How many activities there are up to a day."""
        return int(np.searchsorted(self.day, day, side="right"))

    def rows(self, day: int, days: int) -> slice:
        """The activities of the last `days` days up to `day`."""
        return slice(self.until(day - days), self.until(day))

    def column(self, size: float) -> int | None:
        """The column of a size; None where nobody ever went for it."""
        found = np.flatnonzero(np.abs(self.sizes - size) < 1e-6 * size)
        return int(found[0]) if len(found) else None


def build_history(
    curve: Curve,
    activity: Sequence[object],
    day: Sequence[int],
    size: FloatArray,
    seconds: FloatArray,
    start: FloatArray,
) -> History:
    """A history from efforts in order of time, (n,) each: the activity's name and day, the effort's size, how long it
    lasted (for power: `seconds` holds the watts) and when it began.

    Efforts that are no number, or outside of what people can do, are left out.
    """
    amount, size = np.asarray(seconds, dtype=np.float64), np.asarray(size, dtype=np.float64)
    sound = np.isfinite(amount) & (amount > 0) & np.isfinite(size) & (size > 0)
    amount, size = np.where(sound, amount, 1.0), np.where(sound, size, 1.0)
    y = np.log(amount if curve.kind == "power" else size / amount)
    lasted = curve.seconds_of(size, y)
    limit = y - curve.shape(lasted)
    # The usual shape says little of a sprint; an absurd long effort is absurd by any shape.
    good = sound & (limit < curve.highest) & (y > curve.lowest - 1.5)
    index = np.flatnonzero(good).tolist()
    names = list(dict.fromkeys(activity[i] for i in index))
    row_of = {name: row for row, name in enumerate(names)}
    sizes = np.unique(size[index])
    shape = (len(names), len(sizes))
    days = np.zeros(len(names), dtype=np.int64)
    values, times, starts = np.full(shape, -np.inf), np.full(shape, np.nan), np.full(shape, np.nan)
    rows = np.array([row_of[activity[i]] for i in index], dtype=np.int64)
    columns = np.searchsorted(sizes, size[index])
    days[rows] = np.asarray(day, dtype=np.int64)[index]
    values[rows, columns], times[rows, columns] = y[index], lasted[index]
    starts[rows, columns] = np.asarray(start, dtype=np.float64)[index]
    order = np.argsort(days, kind="stable")
    values, times, starts = values[order], times[order], starts[order]
    counted = np.isfinite(values) & (times >= _SHORTEST_COUNTED)
    limits = np.where(counted, values - curve.shape(np.where(np.isfinite(times), times, 1.0)), -np.inf)
    hardest = limits.max(axis=1) if len(sizes) else np.full(len(names), -np.inf)
    return History(
        curve, sizes, days[order], values, times, starts, limits, hardest, tuple(names[i] for i in order.tolist())
    )  # fmt: skip
