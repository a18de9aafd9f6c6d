"""Making a file's clock credible: which rows to keep, when they were, in which order, before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_LONGEST_TOUR_MS = 60 * DAY_MS
_LEAST_SHARE = 0.1
_LEAST_RETIMED = 60
_ROLLOVER_MS = 1024 * 7 * DAY_MS
_ROLLOVER_SLACK_MS = 60_000
_REPEATED_SHARE = 0.8
_MOST_SET_BACKS = 20

_LONGEST_SET_BACK_MS = 600_000

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ClockCheck:
    """`order` (k,): the rows to keep, sorted by time, repeats of a time still in it. `rejected` (r,): rows of a bad
    clock. `time_ms` (n,): the rows' times, those of `retimed` parts, given as (first row, row after the last), moved
    to where they follow on.
    """

    order: IntArray
    rejected: IntArray
    time_ms: IntArray
    retimed: tuple[tuple[int, int], ...] = ()


def check_clock(time_ms: IntArray, elapsed_ms: int | None = None, places: Sequence[FloatArray] = ()) -> ClockCheck:
    """Sort the rows by time (stably), re-time parts of which the clock's fault is known, reject rows where it is not.

    `time_ms` (n,) int64, in file order. Re-timed is a part that a step of whole 1024 weeks sets apart (the week number
    of GPS overflows), one that a jump of over an hour sets apart which the device did not count (`elapsed_ms` is what
    remains without it), and one that steps back over seconds already recorded, up to 10 min, and never returns, where
    `places` (distance, latitude, longitude; (n,) each) go on from before the step instead of being recorded again.

    Of the rest the file is cut where time jumps ahead by over a day or steps back by more than the file's own length.
    The part with the most rows is believed; another is kept where it follows in order and is either near or both large
    (a tenth of the rows) and within a tour's length of 60 days. Where the device counted itself what the rows span, up
    to 60 days, no jump ahead is a cut; where the rows span far more, one of over an hour is, and nothing beyond it is
    near. Cost does not depend on the span.
    """
    time_ms, retimed = _retimed(time_ms, elapsed_ms, places)
    rows = np.arange(len(time_ms))
    keep = _credible(time_ms, elapsed_ms)
    kept = rows[keep]
    order = kept if (np.diff(time_ms[kept]) >= 0).all() else kept[np.argsort(time_ms[kept], kind="stable")]
    return ClockCheck(order, rows[~keep], time_ms, retimed)


def _retimed(
    time_ms: IntArray, elapsed_ms: int | None, places: Sequence[FloatArray]
) -> tuple[IntArray, tuple[tuple[int, int], ...]]:
    """The times with each part of a known fault moved to follow on, and those parts; the larger side stands still."""
    if len(time_ms) < 2:
        return time_ms, ()
    steps = np.diff(time_ms)
    if (steps >= 0).all() and int(steps.max()) <= _HOUR_MS:
        return time_ms, ()
    usual = _usual(steps)
    backward = _backward(time_ms, steps, usual, places)
    moves = {**_uncounted(steps, elapsed_ms, usual), **backward, **_rollovers(steps, usual)}
    if not moves:
        return time_ms, ()
    cuts = sorted(moves)
    bounds = [0, *(cut + 1 for cut in cuts), len(time_ms)]
    offsets = np.cumsum([0, *(moves[cut] for cut in cuts)])
    parts = list(pairwise(bounds))
    main = max(range(len(parts)), key=lambda k: parts[k][1] - parts[k][0])
    out = time_ms.copy()
    for (first, stop), offset in zip(parts, offsets.tolist(), strict=True):
        out[first:stop] += offset - int(offsets[main])
    return out, tuple(part for part, offset in zip(parts, offsets.tolist(), strict=True) if offset != offsets[main])


def _usual(steps: IntArray) -> int:
    ahead = steps[steps > 0]
    return int(np.median(ahead)) if len(ahead) else 1000


def _rollovers(steps: IntArray, usual: int) -> dict[int, int]:
    """Steps of whole 1024 weeks, and by how much what follows moves."""
    near = np.flatnonzero(np.abs(steps) > _ROLLOVER_MS // 2)
    moves = {}
    for k in near.tolist():
        weeks = round(int(steps[k]) / _ROLLOVER_MS)
        rest = int(steps[k]) - weeks * _ROLLOVER_MS
        if abs(rest) <= _ROLLOVER_SLACK_MS:
            moves[k] = -weeks * _ROLLOVER_MS + (usual - rest if rest <= 0 else 0)
    return moves


def _uncounted(steps: IntArray, elapsed_ms: int | None, usual: int) -> dict[int, int]:
    """The one jump ahead of over an hour without which the rows last as long as the device counted."""
    jumps = np.flatnonzero(steps > _HOUR_MS)
    if elapsed_ms is None or len(jumps) != 1 or (steps < 0).any():
        return {}
    k = int(jumps[0])
    large = min(k + 1, len(steps) - k) >= max(_LEAST_RETIMED, _LEAST_SHARE * (len(steps) + 1))
    left = int(steps.sum()) - int(steps[k]) + usual
    return {k: usual - int(steps[k])} if large and abs(left - elapsed_ms) <= 10_000 + 0.02 * elapsed_ms else {}


def _backward(time_ms: IntArray, steps: IntArray, usual: int, places: Sequence[FloatArray]) -> dict[int, int]:
    """Steps back after which the same seconds were recorded again in order: a clock that was set back.

    Rows that are merely out of order fill seconds that were not recorded yet and come back to where they left; rows
    that a program wrote twice are in the same places as before.
    """
    moves: dict[int, int] = {}
    for k in np.flatnonzero((steps < -2 * usual) & (steps >= -_LONGEST_SET_BACK_MS)).tolist()[:_MOST_SET_BACKS]:
        before, after = time_ms[: k + 1], time_ms[k + 1 :]
        overlap = _until(after, int(before[-1]))
        again = after[:overlap]
        if overlap < 3 or not (np.diff(again) > 0).all():
            continue
        seen = float(np.isin(again // 1000, before // 1000).mean())
        returns = overlap < len(after) and int(after[overlap]) - int(again[-1]) > max(3 * usual, 5000)
        if seen >= _REPEATED_SHARE and not returns and _goes_on(places, before, k, int(after[0])):
            moves[k] = usual - int(steps[k])
    return moves


def _goes_on(places: Sequence[FloatArray], before: IntArray, k: int, now: int) -> bool:
    """Whether row k + 1 is nearer to where row k was than to where the row of its own time was."""
    same = int(np.argmin(np.abs(before - now)))
    away = [(abs(x[k + 1] - x[k]), abs(x[k + 1] - x[same])) for x in places]
    known = [(step, repeat) for step, repeat in away if np.isfinite(step) and np.isfinite(repeat)]
    return all(step <= repeat for step, repeat in known)


def _until(after: IntArray, top: int) -> int:
    beyond = np.flatnonzero(after > top)
    return int(beyond[0]) if len(beyond) else len(after)


def _credible(time_ms: IntArray, elapsed_ms: int | None) -> NDArray[np.bool_]:
    """Which rows (n,) belong to the file's time."""
    n = len(time_ms)
    everything = np.ones(n, dtype=bool)
    if n < 2:
        return everything
    steps = np.diff(time_ms)
    span = int(time_ms.max()) - int(time_ms.min())
    doubtful = elapsed_ms is not None and span > 2 * elapsed_ms + _HOUR_MS
    counted = elapsed_ms is not None and span <= min(1.1 * elapsed_ms + _HOUR_MS, _LONGEST_TOUR_MS)
    near = _HOUR_MS if doubtful else _LONGEST_TOUR_MS if counted else DAY_MS
    own_length = max(_own_length(steps), 1000)
    back = steps < -own_length
    # The way back from a step back is a jump ahead of its size.
    cuts = np.flatnonzero(back | (steps > (min(near, own_length) if back.any() else near))) + 1
    if len(cuts) == 0:
        return everything
    parts = (np.concatenate(([0], cuts)), np.concatenate((cuts, [n])))
    return _believed(time_ms, parts, near, _HOUR_MS if doubtful else _LONGEST_TOUR_MS)


def _own_length(steps: IntArray) -> int:
    """Milliseconds recorded, pauses and jumps left out: steps of up to a minute, or ten usual ones."""
    ahead = steps[steps > 0]
    return int(ahead[ahead <= max(60_000, 10 * float(np.median(ahead)))].sum()) if len(ahead) else 0


def _believed(time_ms: IntArray, parts: tuple[IntArray, IntArray], near: int, far: int) -> NDArray[np.bool_]:
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
