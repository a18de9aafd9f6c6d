"""A channel as a step function of time: what it was, over which stretch, and where it was silent.

A record's sample covers the time from the previous record to its own, since a recorder reports what has
passed. The start of the session and the end of a pause play the part of a previous record for the first one
after them. Where the rules on gaps end a stretch, a new segment begins, and no window crosses from one to the
next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.bounds import DROPOUT_SECONDS, SMART_RECORDING_SECONDS
from perf_pipeline.physiology.cleaning import CleanStreams

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
_EPS = 1e-9


@dataclass(frozen=True, slots=True)
class Timeline:
    """Pieces of constant value, in order of time.

    `starts`, `widths`, `values`, `segments`, `filled` (m,): each piece's first second, length in s, value,
    segment number, and whether it was filled in (held or linear) rather than recorded. A segment has no hole;
    segments do not touch. `whole_seconds`: every piece is 1 s long.
    """

    starts: FloatArray
    widths: FloatArray
    values: FloatArray
    segments: IntArray
    filled: BoolArray
    whole_seconds: bool

    def __len__(self) -> int:
        return len(self.values)

    @property
    def covered_seconds(self) -> float:
        """How much time is covered in all."""
        return float(self.widths.sum())

    def mean(self) -> float | None:
        """The mean over the covered time, None where there is none."""
        total = self.covered_seconds
        return float(self.widths @ self.values) / total if total > 0 else None

    def per_second(self) -> FloatArray:
        """The values on a 1 Hz grid of the covered (timer) time, segments joined; means over each second."""
        if self.whole_seconds or len(self) == 0:
            return self.values
        clock = np.concatenate(([0.0], np.cumsum(self.widths)))
        total = np.concatenate(([0.0], np.cumsum(self.widths * self.values)))
        grid = np.arange(0.0, np.floor(clock[-1] + _EPS) + 1.0)
        return np.asarray(np.diff(np.interp(grid, clock, total)))


def timeline_of(clean: CleanStreams, channel: str) -> Timeline | None:
    """The channel as a timeline, or None where it is absent.

    Rows up to 3 s apart: the sample covers what the recorder usually reports, the rest holds the last value.
    Rows up to 10 s apart with nothing between (smart recording): linear, in steps of at most 1 s. A longer
    silence, rows without a value for over 3 s, and a pause of over 3 s end the segment.
    """
    values = clean.get(channel)
    if values is None:
        return None
    rows = _rows_outside_pauses(clean, np.isfinite(values))
    if len(rows) == 0:
        return None
    return _build(clean, rows, values[rows], smart_if_adjacent=True, increments=False)


def distance_timeline(clean: CleanStreams) -> Timeline | None:
    """Speed as the rise of distance over each record's interval, or None without distance; silences as for
    other channels.
    """
    meters = clean.get("distance_meters")
    if meters is None:
        return None
    rows = _rows_outside_pauses(clean, np.isfinite(meters))
    if len(rows) < 2:
        return None
    return _build(clean, rows, meters[rows], smart_if_adjacent=False, increments=True)


def _rows_outside_pauses(clean: CleanStreams, wanted: BoolArray) -> IntArray:
    """Wanted rows, without those strictly inside a pause."""
    t = clean.seconds
    inside = np.zeros(len(t), dtype=bool)
    for begin, end in clean.pauses:
        if end - begin > DROPOUT_SECONDS:
            inside[np.searchsorted(t, begin, "right") : np.searchsorted(t, end, "left")] = True
    return np.flatnonzero(wanted & ~inside)


def _build(
    clean: CleanStreams, rows: IntArray, v: FloatArray, *, smart_if_adjacent: bool, increments: bool
) -> Timeline:
    t = clean.seconds[rows]
    dt = np.diff(t)
    adjacent = np.diff(rows) == 1 if smart_if_adjacent else np.ones(len(dt), dtype=bool)
    joined = (dt <= DROPOUT_SECONDS + _EPS) | (adjacent & (dt <= SMART_RECORDING_SECONDS + _EPS))
    joined &= ~_crosses_pause(clean, t)
    # `since` is where the stretch that each sample tells of begins.
    since = np.empty_like(t)
    since[1:] = np.where(joined, t[:-1], t[1:])
    since[0] = t[0]
    new = np.concatenate(([True], ~joined))
    for begin in (0.0, *(end for _, end in clean.pauses)):
        row = int(np.searchsorted(t, begin, "left"))
        if row < len(t) and new[row] and 0 < t[row] - begin <= DROPOUT_SECONDS:
            since[row] = begin
    width = t - since
    usual = _usual_interval(dt[joined])
    pieces = np.where(width > 0, np.maximum(np.ceil(width - _EPS), 1.0), 0.0).astype(np.int64)
    of = np.repeat(np.arange(len(t)), pieces)
    number = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    step = (width / np.maximum(pieces, 1))[of]
    segments = (np.cumsum(new) - 1)[of]
    previous = np.concatenate(([0], np.arange(len(t) - 1)))[of]
    joined_from_before = ~new[of]
    long = joined_from_before & (width[of] > DROPOUT_SECONDS + _EPS)
    held = joined_from_before & ~long & ((number + 1) * step <= width[of] - usual + _EPS)
    if increments:
        rise = np.concatenate(([0.0], dt_rise(v, joined)))
        speed = np.divide(rise, width, out=np.zeros_like(rise), where=width > 0)
        values = speed[of]
    else:
        along = (number + 0.5) / np.maximum(pieces, 1)[of]
        values = np.where(held, v[previous], np.where(long, v[previous] + (v[of] - v[previous]) * along, v[of]))
    whole = bool(len(step) > 0 and np.abs(step - 1.0).max() < _EPS)
    return Timeline(since[of] + number * step, step, values, segments, held | long, whole)


def dt_rise(meters: FloatArray, joined: BoolArray) -> FloatArray:
    """Metres gained over each joined interval, 0 across a split."""
    return np.where(joined, np.diff(meters), 0.0)


def _crosses_pause(clean: CleanStreams, t: FloatArray) -> BoolArray:
    """Whether a pause of over 3 s lies between a row and the next."""
    crosses = np.zeros(max(len(t) - 1, 0), dtype=bool)
    for begin, end in clean.pauses:
        if end - begin > DROPOUT_SECONDS:
            after = int(np.searchsorted(t, begin, "right"))
            if 0 < after < len(t):
                crosses[after - 1] = True
    return crosses


def _usual_interval(dt: FloatArray) -> float:
    """What the recorder usually leaves between records, at most 3 s; 1 s where nothing tells."""
    return min(float(np.median(dt)), DROPOUT_SECONDS) if len(dt) else 1.0
