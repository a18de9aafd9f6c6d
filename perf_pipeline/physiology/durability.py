"""What is left after hours of work: best efforts that begin only after so much prior work."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.bounds import SPEED_DURATIONS_SECONDS
from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.efforts import Effort, power_effort, speed_effort
from perf_pipeline.physiology.timeline import Timeline, Timelines
from perf_pipeline.physiology.windows import best_windows

FloatArray = NDArray[np.float64]

PRIOR_KILOJOULES = (1000.0, 2000.0, 3000.0)
PRIOR_HOURS = (1.0, 2.0, 3.0)
DURATIONS_SECONDS: tuple[int, ...] = (5, 15, 30, 60, 120, 180, 300, 480, 600, 720, 1200, 1800, 3600)
assert set(DURATIONS_SECONDS) <= set(SPEED_DURATIONS_SECONDS)  # noqa: S101  # compared with efforts when fresh

_EPS = 1e-6


@dataclass(frozen=True, slots=True)
class DurabilityEffort:
    """The best of a duration that began after `prior` (kJ of work, or h of timer time: `prior_unit`).

    `fresh_value` is the best of that duration in the whole activity; `effort.value` never exceeds it.
    """

    effort: Effort
    prior: float
    prior_unit: str
    fresh_value: float

    @property
    def loss_percent(self) -> float:
        """By how much the late best is below the activity's own best."""
        return 100.0 * (1.0 - self.effort.value / self.fresh_value)


def durability(
    clean: CleanStreams, lines: Timelines | None = None, durations: tuple[int, ...] = DURATIONS_SECONDS
) -> tuple[DurabilityEffort, ...]:
    """Bests after 1,000, 2,000, 3,000 kJ where there is power, else best speeds after 1, 2, 3 h; none if too short.

    Prior work is counted from the activity's start; the window begins at the first record after it. Maunder et al.
    2021, Sports Med 51, doi 10.1007/s40279-021-01459-0; kJ after Van Erp et al. 2021, doi
    10.1249/MSS.0000000000002564.
    """
    lines = lines or Timelines(clean)
    line = lines.power()
    if line is not None:
        done = np.cumsum(line.widths * line.values) / 1000.0
        return _after(clean, line, done, (PRIOR_KILOJOULES, "kJ"), durations)
    line = lines.distance()
    if line is None:
        return ()
    return _after(clean, line, np.cumsum(line.widths) / 3600.0, (PRIOR_HOURS, "h"), durations)


def _after(
    clean: CleanStreams,
    line: Timeline,
    done: FloatArray,
    prior_work: tuple[tuple[float, ...], str],
    durations: tuple[int, ...],
) -> tuple[DurabilityEffort, ...]:
    priors, unit = prior_work
    if done[-1] < priors[0]:
        return ()
    fresh = dict(zip(durations, best_windows(line, durations), strict=True))
    found: list[DurabilityEffort] = []
    for prior in priors:
        first = int(np.searchsorted(done, prior - _EPS, "left")) + 1
        rest = _from(line, first)
        for duration, best in zip(durations, best_windows(rest, durations), strict=True):
            base = fresh[duration]
            if best is None or base is None or best[0] <= 0:
                continue
            late = power_effort(clean, rest, duration, best) if unit == "kJ" else speed_effort(clean, duration, best)
            found.append(DurabilityEffort(late, prior, unit, base[0]))
    return tuple(found)


def _from(line: Timeline, first: int) -> Timeline:
    return replace(
        line,
        starts=line.starts[first:],
        widths=line.widths[first:],
        values=line.values[first:],
        segments=line.segments[first:],
        filled=line.filled[first:],
    )
