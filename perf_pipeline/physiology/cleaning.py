"""From what the file says to what can be believed: one strictly rising clock, bounded channels, and the
evidence.

Nothing here changes the raw streams; each decision is an `Anomaly`, of one of these kinds:

- clock_step (time): a part of a wrong clock, re-timed where its fault is known, else its rows rejected.
- out_of_bounds (any channel): value outside the credible range, rejected.
- power_spike (power_watts): a record or two alone above their neighbours, rejected.
- dropout (power, heart rate, cadence): the sensor fell silent; absent, or a zero that is kept.
- frozen_sensor (power, heart rate, cadence, speed): the same value for a minute and for ten times as long as usual
  while others move; kept.
- gps_jump (latitude_degrees): a position that no athlete reaches, or that leaves the course and returns; rejected.
- distance_step, distance_jump, negative_distance, too_fast (distance_meters): made good as the decision says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from perf_pipeline.formats.model import Session
from perf_pipeline.physiology.bounds import CHANNEL_BOUNDS, FROZEN_SECONDS, bounds_of
from perf_pipeline.physiology.clock import DAY_MS, ClockCheck, check_clock
from perf_pipeline.physiology.distance import DistanceResult, clean_distance, speed_from_distance
from perf_pipeline.physiology.dropouts import find_dropouts, runs

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

_NEAR_MS = 600_000
_MERGE_SECONDS = 10.0
_MOST_ANOMALIES = 50
_HAMPEL_WINDOW = 7
_HAMPEL_SIGMAS = 6.0
_MAD_TO_SIGMA = 1.4826
_SPIKE_FLOOR_WATTS = 400.0
_SPIKE_LONGEST = 2
_SHOULDER_SHARE = 0.4
_NEIGHBOUR_SHARE = 0.6
_PUSH_LIMIT_WATTS = 1000.0
_PUSH_CADENCE_RISE = 20.0
_FROZEN_TIMES = 10.0
_SURELY_FROZEN_SECONDS = 600.0
_PLACES = ("distance_meters", "latitude_degrees", "longitude_degrees")
_CAN_FREEZE = ("power_watts", "heart_rate_bpm", "cadence_rpm", "speed_mps")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One thing that was found in a stream: where (seconds since the start) and what was decided about it."""

    kind: str
    channel: str
    first_second: float
    last_second: float
    decision: str


@dataclass(frozen=True, slots=True)
class CleanStreams:
    """The believable part of a session's records.

    `seconds` (n,) float64: since `start_ms`, strictly increasing, never negative. `channels`: name -> (n,)
    float64, NaN where absent or rejected; `distance_meters` never falls. `pauses`: (start, end) in seconds
    when the timer stood, in order and disjoint. `distance_source`: device, positions, speed, or empty where
    there is no distance.
    """

    sport: str
    start_ms: int
    seconds: FloatArray
    channels: Mapping[str, FloatArray] = field(default_factory=dict)
    pauses: tuple[tuple[float, float], ...] = ()
    anomalies: tuple[Anomaly, ...] = ()
    distance_source: str = ""

    def __len__(self) -> int:
        return len(self.seconds)

    def get(self, name: str) -> FloatArray | None:
        """The channel, or None where nothing of it is believable."""
        return self.channels.get(name)


def clean(session: Session) -> CleanStreams:
    """Clean one session by docs/science.md section 2; never raises on odd data and never allocates per second of
    span.
    """
    streams = session.streams
    time_ms = np.asarray(streams.time_ms, dtype=np.int64)
    elapsed = session.summary.get("elapsed_seconds")
    said = elapsed if elapsed is not None and np.isfinite(elapsed) and elapsed > 0 else None
    places = [np.asarray(streams.channels[name], dtype=np.float64) for name in _PLACES if name in streams.channels]
    check = check_clock(time_ms, round(said * 1000) if said is not None else None, places)
    kept = check.time_ms[check.order]
    start_ms = _start(session.start_ms, kept, _NEAR_MS if len(check.rejected) else DAY_MS)
    if check.retimed and check.retimed[0][0] == 0 and len(kept):
        start_ms = int(kept[0])  # the session's own start is by the wrong clock
    distinct = np.ones(len(kept), dtype=bool)
    distinct[1:] = np.diff(kept) > 0
    seconds = (kept[distinct] - start_ms) / 1000.0
    channels = {
        name: _merge_repeats(np.asarray(values, dtype=np.float64)[check.order], distinct)
        for name, values in streams.channels.items()
    }
    anomalies = _clock_steps(check, start_ms)
    pauses = _pauses(session, start_ms, float(seconds[-1]) if len(seconds) else 0.0)
    for name, mask, decision in find_dropouts(seconds, channels):
        anomalies += _spans("dropout", name, mask & ~_paused(pauses, seconds), seconds, decision)
    for name, values in list(channels.items()):
        channels[name] = _within_bounds(name, values, session.sport, seconds, anomalies)
    if "power_watts" in channels:
        channels["power_watts"] = _without_spikes(
            channels["power_watts"], channels.get("cadence_rpm"), seconds, anomalies
        )
    _flag_frozen(seconds, channels, anomalies)
    result = clean_distance(session.sport, seconds, channels, pauses)
    _take_distance(result, session.sport, seconds, channels, anomalies)
    channels = {name: values for name, values in channels.items() if np.isfinite(values).any()}
    return CleanStreams(session.sport, start_ms, seconds, channels, pauses, _bounded(anomalies), result.source)


def _clock_steps(check: ClockCheck, start_ms: int) -> list[Anomaly]:
    """Each part of a wrong clock, told at the second at which the kept rows go on from it or from its place."""
    found: list[Anomaly] = []
    for first, stop in check.retimed:
        begin, end = ((int(check.time_ms[row]) - start_ms) / 1000.0 for row in (first, stop - 1))
        joint = begin if first else end
        found.append(Anomaly("clock_step", "time", joint, joint, f"{stop - first} rows re-timed to follow on"))
    if len(check.rejected) and len(check.order):
        kept = np.sort(check.order)
        for part in np.split(check.rejected, np.flatnonzero(np.diff(check.rejected) > 1) + 1):
            next_row = kept[min(int(np.searchsorted(kept, part[0])), len(kept) - 1)]
            place = (int(check.time_ms[next_row]) - start_ms) / 1000.0
            decision = f"{len(part)} rows rejected: their clock is not credible"
            found.append(Anomaly("clock_step", "time", place, place, decision))
    return found


def _start(session_start_ms: int, kept: NDArray[np.int64], tolerance_ms: int) -> int:
    """The session's own start where its records agree, else the first record's time."""
    if len(kept) == 0:
        return int(session_start_ms)
    first = int(kept[0])
    return min(int(session_start_ms), first) if abs(first - session_start_ms) <= tolerance_ms else first


def _merge_repeats(values: FloatArray, distinct: BoolArray) -> FloatArray:
    """The first of rows with one time, its holes filled from the others."""
    out = values[distinct]
    repeats = np.flatnonzero(~distinct)
    if len(repeats):
        target = np.cumsum(distinct)[repeats] - 1
        for row, into in zip(repeats, target, strict=True):
            if np.isnan(out[into]):
                out[into] = values[row]
    return out


def _pauses(session: Session, start_ms: int, last: float) -> tuple[tuple[float, float], ...]:
    """Disjoint pauses in order, in seconds; those that lie wholly outside the session are left out."""
    found: list[tuple[float, float]] = []
    limit = max(last, min((session.end_ms - start_ms) / 1000.0, last + DAY_MS / 1000))
    for pause in sorted(session.pauses, key=lambda p: (p.start_ms, p.end_ms)):
        begin = max((pause.start_ms - start_ms) / 1000.0, 0.0)
        end = min((pause.end_ms - start_ms) / 1000.0, limit)
        if end <= begin:
            continue
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return tuple(found)


def _paused(pauses: tuple[tuple[float, float], ...], seconds: FloatArray) -> BoolArray:
    inside = np.zeros(len(seconds), dtype=bool)
    for begin, end in pauses:
        inside |= (seconds >= begin) & (seconds <= end)
    return inside


def _within_bounds(
    name: str, values: FloatArray, sport: str, seconds: FloatArray, anomalies: list[Anomaly]
) -> FloatArray:
    if name == "speed_mps":
        low, high = 0.0, bounds_of(sport).max_speed_mps
    elif name in CHANNEL_BOUNDS:
        low, high = CHANNEL_BOUNDS[name]
    else:
        return np.where(np.isfinite(values), values, np.nan)
    bad = (values < low) | (values > high)
    if bad.any():
        # A heart rate of 0 is a strap without contact: absent, and not worth a word.
        worth = bad & (values != 0) if name == "heart_rate_bpm" else bad
        anomalies += _spans("out_of_bounds", name, worth, seconds, "rejected: outside the credible range")
        values = np.where(bad, np.nan, values)
    return values


def _without_spikes(
    power: FloatArray, cadence: FloatArray | None, seconds: FloatArray, anomalies: list[Anomaly]
) -> FloatArray:
    """Hampel filter: a sample or two far above the rolling median of 7 records that its neighbours do not
    share.

    Hampel 1974, doi 10.1080/01621459.1974.10482962. A real sprint rises and falls over several seconds, so
    only one or two records are ever rejected, and only 400 W or more above the median. A push on pedals that were
    still, with which the crank begins to turn, is one too.
    """
    high = np.flatnonzero(power > _SPIKE_FLOOR_WATTS)
    if len(power) < _HAMPEL_WINDOW or len(high) == 0:
        return power
    filled = np.where(np.isfinite(power), power, 0.0)
    half = _HAMPEL_WINDOW // 2
    near = np.unique(np.clip((high[:, None] + np.arange(-half, half + 1)).ravel(), 0, len(power) - 1))
    excess = np.zeros(len(power))
    excess[near] = filled[near] - _rolling_median(filled, near)
    high = high[excess[high] > _SPIKE_FLOOR_WATTS]
    if len(high) == 0:
        return power
    deviation = _MAD_TO_SIGMA * _rolling_median(np.abs(excess), high)
    outlier = np.zeros(len(power), dtype=bool)
    outlier[high] = excess[high] > np.maximum(_HAMPEL_SIGMAS * deviation, _SPIKE_FLOOR_WATTS)
    spike = np.zeros(len(power), dtype=bool)
    for first, last in runs(outlier):
        # Shoulders of nearly its height make it an effort that rises and falls.
        shoulder = excess > _SHOULDER_SHARE * float(excess[first : last + 1].max())
        begin = first - 1 if first > 0 and shoulder[first - 1] else first
        end = last + 1 if last + 1 < len(power) and shoulder[last + 1] else last
        beside = max(filled[first - 1] if first else 0.0, filled[last + 1] if last + 1 < len(power) else 0.0)
        alone = beside < _NEIGHBOUR_SHARE * float(filled[first : last + 1].max())
        if end - begin < _SPIKE_LONGEST and alone and not _is_push(filled, cadence, first, last):
            spike[first : last + 1] = True
    if spike.any():
        anomalies += _spans("power_spike", "power_watts", spike, seconds, "rejected: alone above its neighbours")
        power = np.where(spike, np.nan, power)
    return power


def _is_push(power: FloatArray, cadence: FloatArray | None, first: int, last: int) -> bool:
    """Whether up to 1,000 W came out of coasting, and the crank came to turn faster by 20/min with them."""
    before = slice(max(first - 3, 0), first)
    if cadence is None or first == 0 or power[first : last + 1].max() > _PUSH_LIMIT_WATTS or power[before].min() > 0:
        return False
    turned = np.nan_to_num(cadence[before]).min()
    return bool(np.nan_to_num(cadence[first : last + 1]).max() - turned >= _PUSH_CADENCE_RISE)


def _rolling_median(values: FloatArray, rows: IntArray) -> FloatArray:
    """The median of the 7 values around each of the rows, ends repeated."""
    padded = np.pad(values, _HAMPEL_WINDOW // 2, mode="edge")
    windows = sliding_window_view(padded, _HAMPEL_WINDOW)[rows]
    return np.asarray(np.partition(windows, _HAMPEL_WINDOW // 2, axis=1)[:, _HAMPEL_WINDOW // 2])


def _take_distance(
    result: DistanceResult,
    sport: str,
    seconds: FloatArray,
    channels: dict[str, FloatArray],
    anomalies: list[Anomaly],
) -> None:
    """Put the cleaned distance, speed and positions in place."""
    channels.pop("distance_meters", None)
    for kind, channel, mask, decision in result.findings:
        anomalies += _spans(kind, channel, mask, seconds, decision)
    if result.bad_positions is not None:
        for name in ("latitude_degrees", "longitude_degrees"):
            channels[name] = np.where(result.bad_positions, np.nan, channels[name])
    if result.meters is None:
        return
    channels["distance_meters"] = result.meters
    if "speed_mps" not in channels or not np.isfinite(channels["speed_mps"]).any():
        speed = speed_from_distance(seconds, result.meters)
        limit = bounds_of(sport).max_speed_mps
        channels["speed_mps"] = np.where(speed <= limit, speed, np.nan)


def _flag_frozen(seconds: FloatArray, channels: Mapping[str, FloatArray], anomalies: list[Anomaly]) -> None:
    """Flag a non-zero channel that stands still for a minute while another one moves.

    It must stay ten times as long as its values usually do: a steady heart, sampled every few seconds, is no frozen
    sensor. Ten minutes are too long for any.
    """
    n = len(seconds)
    changes = {}
    for name in _CAN_FREEZE:
        values = channels.get(name)
        if values is not None and n > 1:
            step = np.diff(values)
            changes[name] = ~((step == 0) | np.isnan(step))
    for name, changed in changes.items():
        values = channels[name]
        # A hole ends a run as a change does.
        edges = np.flatnonzero((np.diff(values) != 0) | np.isnan(values[1:])) + 1
        first = np.concatenate(([0], edges))
        last = np.concatenate((edges - 1, [n - 1]))
        lasted = seconds[last] - seconds[first]
        long = (lasted >= FROZEN_SECONDS) & (values[first] > 0)
        if not long.any():
            continue
        long &= lasted >= min(_FROZEN_TIMES * _usual_stay(seconds, values, first), _SURELY_FROZEN_SECONDS)
        # Rows must really be there: a gap in the records is not a frozen sensor.
        long &= (last - first + 1) * 10.0 >= seconds[last] - seconds[first]
        for a, b in zip(first[long], last[long], strict=True):
            if any(other[a:b].any() for key, other in changes.items() if key != name) and not changed[a:b].any():
                decision = "kept, flagged: the same value while others move"
                anomalies.append(Anomaly("frozen_sensor", name, float(seconds[a]), float(seconds[b]), decision))


def _usual_stay(seconds: FloatArray, values: FloatArray, first: IntArray) -> float:
    """How long a value above 0 stays, usually: half of the channel's time is in stays of at most so many seconds."""
    stays = np.append(seconds[first[1:]], seconds[-1]) - seconds[first]
    stays = np.sort(stays[values[first] > 0])
    total = np.cumsum(stays)
    return float(stays[int(np.searchsorted(total, total[-1] / 2))])


def _spans(kind: str, channel: str, mask: BoolArray, seconds: FloatArray, decision: str) -> list[Anomaly]:
    """The runs of a mask as anomalies; runs less than 10 s apart are told as one."""
    spans: list[list[float]] = []
    for first, last in runs(mask):
        begin, end = float(seconds[first]), float(seconds[last])
        if spans and begin - spans[-1][1] <= _MERGE_SECONDS:
            spans[-1][1] = end
        else:
            spans.append([begin, end])
    return [Anomaly(kind, channel, begin, end, decision) for begin, end in spans]


def _bounded(anomalies: list[Anomaly]) -> tuple[Anomaly, ...]:
    """At most 50 of a kind and channel; the last of them then spans all the rest."""
    groups: dict[tuple[str, str], list[Anomaly]] = {}
    for one in anomalies:
        groups.setdefault((one.kind, one.channel), []).append(one)
    out: list[Anomaly] = []
    for (kind, channel), members in groups.items():
        out += members[:_MOST_ANOMALIES]
        rest = members[_MOST_ANOMALIES:]
        if rest:
            decision = f"{len(rest)} more: {rest[0].decision}"
            out.append(Anomaly(kind, channel, rest[0].first_second, rest[-1].last_second, decision))
    return tuple(sorted(out, key=lambda a: (a.first_second, a.kind, a.channel, a.last_second)))
