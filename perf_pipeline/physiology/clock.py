"""Making a file's clock credible: which rows to keep, in which order, before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_LONGEST_TOUR_MS = 60 * DAY_MS
_LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class ClockCheck:
    """`order` (k,) int64: the rows to keep, sorted by time, repeats of a time still in it. `rejected` rows: a
    bad clock.
    """

    order: NDArray[np.int64]
    rejected: NDArray[np.int64]


def check_clock(time_ms: NDArray[np.int64], elapsed_ms: int | None = None) -> ClockCheck:
    """Sort the rows by time (stably) and reject those that a broken clock wrote.

    `time_ms` (n,) int64, in file order. The file is cut where time jumps ahead by over a day or steps back by
    more than the file's own length. The part with the most rows is believed; another is kept where it follows
    in order and is either near or both large (a tenth of the rows) and within a tour's length of 60 days.
    Where the device counted itself (`elapsed_ms`) what the rows span, up to 60 days, no jump ahead is a cut;
    where the rows span far more, one of over an hour is, and nothing beyond it is near. Cost does not depend
    on the span.
    """
    n = len(time_ms)
    rows = np.arange(n)
    if n < 2:
        return ClockCheck(rows, rows[:0])
    steps = np.diff(time_ms)
    span = int(time_ms.max()) - int(time_ms.min())
    doubtful = elapsed_ms is not None and span > 2 * elapsed_ms + _HOUR_MS
    counted = elapsed_ms is not None and span <= min(1.1 * elapsed_ms + _HOUR_MS, _LONGEST_TOUR_MS)
    near = _HOUR_MS if doubtful else _LONGEST_TOUR_MS if counted else DAY_MS
    own_length = _own_length(steps)
    own_length = max(own_length, 1000)
    back = steps < -own_length
    # The way back from a step back is a jump ahead of its size.
    cuts = np.flatnonzero(back | (steps > (min(near, own_length) if back.any() else near))) + 1
    if len(cuts) == 0:
        if (steps >= 0).all():
            return ClockCheck(rows, rows[:0])
        return ClockCheck(np.argsort(time_ms, kind="stable"), rows[:0])
    parts = (np.concatenate(([0], cuts)), np.concatenate((cuts, [n])))
    keep = _believed(time_ms, parts, near, _HOUR_MS if doubtful else _LONGEST_TOUR_MS)
    kept = rows[keep]
    return ClockCheck(kept[np.argsort(time_ms[kept], kind="stable")], rows[~keep])


def _own_length(steps: NDArray[np.int64]) -> int:
    """Milliseconds recorded, pauses and jumps left out: steps of up to a minute, or ten usual ones."""
    ahead = steps[steps > 0]
    return int(ahead[ahead <= max(60_000, 10 * float(np.median(ahead)))].sum()) if len(ahead) else 0


def _believed(
    time_ms: NDArray[np.int64], parts: tuple[NDArray[np.int64], NDArray[np.int64]], near: int, far: int
) -> NDArray[np.bool_]:
    first, stop = parts
    sizes = stop - first
    main = int(np.argmax(sizes))
    keep = np.zeros(len(time_ms), dtype=bool)
    keep[first[main] : stop[main]] = True
    low = int(time_ms[first[main] : stop[main]].min())
    high = int(time_ms[first[main] : stop[main]].max())
    # Outward from the believed part, so that each next part is judged by its nearest credible neighbour.
    for part in (*range(main + 1, len(first)), *range(main - 1, -1, -1)):
        times = time_ms[first[part] : stop[part]]
        gap = int(times.min()) - high if part > main else low - int(times.max())
        large = sizes[part] >= _LEAST_SHARE * len(time_ms)
        if 0 <= gap <= near or (0 <= gap <= far and large):
            keep[first[part] : stop[part]] = True
            low, high = min(low, int(times.min())), max(high, int(times.max()))
    return keep
