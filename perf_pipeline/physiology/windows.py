"""Where the best window of an activity lies: exact by interpolation, over durations and over distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.timeline import Timeline

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_WORTH_A_GRID = 40
_WORTH_BLOCKS = 400
_BLOCK_ROWS = 24
_EPS = 1e-9


def best_window(line: Timeline, duration_seconds: float) -> tuple[float, float] | None:
    """Highest mean over a window of the duration inside one segment, and its first second.

    None where no segment is long enough.
    """
    return best_windows(line, (duration_seconds,))[0]


def best_windows(line: Timeline, durations: Sequence[float]) -> list[tuple[float, float] | None]:
    """For each duration in s the highest mean over a window inside one segment, and its first second.

    The window's sum is piecewise linear in its position, so the best begins or ends at an edge of a piece:
    both are tried, or on a grid of whole seconds one, which is then the other as well.
    """
    known = line.bests
    missing = [d for d in durations if d not in known]
    if missing:
        known.update(zip(missing, _best_windows(line, missing), strict=True))
    return [known[d] for d in durations]


def _best_windows(line: Timeline, durations: Sequence[float]) -> list[tuple[float, float] | None]:
    if len(line) == 0:
        return [None] * len(durations)
    # Whole by their type is told in a tenth of the time.
    if line.whole_seconds and (set(map(type, durations)) == {int} or all(float(d).is_integer() for d in durations)):
        return _bests_of_whole_seconds(line, [int(d) for d in durations])
    knots = _knots(line)
    grid = _SecondGrid.over(knots) if len(durations) >= _WORTH_A_GRID and line.values.min() >= 0 else None
    return [_best_interpolated(knots, float(d), grid) for d in durations]


def _bests_of_whole_seconds(line: Timeline, widths: Sequence[int]) -> list[tuple[float, float] | None]:
    """As `best_windows`, of pieces of 1 s: a best begins and ends at an edge.

    Each window is a difference of the running sum (n + 1,). As seen by a window that begins and by one that ends at an
    edge that sum is less a toll for each gap passed so far: a window over a gap is found to be worth less than any
    other, without looking for gaps.
    """
    total = np.concatenate(([0.0], np.cumsum(line.values)))
    opening = closing = total
    gaps = bool(line.segments[0] != line.segments[-1])
    if gaps:
        toll = (1.0 + 2.0 * float(np.abs(line.values).sum())) * (line.segments - line.segments[0])
        opening, closing = total.copy(), total.copy()
        opening[:-1] -= toll
        closing[1:] -= toll
    scratch = np.empty_like(total)  # one for all widths: new pages cost more than the sums
    found: list[tuple[float, float] | None] = []
    for width in widths:
        windows = len(total) - width
        if windows < 1 or width < 1:
            found.append(None)
            continue
        best = int(np.subtract(closing[width:], opening[:windows], out=scratch[:windows]).argmax())
        if gaps and line.segments[best] != line.segments[best + width - 1]:
            found.append(None)
            continue
        found.append((float(total[best + width] - total[best]) / width, float(line.starts[best])))
    return found


_Knots = tuple[FloatArray, FloatArray, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class _SecondGrid:
    """The running sum on whole seconds since the first knot: tells which seconds a best may begin in.

    `total` (m,); `segment` (m,), -1 in a gap. Of channels that are never negative.
    """

    total: FloatArray
    segment: NDArray[np.int64]

    @staticmethod
    def over(knots: _Knots) -> _SecondGrid | None:
        """None where the gaps are so long that a row per second would be dear."""
        t, total, segment = knots
        if t[-1] - t[0] > 4 * len(t) + 3600:
            return None
        clock = t[0] + np.arange(np.ceil(t[-1] - t[0]) + 1.0)
        right = np.clip(np.searchsorted(t, clock, "left"), 1, len(t) - 1)
        inside = (segment[right] == segment[right - 1]) & (clock <= t[-1])
        return _SecondGrid(np.interp(clock, t, total), np.where(inside, segment[right], -1))

    def promising(self, width: float) -> BoolArray | None:
        """Seconds in which a window may begin that is at least as good as the best on whole seconds; None: all."""
        whole = int(width)
        if whole != width or whole >= len(self.total):
            return None
        sums = self.total[whole:] - self.total[:-whole]
        real = (self.segment[whole:] == self.segment[:-whole]) & (self.segment[:-whole] >= 0)
        if not real.any():
            return None
        last = len(self.total) - 1
        most = self.total[np.minimum(np.arange(1, last + 2) + whole, last)] - self.total
        keep = most >= float(sums[real].max()) * (1 - _EPS)
        # A second to either side, for what rounding puts across an edge.
        keep[1:] |= keep[:-1].copy()
        keep[:-1] |= keep[1:].copy()
        return np.asarray(keep)


def _best_interpolated(knots: _Knots, width: float, grid: _SecondGrid | None) -> tuple[float, float] | None:
    t, total, segment = knots
    keep = grid.promising(width) if grid is not None else None
    first, last = _promising_knots(t, width, keep)
    # Begins at a knot: the end lies between knots j - 1 and j.
    target = t[first] + width
    j = np.minimum(np.searchsorted(t, target - _EPS, "left"), len(t) - 1)
    ok = (segment[j] == segment[first]) & (t[j] >= target - _EPS)
    starts_after = t[first][ok]
    sums_after = _at(t, total, j[ok], target[ok]) - total[first][ok]
    # Ends at a knot: the start lies between knots i and i + 1.
    target = t[last] - width
    i = np.maximum(np.searchsorted(t, target + _EPS, "right") - 1, 0)
    ok = (segment[i] == segment[last]) & (t[i] <= target + _EPS)
    sums_before = total[last][ok] - _at(t, total, np.minimum(i[ok] + 1, len(t) - 1), target[ok])
    sums = np.concatenate((sums_after, sums_before))
    if len(sums) == 0:
        return None
    best = int(np.argmax(sums))
    return float(sums[best]) / width, float(np.concatenate((starts_after, target[ok]))[best])


def _promising_knots(
    t: FloatArray, width: float, keep: BoolArray | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Knots at which a best window may begin, and at which one may end."""
    if keep is None:
        everything = np.arange(len(t))
        return everything, everything
    begins = (t - t[0]).astype(np.int64)
    ends = np.floor(t - width - t[0]).astype(np.int64)
    return np.flatnonzero(keep[begins]), np.flatnonzero((ends >= -1) & keep[np.maximum(ends, 0)])


def _knots(line: Timeline) -> _Knots:
    """Edges of the pieces with the running sum and the segment, one edge more than pieces in each segment."""
    at = np.flatnonzero(np.concatenate(([True], np.diff(line.segments) != 0)))
    ends = line.starts + line.widths
    total = np.cumsum(line.widths * line.values)
    before = np.concatenate(([0.0], total[:-1]))
    t = np.insert(ends, at, line.starts[at])
    return t, np.insert(total, at, before[at]), np.insert(line.segments, at, line.segments[at])


def _at(t: FloatArray, total: FloatArray, right: NDArray[np.int64], x: FloatArray) -> FloatArray:
    """The running sum at x, which lies at or left of knot `right`."""
    left = np.maximum(right - 1, 0)
    span = t[right] - t[left]
    share = np.divide(x - t[left], span, out=np.ones_like(x), where=span > 0)
    return np.asarray(total[left] + (total[right] - total[left]) * np.clip(share, 0.0, 1.0))


def best_time(seconds: FloatArray, meters: FloatArray, distance: float) -> tuple[float, float] | None:
    """Shortest elapsed time in which the distance was covered, and its first second; None where it never was.

    `seconds` (n,) strictly increasing, `meters` (n,) never falling. Linear between the knots; windows that
    begin at a knot and windows that end at one are tried, which is exact for a piecewise linear course.
    """
    if len(meters) < 2 or meters[-1] - meters[0] < distance - _EPS:
        return None
    begins, ends = _promising_rows(seconds, meters, distance)
    begins = begins[meters[begins] + distance <= meters[-1] + _EPS]
    ends = ends[meters[ends] - distance >= meters[0] - _EPS]
    target = meters[begins] + distance
    j = np.clip(np.searchsorted(meters, target - _EPS, "left"), 1, len(meters) - 1)
    taken_after = _when(seconds, meters, j, target) - seconds[begins]
    target = meters[ends] - distance
    i = np.clip(np.searchsorted(meters, target + _EPS, "right"), 1, len(meters) - 1)
    starts_before = _when(seconds, meters, i, target)
    taken = np.concatenate((taken_after, seconds[ends] - starts_before))
    best = int(np.argmin(taken))
    return float(taken[best]), float(np.concatenate((seconds[begins], starts_before))[best])


def _promising_rows(seconds: FloatArray, meters: FloatArray, distance: float) -> tuple[IntArray, IntArray]:
    """Rows at which a best window may begin, and at which one may end: all of a short course.

    In a block of rows no window begins before its first row in place nor after its last in time, which bounds its time
    from below; from above the windows that begin at the blocks' first rows bound the best.
    """
    everything = np.arange(len(meters))
    if len(meters) < _WORTH_BLOCKS:
        return everything, everything
    edges = np.append(everything[:-1:_BLOCK_ROWS], len(meters) - 1)
    first, last = edges[:-1], edges[1:]
    target = meters[first] + distance
    reached = target <= meters[-1] + _EPS
    first, last, target = first[reached], last[reached], target[reached]
    j = np.clip(np.searchsorted(meters, target - _EPS, "left"), 1, len(meters) - 1)
    arrived = _when(seconds, meters, j, target)
    keep = arrived - seconds[last] <= float((arrived - seconds[first]).min()) + _EPS
    low = np.maximum(np.searchsorted(meters, target[keep] - _EPS, "left") - 1, 0)
    high = np.searchsorted(meters, meters[last[keep]] + distance + _EPS, "right")
    return _covered(first[keep], last[keep], len(meters)), _covered(low, high, len(meters))


def _covered(first: IntArray, last: IntArray, n: int) -> IntArray:
    """The rows (of n) in any of the stretches from first to last, both in rising order."""
    change = np.bincount(first, minlength=n + 1)[: n + 1] - np.bincount(np.minimum(last + 1, n), minlength=n + 1)
    return np.flatnonzero(np.cumsum(change[:n]) > 0)


def _when(seconds: FloatArray, meters: FloatArray, right: NDArray[np.int64], x: FloatArray) -> FloatArray:
    left = right - 1
    span = meters[right] - meters[left]
    share = np.divide(x - meters[left], span, out=np.ones_like(x), where=span > 0)
    return np.asarray(seconds[left] + (seconds[right] - seconds[left]) * np.clip(share, 0.0, 1.0))
