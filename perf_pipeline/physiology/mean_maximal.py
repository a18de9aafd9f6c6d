"""The mean-maximal curve of an activity: the best mean over each of about 200 durations."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.bounds import POWER_DURATIONS_SECONDS
from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.timeline import Timeline, Timelines
from perf_pipeline.physiology.windows import best_windows

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_EVERY_SECOND_UP_TO = 120
_LONGEST_SECONDS = 86_400
_LOG_SPACED = 70

_GRID = {round(x) for x in np.geomspace(_EVERY_SECOND_UP_TO, _LONGEST_SECONDS, _LOG_SPACED).tolist()}
CURVE_SECONDS: tuple[int, ...] = tuple(
    sorted({*range(1, _EVERY_SECOND_UP_TO + 1), *_GRID, *POWER_DURATIONS_SECONDS}),
)
"""Every second up to 2 min, then log spaced up to a day, the durations of best efforts among them."""


@dataclass(frozen=True, slots=True)
class MeanMaximalCurve:
    """`durations` (k,) int64 in s; `values` (k,) the best means in the channel's unit; `starts` (k,) their first
    seconds.

    It is the activity's own curve, no envelope: a longer mean may be higher than a shorter one.
    """

    channel: str
    durations: IntArray
    values: FloatArray
    starts: FloatArray


CURVE_CHANNELS = ("power_watts", "speed_mps", "heart_rate_bpm")
"""What has a curve. Speed is that of the distance covered."""


def mean_maximal_curve(clean: CleanStreams, channel: str, lines: Timelines | None = None) -> MeanMaximalCurve | None:
    """The curve of a channel of `CURVE_CHANNELS`; None where nothing is above 0.

    The same integration as for best efforts and the best 20 min of heart rate: at durations that both have the values
    are the same. Durations that no stretch without a gap is long enough for are left out. `lines` spares building them
    again.
    """
    lines = lines or Timelines(clean)
    line = lines.distance() if channel == "speed_mps" else lines.of(channel)
    if line is None or not (line.values > 0).any():
        return None
    longest = _longest_stretch(line)
    durations = CURVE_SECONDS[: bisect_right(CURVE_SECONDS, longest + 1e-9)]
    found = [(d, *best) for d, best in zip(durations, best_windows(line, durations), strict=True) if best is not None]
    if not found:
        return None
    seconds, values, starts = zip(*found, strict=True)
    return MeanMaximalCurve(channel, np.array(seconds, dtype=np.int64), np.array(values), np.array(starts))


def _longest_stretch(line: Timeline) -> float:
    """Seconds of the longest segment: no window is longer."""
    return float(np.bincount(line.segments, weights=line.widths).max())
