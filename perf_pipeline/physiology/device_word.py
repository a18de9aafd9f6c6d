"""Our numbers against the device's own: what the records alone give, and why a device says something else.

Nothing here copies the device's word: duration and distance are taken from the cleaned records (or lengths), before
`summarise` adopts what the device counted between them. A difference is given a kind by a rule on the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.model import Session
from perf_pipeline.physiology.bounds import SMART_RECORDING_SECONDS, bounds_of
from perf_pipeline.physiology.cleaning import CleanStreams
from perf_pipeline.physiology.lengths import pool_lengths
from perf_pipeline.physiology.power import normalized_power
from perf_pipeline.physiology.timeline import Timeline, Timelines

FloatArray = NDArray[np.float64]

UNEXPLAINED = "unexplained"
ZEROS_LEFT_OUT = "the device leaves zeros out"
"""A convention, not an error: such a device's mean is of the seconds with power alone."""
_SHORT_SECONDS = 600.0
_COVERED_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of one session: ours from the records, the device's, and the kind of the difference where it is
    outside the measure's tolerance (empty inside).
    """

    measure: str
    ours: float
    said: float
    kind: str

    @property
    def inside(self) -> bool:
        return not self.kind


@dataclass(frozen=True)
class Told:
    """What a session tells of itself, as far as the rules look at it."""

    session: Session
    clean: CleanStreams
    lines: Timelines

    def said(self, name: str) -> float | None:
        value = self.session.summary.get(name)
        return float(value) if value is not None and np.isfinite(value) and value > 0 else None

    def found(self, *kinds: str) -> bool:
        return any(anomaly.kind in kinds for anomaly in self.clean.anomalies)

    def raw(self, channel: str) -> FloatArray:
        """The channel as the file has it, holes left out."""
        values = self.session.streams.channels.get(channel, np.empty(0))
        return np.asarray(values[np.isfinite(values)], dtype=np.float64)

    @cached_property
    def last(self) -> float:
        return float(self.clean.seconds[-1])

    @cached_property
    def paused(self) -> float:
        return sum(max(0.0, min(end, self.last) - begin) for begin, end in self.clean.pauses)

    @cached_property
    def unrecorded(self) -> float:
        """Seconds outside pauses of which no record tells: silences of over 10 s, and what follows the last record."""
        steps = np.diff(self.clean.seconds, prepend=0.0)
        silent = float(steps[steps > SMART_RECORDING_SECONDS].sum())
        end = (self.session.end_ms - self.clean.start_ms) / 1000.0
        return max(silent - self.paused, 0.0) + max(end - self.last, 0.0)

    @cached_property
    def recorded_end(self) -> float:
        return max((self.session.end_ms - self.clean.start_ms) / 1000.0, self.last)


Rule = Callable[[Told, float, float], bool]


@dataclass(frozen=True, slots=True)
class Measure:
    """`ours` from the records; inside is what differs by at most `share` of the device's value plus `least` (half of
    the last digit that devices write). `rules`: kind and rule, the first that holds explains.
    """

    said: str
    ours: Callable[[Told], float | None]
    share: float
    least: float
    rules: tuple[tuple[str, Rule], ...]

    def near(self, ours: float, said: float) -> bool:
        return abs(ours - said) <= self.share * said + self.least


def compare(session: Session, clean: CleanStreams, lines: Timelines | None = None) -> tuple[Comparison, ...]:
    """Every measure of `MEASURES` that both the records and the device tell of; none without two records."""
    if len(clean) < 2:
        return ()
    told = Told(session, clean, lines or Timelines(clean))
    found = []
    for name, measure in MEASURES.items():
        said, ours = told.said(measure.said), measure.ours(told)
        if said is None or ours is None:
            continue
        kind = "" if measure.near(ours, said) else _kind(measure, told, ours, said)
        found.append(Comparison(name, ours, said, kind))
    return tuple(found)


def _kind(measure: Measure, told: Told, ours: float, said: float) -> str:
    return next((kind for kind, holds in measure.rules if holds(told, ours, said)), UNEXPLAINED)


def _running_seconds(told: Told) -> float:
    return told.last - told.paused


def _meters(told: Told) -> float | None:
    pool = pool_lengths(told.session)
    if pool is not None:
        return len(pool[0]) * pool[1]
    meters = told.clean.get("distance_meters")
    return float(np.nanmax(meters)) if meters is not None else None


def _mean(line: Timeline | None) -> float | None:
    return line.mean() if line is not None else None


def _normalized(told: Told) -> float | None:
    line = told.lines.power()
    return normalized_power(line.per_second()) if line is not None else None


def _stamps(told: Told, ours: float, said: float) -> bool:
    """Start, end and both ends of each pause are stamped in whole seconds."""
    return abs(ours - said) <= 2.0 + len(told.clean.pauses)


def _pauses_without_events(told: Told, ours: float, said: float) -> bool:
    """The device stood still for longer than its events tell: by its own elapsed time, or by silent records."""
    elapsed = told.said("elapsed_seconds")
    counted = elapsed is not None and abs(elapsed - told.last) <= 5.0 and elapsed - said > told.paused
    return ours > said and (counted or ours - said <= told.unrecorded + 2.0)


def _timer_ran_in_pauses(told: Told, ours: float, said: float) -> bool:
    """Rest at the wall, which its events call a pause."""
    return 0 < said - ours <= told.paused + 2.0 + len(told.clean.pauses)


def _records_end_early(told: Told, ours: float, said: float) -> bool:
    return 0 < said - ours <= told.recorded_end - told.last + 2.0


def _records_go_on(told: Told, ours: float, said: float) -> bool:
    """Records were written after the timer had been stopped for good."""
    elapsed = told.said("elapsed_seconds")
    return elapsed is not None and 0 < ours - said <= told.last - elapsed + 2.0


def _longer_than_the_records(told: Told, ours: float, said: float) -> bool:
    return said > told.recorded_end + 2.0


def _lap_times_added(told: Told, ours: float, said: float) -> bool:
    """The word is the sum of laps, each cut to whole seconds."""
    laps = [lap.summary.get("duration_seconds", 0.0) for lap in told.session.laps]
    return len(laps) > 1 and abs(sum(laps) - said) <= 1.0 and abs(ours - said) <= 1.0 + 1.5 * len(laps)


def _counted_by_the_device(told: Told, ours: float, said: float) -> bool:
    """The record stream's own counter is where the device's word comes from, and cleaning took something off it."""
    raw = told.raw("distance_meters")
    return len(raw) > 0 and abs(float(raw.max()) - said) <= 0.005 * said and float(raw.max()) > ours


def _took_off_jumps(told: Told, ours: float, said: float) -> bool:
    jumps = told.found("distance_jump", "distance_step", "negative_distance", "too_fast", "gps_jump")
    return jumps and _counted_by_the_device(told, ours, said)


def _not_recorded(told: Told, ours: float, said: float) -> bool:
    return 0 < said - ours <= bounds_of(told.clean.sport).max_speed_mps * told.unrecorded


def _between_records(told: Told, ours: float, said: float) -> bool:
    """What is covered in the last seconds before the end, and before the first record."""
    step = float(np.median(np.diff(told.clean.seconds))) + 1.0
    speed = told.clean.get("speed_mps")
    fastest = float(np.nanmax(speed)) if speed is not None else bounds_of(told.clean.sport).max_speed_mps
    return abs(said - ours) <= 2.0 * step * max(fastest, 1.0)


def _zeros_left_out(told: Told, ours: float, said: float) -> bool:
    line = told.lines.power()
    if line is None:
        return False
    watts = line.per_second()
    return abs(float(watts[watts > 0].mean()) - said) <= 0.02 * said + 0.5


def _zeros_left_out_of_normalized(told: Told, ours: float, said: float) -> bool:
    line = told.lines.power()
    watts = line.per_second() if line is not None else np.empty(0)
    other = normalized_power(watts[watts > 0])
    return other is not None and abs(other - said) <= 0.015 * said + 0.5


def _covers_less(channel: str) -> Rule:
    def rule(told: Told, ours: float, said: float) -> bool:
        line = told.lines.of(channel)
        timer = told.said("duration_seconds") or _running_seconds(told)
        return line is not None and line.covered_seconds < _COVERED_SHARE * timer

    return rule


def _spread_over_the_timer(told: Told, ours: float, said: float) -> bool:
    """The device counts the time without a value as zero."""
    line, timer = told.lines.power(), told.said("duration_seconds")
    return line is not None and timer is not None and abs(ours * line.covered_seconds / timer - said) <= 0.01 * said + 1


def _short(told: Told, ours: float, said: float) -> bool:
    """How the first and last seconds are counted is a percent of ten minutes."""
    return told.last < _SHORT_SECONDS


def _values_rejected(channel: str) -> Rule:
    def rule(told: Told, ours: float, said: float) -> bool:
        return any(a.channel == channel and a.kind in ("out_of_bounds", "power_spike") for a in told.clean.anomalies)

    return rule


def _silences(channel: str) -> Rule:
    def rule(told: Told, ours: float, said: float) -> bool:
        return any(a.channel == channel and a.kind == "dropout" for a in told.clean.anomalies)

    return rule


def _under_water(told: Told, ours: float, said: float) -> bool:
    """A strap is not heard under water and hands in its beats afterwards: the summary was written before."""
    return told.clean.sport == "swim"


def _clock(told: Told, ours: float, said: float) -> bool:
    return told.found("clock_step")


def _mean_of(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None


def _last_of(values: FloatArray) -> float | None:
    return float(values.max()) if len(values) else None


def _not_of_these_records(channel: str, of: Callable[[FloatArray], float | None]) -> Rule:
    """The records as the file has them give our number too: the device's is of something else."""

    def rule(told: Told, ours: float, said: float) -> bool:
        value = of(told.raw(channel))
        return value is not None and abs(value - ours) <= abs(value - said) / 4

    return rule


MEASURES: Mapping[str, Measure] = {
    "duration_seconds": Measure(
        "duration_seconds", _running_seconds, 0.0, 1.0,
        (
            ("a clock that was mended", _clock),
            ("stamps of whole seconds", _stamps),
            ("laps cut to whole seconds", _lap_times_added),
            ("pauses without events", _pauses_without_events),
            ("records end before the timer", _records_end_early),
            ("the timer ran in pauses", _timer_ran_in_pauses),
            ("a timer longer than its records", _longer_than_the_records),
            ("records go on after the timer", _records_go_on),
        ),
    ),
    "distance_meters": Measure(
        "distance_meters", _meters, 0.005, 0.5,
        (
            ("a clock that was mended", _clock),
            ("jumps that the device counted", _took_off_jumps),
            ("covered before the first record", _counted_by_the_device),
            ("covered between records", _between_records),
            ("covered while nothing was recorded", _not_recorded),
            ("its word is not of these records", _not_of_these_records("distance_meters", _last_of)),
        ),
    ),
    "mean_power_watts": Measure(
        "mean_power_watts", lambda told: _mean(told.lines.power()), 0.01, 0.5,
        (
            (ZEROS_LEFT_OUT, _zeros_left_out),
            ("the device counts gaps as zeros", _spread_over_the_timer),
            ("an activity of under 10 min", _short),
            ("values that cleaning rejected", _values_rejected("power_watts")),
            ("power covers a part of the time", _covers_less("power_watts")),
            ("its word is not of these records", _not_of_these_records("power_watts", _mean_of)),
        ),
    ),
    "normalized_power_watts": Measure(
        "normalized_power_watts", _normalized, 0.015, 0.5,
        (
            (ZEROS_LEFT_OUT, _zeros_left_out_of_normalized),
            ("an activity of under 10 min", _short),
            ("values that cleaning rejected", _values_rejected("power_watts")),
            ("power covers a part of the time", _covers_less("power_watts")),
            ("its word is not of these records", _not_of_these_records("power_watts", normalized_power)),
        ),
    ),
    "mean_heart_rate_bpm": Measure(
        "mean_heart_rate_bpm", lambda told: _mean(told.lines.of("heart_rate_bpm")), 0.01, 0.5,
        (
            ("values that cleaning rejected", _values_rejected("heart_rate_bpm")),
            ("heart rate covers a part of the time", _covers_less("heart_rate_bpm")),
            ("an activity of under 10 min", _short),
            ("heart rate under water", _under_water),
            ("silences of the sensor", _silences("heart_rate_bpm")),
        ),
    ),
}  # fmt: skip
