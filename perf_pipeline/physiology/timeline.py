"""A channel as a step function of time: what it was, over which stretch, and where it was silent.

A record's sample covers the time from the previous record to its own, since a recorder reports what has
passed. The start of the session and the end of a pause play the part of a previous record for the first one
after them. Where the rules on gaps end a stretch, a new segment begins, and no window crosses from one to the
next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.physiology.bounds import DROPOUT_SECONDS, SLOW_CHANNEL_SECONDS, SMART_RECORDING_SECONDS
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
    segments do not touch. `whole_seconds`: every piece is 1 s long. `bests`: what `best_windows` has found so far, by
    duration: efforts, curves and durability ask for the same ones.
    """

    starts: FloatArray
    widths: FloatArray
    values: FloatArray
    segments: IntArray
    filled: BoolArray
    whole_seconds: bool
    bests: dict[float, tuple[float, float] | None] = field(default_factory=dict, init=False, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def covered_seconds(self) -> float:
        """How much time is covered in all."""
        return float(self.widths.sum())

    def mean(self) -> float | None:
        """The mean over the covered time, None where there is none."""
        total = self.covered_seconds
        return float((self.widths * self.values).sum()) / total if total > 0 else None

    def per_second(self) -> FloatArray:
        """The values on a 1 Hz grid of the covered (timer) time, segments joined; means over each second."""
        if self.whole_seconds or len(self) == 0:
            return self.values
        clock = np.concatenate(([0.0], np.cumsum(self.widths)))
        total = np.concatenate(([0.0], np.cumsum(self.widths * self.values)))
        grid = np.arange(0.0, np.floor(clock[-1] + _EPS) + 1.0)
        return np.asarray(np.diff(np.interp(grid, clock, total)))


@dataclass(frozen=True, slots=True)
class Timelines:
    """The timelines of one activity, each built once, when first asked for: efforts, metrics and curves share them."""

    clean: CleanStreams
    _built: dict[str, Timeline | None] = field(default_factory=dict)

    def of(self, channel: str) -> Timeline | None:
        """The channel's timeline, None where there is nothing of it; what changes slowly is bridged for longer."""
        if channel not in self._built:
            bridge = SLOW_CHANNEL_SECONDS.get(channel, SMART_RECORDING_SECONDS)
            line = timeline_of(self.clean, channel, bridge)
            self._built[channel] = line if line is not None and len(line) else None
        return self._built[channel]

    def mean(self, channel: str) -> float | None:
        """The channel's mean over the covered time, without its timeline where nothing else has asked for it."""
        if channel in self._built:
            line = self._built[channel]
            return line.mean() if line is not None else None
        bridge = SLOW_CHANNEL_SECONDS.get(channel, SMART_RECORDING_SECONDS)
        coarse = timeline_of(self.clean, channel, bridge, fine=False)
        return coarse.mean() if coarse is not None else None

    def derived(self, name: str, build: Callable[[CleanStreams], Timeline | None]) -> Timeline | None:
        """A timeline that `build` makes of the activity, None where there is nothing of it."""
        if name not in self._built:
            line = build(self.clean)
            self._built[name] = line if line is not None and len(line) else None
        return self._built[name]

    def distance(self) -> Timeline | None:
        """Speed as the rise of distance, None where nothing was covered."""
        if "" not in self._built:
            line = distance_timeline(self.clean)
            self._built[""] = line if line is not None and (line.values > 0).any() else None
        return self._built[""]

    def power(self) -> Timeline | None:
        """Power, None where the meter never showed anything."""
        line = self.of("power_watts")
        return line if line is not None and (line.values > 0).any() else None


def timeline_of(
    clean: CleanStreams, channel: str, bridge_seconds: float = SMART_RECORDING_SECONDS, *, fine: bool = True
) -> Timeline | None:
    """The channel as a timeline, or None where it is absent.

    Rows up to 3 s apart: the sample covers what the recorder usually reports, the rest holds the last value.
    Rows up to 10 s apart with nothing between (smart recording): linear, in steps of at most 1 s. A longer
    silence, rows without a value for over 3 s, and a pause of over 3 s end the segment. With `bridge_seconds`
    above 10 any silence up to that is linear, rows without a value or not. Not `fine` is one piece a record, with the
    mean over it: enough for a mean.
    """
    values = clean.get(channel)
    if values is None:
        return None
    rows = _rows_outside_pauses(clean, np.isfinite(values))
    if len(rows) == 0:
        return None
    adjacent = np.diff(rows) == 1 if bridge_seconds <= SMART_RECORDING_SECONDS else np.ones(len(rows) - 1, dtype=bool)
    return _build(clean, rows, values[rows], bridgeable=adjacent, bridge_seconds=bridge_seconds, fine=fine)


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
    everywhere = np.ones(len(rows) - 1, dtype=bool)
    return _build(clean, rows, meters[rows], bridgeable=everywhere, increments=True)


def _rows_outside_pauses(clean: CleanStreams, wanted: BoolArray) -> IntArray:
    """Wanted rows, without those strictly inside a pause."""
    t = clean.seconds
    inside = np.zeros(len(t), dtype=bool)
    for begin, end in clean.pauses:
        if end - begin > DROPOUT_SECONDS:
            inside[np.searchsorted(t, begin, "right") : np.searchsorted(t, end, "left")] = True
    return np.flatnonzero(wanted & ~inside)


def _build(
    clean: CleanStreams,
    rows: IntArray,
    v: FloatArray,
    *,
    bridgeable: BoolArray,
    bridge_seconds: float = SMART_RECORDING_SECONDS,
    increments: bool = False,
    fine: bool = True,
) -> Timeline:
    t = clean.seconds[rows]
    dt = np.diff(t)
    joined = (dt <= DROPOUT_SECONDS + _EPS) | (bridgeable & (dt <= bridge_seconds + _EPS))
    joined &= ~_crosses_pause(clean, t)
    held = np.zeros(len(t), dtype=bool)
    if not increments:
        t, v, joined, held = _with_held(t, v, joined)
    new = np.concatenate(([True], ~joined))
    since = _since(clean, t, new)
    width = t - since
    pieces = np.where(width > 0, np.maximum(np.ceil(width - _EPS), 1.0) if fine else 1.0, 0.0).astype(np.int64)
    of = np.repeat(np.arange(len(t)), pieces)
    several = bool(pieces.max() > 1)
    step = (width / np.maximum(pieces, 1))[of] if several else width[of]
    number = np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces) if several else np.zeros(len(of))
    linear = ~new & (width > DROPOUT_SECONDS + _EPS)
    if increments:
        rise = np.where(new[1:], 0.0, np.diff(v))
        values = np.divide(np.concatenate(([0.0], rise)), width, out=np.zeros_like(v), where=width > 0)[of]
    elif linear.any():
        # Along a straight line between two records, in steps; at the record's own value everywhere else.
        change = np.where(linear, v - np.concatenate((v[:1], v[:-1])), 0.0)[of]
        values = v[of] - change * (1.0 - (number + 0.5) / np.maximum(pieces, 1)[of])
    else:
        values = v[of]
    segments = (np.cumsum(new) - 1)[of]
    whole = bool(len(step) > 0 and np.abs(step - 1.0).max() < _EPS)
    starts = since[of] + number * step if several else since[of]
    return Timeline(starts, step, values, segments, (held | linear)[of], whole)


def _with_held(t: FloatArray, v: FloatArray, joined: BoolArray) -> tuple[FloatArray, FloatArray, BoolArray, BoolArray]:
    """The records with one put in where a dropout ends: until then the last value is held.

    A dropout is a stretch of up to 3 s in which at least one usual record is missing.
    """
    dt = np.diff(t)
    usual = min(_lower_median(dt[joined]), DROPOUT_SECONDS) if joined.any() else 1.0
    ends = np.flatnonzero(joined & (dt <= DROPOUT_SECONDS + _EPS) & (dt >= 2 * usual - _EPS)) + 1
    if len(ends) == 0:
        return t, v, joined, np.zeros(len(t), dtype=bool)
    held = np.insert(np.zeros(len(t), dtype=bool), ends, values=True)
    return np.insert(t, ends, t[ends] - usual), np.insert(v, ends, v[ends - 1]), np.insert(joined, ends - 1, True), held


def _lower_median(dt: FloatArray) -> float:
    """The median, or the lower of the two middle values: an interval that really occurs."""
    middle = (len(dt) - 1) // 2
    return float(np.partition(dt, middle)[middle])


def _since(clean: CleanStreams, t: FloatArray, new: BoolArray) -> FloatArray:
    """Where the stretch that each sample tells of begins: at the record before, the start, or a pause's end."""
    since = np.where(new, t, np.concatenate((t[:1], t[:-1])))
    for begin in (0.0, *(end for _, end in clean.pauses)):
        row = int(np.searchsorted(t, begin, "left"))
        if row < len(t) and new[row] and 0 < t[row] - begin <= DROPOUT_SECONDS:
            since[row] = begin
    return since


def _crosses_pause(clean: CleanStreams, t: FloatArray) -> BoolArray:
    """Whether a pause of over 3 s lies between a row and the next."""
    crosses = np.zeros(max(len(t) - 1, 0), dtype=bool)
    for begin, end in clean.pauses:
        if end - begin > DROPOUT_SECONDS:
            after = int(np.searchsorted(t, begin, "right"))
            if 0 < after < len(t):
                crosses[after - 1] = True
    return crosses
