"""Sessions, laps, lengths and pauses of a FIT file, and which records belong to which session."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from perf_pipeline.formats import fit_profile as profile
from perf_pipeline.formats.fit_records import Records, fill_twins
from perf_pipeline.formats.fit_tables import Row
from perf_pipeline.formats.model import CHANNELS, HostileFileError, Lap, Length, Pause, Session, Streams
from perf_pipeline.formats.sports import sport_of

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray, IntArray

MAX_SESSIONS: Final = 1000  # 19 is the most that was seen; each is a look at all records
_TIMER: Final = 0
_START: Final = 0
_STOPS: Final = frozenset({1, 4, 8, 9})
_SUB_SPORTS: Final = {
    1: "run", 45: "run", 5: "bike", 6: "bike", 14: "row", 17: "swim", 18: "swim", 20: "strength", 27: "walk",
}  # fmt: skip
_VAGUE_SPORTS: Final = frozenset({None, 0, 4, 10})  # generic, fitness equipment, training
_MAX_OFFSET_SECONDS: Final = 15 * 3600
_HEART_BEAT_AGE_SECONDS: Final = 5.0


@dataclass(slots=True)
class Tables:
    """The small messages of all parts, raw, in the order of the file."""

    sessions: list[Row] = field(default_factory=list)
    laps: list[Row] = field(default_factory=list)
    lengths: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    activities: list[Row] = field(default_factory=list)
    sports: list[Row] = field(default_factory=list)
    heart: list[list[Row]] = field(default_factory=list)  # `hr` messages, by part

    def add(self, other: Tables) -> None:
        """Put the messages of the next part behind these."""
        for name in self.__slots__:
            getattr(self, name).extend(getattr(other, name))


def milliseconds(seconds: int) -> int:
    """Unix milliseconds of FIT seconds; a clock that only counts since power-up is left as it counts."""
    return 1000 * (seconds + profile.EPOCH_SECONDS if seconds >= profile.POWER_UP_LIMIT else seconds)


def all_milliseconds(seconds: IntArray) -> IntArray:
    """`milliseconds` of a whole column."""
    result = seconds + profile.EPOCH_SECONDS
    if len(seconds) and seconds.min() < profile.POWER_UP_LIMIT:
        result = np.where(seconds < profile.POWER_UP_LIMIT, seconds, result)
    result *= 1000
    return result


def number(row: Row, key: int) -> int | None:
    """The whole number of at most 32 bits in that field, None where there is none."""
    value = row.get(key)
    return value if isinstance(value, int) and abs(value) <= 0xFFFF_FFFF else None


def build_sessions(records: Records, tables: Tables) -> tuple[tuple[Session, ...], list[str]]:
    """One session per `session` message, or one made up from the records where the device wrote none."""
    warnings: list[str] = []
    time_ms = all_milliseconds(records.seconds)
    rows = []
    if len(tables.sessions) > MAX_SESSIONS:
        raise HostileFileError(f"more than {MAX_SESSIONS} sessions")
    for row in tables.sessions:
        if row not in rows:
            rows.append(row)
    if not rows:
        if not len(records):
            return (), ["no record and no session in it"]
        warnings.append("no session message: the session is made up from the records")
        rows = [{}]
    drafts = sorted((_draft(row, time_ms) for row in rows), key=lambda d: d.start)
    starts = np.array([d.start for d in drafts], np.int64)
    shares = _split(records, time_ms, starts)
    lap_homes = _at_home(starts, _laps(tables.laps))
    length_homes = _at_home(starts, _lengths(tables.lengths))
    pause_homes = _at_home(starts, _pauses(tables.events))
    offset = _utc_offset(tables.activities)
    beats = [beat for part in tables.heart for beat in heart_beats(part)]
    sessions = []
    for i, draft in enumerate(drafts):
        streams = _streams(records, shares[i], beats)
        end = draft.end
        last = max(draft.start, int(streams.time_ms.max())) if len(streams) else draft.start
        if end is None:
            end = last
        elif draft.written is not None and last < draft.written < end:
            end = draft.written  # an elapsed time that runs past the moment at which it was written is wrong
        sport = _sport_number(draft.row, tables)
        sub_sport = _sub_sport_number(draft.row, tables)
        sessions.append(
            Session(
                index=i,
                sport=_our_sport(sport, sub_sport),
                start_ms=draft.start,
                end_ms=end,
                streams=streams,
                sport_raw=None if sport is None else profile.SPORT_NAMES.get(sport, str(sport)),
                sub_sport=None if sub_sport is None else profile.SUB_SPORT_NAMES.get(sub_sport, str(sub_sport)),
                utc_offset_seconds=offset,
                laps=tuple(lap_homes.get(i, ())),
                lengths=tuple(length_homes.get(i, ())),
                pauses=tuple(Pause(p.start_ms, min(p.end_ms, end)) for p in pause_homes.get(i, ()) if p.start_ms < end),
                summary=summary_of(draft.row, profile.SESSION_FIELDS, sport, balance=37),
            )
        )
    return tuple(sessions), warnings


@dataclass(slots=True)
class _Draft:
    row: Row
    start: int
    end: int | None
    written: int | None


def _elapsed(row: Row) -> int | None:
    """Milliseconds; a signed field where the profile has an unsigned one may hold less than none."""
    elapsed = number(row, 7)
    return elapsed if elapsed is not None and elapsed >= 0 else None


def _draft(row: Row, time_ms: IntArray) -> _Draft:
    start, stamp, elapsed = number(row, 2), number(row, profile.TIMESTAMP), _elapsed(row)
    if start is None and stamp is not None and elapsed is not None:
        start = max(stamp - elapsed // 1000, 0)
    first = int(time_ms[0]) if len(time_ms) else 0
    begin = milliseconds(start) if start is not None else first
    written = None if stamp is None else milliseconds(stamp)
    end = None
    if elapsed is not None:
        end = begin + elapsed
    elif written is not None and written >= begin:
        end = written
    return _Draft(row, begin, end, written)


_Timed = TypeVar("_Timed", Lap, Length, Pause)


def _at_home(starts: IntArray, things: Sequence[_Timed]) -> dict[int, list[_Timed]]:
    """Things by the index of the session in whose time they begin."""
    homes: dict[int, list[_Timed]] = {}
    if not things:
        return homes
    owner = np.maximum(np.searchsorted(starts, [t.start_ms for t in things], "right") - 1, 0)
    for i, thing in zip(owner.tolist(), things, strict=True):
        homes.setdefault(i, []).append(thing)
    return homes


def _span(row: Row, previous_end: int | None) -> tuple[int, int] | None:
    """(start, end) in milliseconds of a lap or length."""
    start, stamp, elapsed = number(row, 2), number(row, profile.TIMESTAMP), _elapsed(row)
    begin = milliseconds(start) if start is not None else previous_end
    if begin is None:
        if stamp is None:
            return None
        begin = milliseconds(stamp) - (elapsed or 0)
    if elapsed is not None:
        return begin, begin + elapsed
    return begin, max(begin, milliseconds(stamp)) if stamp is not None else begin


def _laps(rows: Sequence[Row]) -> list[Lap]:
    laps: list[Lap] = []
    for row in rows:
        span = _span(row, laps[-1].end_ms if laps else None)
        if span is not None:
            laps.append(Lap(*span, summary=summary_of(row, profile.LAP_FIELDS, number(row, 25), balance=34)))
    return laps


def _lengths(rows: Sequence[Row]) -> list[Length]:
    lengths: list[Length] = []
    for row in rows:
        # total_elapsed_time is field 3 here, where laps and sessions have it in field 7.
        times: Row = {2: row[2]} if 2 in row else {}
        times.update({7: row[3]} if 3 in row else {7: row[4]} if 4 in row else {})
        times.update({profile.TIMESTAMP: row[profile.TIMESTAMP]} if profile.TIMESTAMP in row else {})
        span = _span(times, lengths[-1].end_ms if lengths else None)
        if span is None:
            continue
        stroke = number(row, 7)
        lengths.append(
            Length(
                *span,
                active=number(row, 12) != 0,
                strokes=number(row, 5),
                stroke=None if stroke is None else profile.STROKE_NAMES.get(stroke, str(stroke)),
            )
        )
    return lengths


def _pauses(rows: Sequence[Row]) -> list[Pause]:
    """From every stop of the timer to its next start; a stop that nothing follows is the end."""
    pauses: list[Pause] = []
    stopped: int | None = None
    for row in rows:
        stamp, kind = number(row, profile.TIMESTAMP), number(row, 1)
        if row.get(0) != _TIMER or stamp is None or kind is None:
            continue
        if kind in _STOPS:
            stopped = milliseconds(stamp) if stopped is None else stopped
        elif kind == _START:
            if stopped is not None and milliseconds(stamp) > stopped:
                pauses.append(Pause(stopped, milliseconds(stamp)))
            stopped = None
    return pauses


def _utc_offset(rows: Sequence[Row]) -> int | None:
    for row in rows:
        local, stamp = number(row, 5), number(row, profile.TIMESTAMP)
        if local is None or stamp is None or min(local, stamp) < profile.POWER_UP_LIMIT:
            continue
        offset = local - stamp
        if abs(offset) <= _MAX_OFFSET_SECONDS:
            quarter = round(offset / 900) * 900  # every zone is a multiple of a quarter of an hour
            return quarter if abs(offset - quarter) <= 60 else offset
    return None


def _sport_number(row: Row, tables: Tables) -> int | None:
    candidates = [number(row, 5), *(number(r, 0) for r in tables.sports), *(number(r, 25) for r in tables.laps)]
    return next((c for c in candidates if c is not None), None)


def _sub_sport_number(row: Row, tables: Tables) -> int | None:
    if number(row, 5) is not None or number(row, 6) is not None:
        return number(row, 6)
    return next((n for r in tables.sports if (n := number(r, 1)) is not None), None)


def _our_sport(sport: int | None, sub_sport: int | None) -> str:
    if sport in _VAGUE_SPORTS and sub_sport in _SUB_SPORTS:
        return _SUB_SPORTS[sub_sport]
    return sport_of(None if sport is None else profile.SPORT_NAMES.get(sport))


def summary_of(
    row: Row, fields: Mapping[int, profile.SummaryField], sport: int | None, *, balance: int
) -> dict[str, float]:
    """The device's own numbers of a session or lap in natural units; `balance` is the field of left_right_balance."""
    result: dict[str, float] = {}
    for key in sorted(row):
        known, value = fields.get(key), row[key]
        if known is not None and isinstance(value, (int, float)) and math.isfinite(value):
            result[known.key] = value / known.scale - known.offset
    for fraction, whole in (("_mean_fraction", "mean_cadence_rpm"), ("_max_fraction", "max_cadence_rpm"),
                          ("_cycles_fraction", "total_cycles")):  # fmt: skip
        extra = result.pop(fraction, 0.0)
        if whole in result:
            result[whole] += extra
    if sport is not None and "total_cycles" in result:
        if sport in profile.STRIDE_SPORTS:
            result["total_strides"] = result.pop("total_cycles")
        elif sport in profile.STROKE_SPORTS:
            result["total_strokes"] = result.pop("total_cycles")
    share = number(row, balance)
    if share is not None and share & 0x8000:
        result["right_balance_percent"] = (share & 0x3FFF) / 100
    return result


def _split(records: Records, time_ms: IntArray, starts: IntArray) -> list[tuple[IntArray, dict[str, FloatArray]]]:
    """Times and channels of every session: a record belongs to the last session that began before it."""
    if len(starts) == 1:
        return [(time_ms, records.channels)]
    owner = np.maximum(np.searchsorted(starts, time_ms, "right") - 1, 0)
    rows = [_rows(np.flatnonzero(owner == i)) for i in range(len(starts))]
    shares: list[tuple[IntArray, dict[str, FloatArray]]] = [(time_ms[r], {}) for r in rows]
    for name in list(records.channels):
        whole = records.channels.pop(name)
        pieces = [whole[r] for r in rows]
        told = [bool(len(piece)) and not np.isnan(piece).all() for piece in pieces]
        for (_, channels), piece, has in zip(shares, pieces, told, strict=True):
            if has:
                # A view would keep the rows of the sessions that have nothing here alive.
                channels[name] = piece if all(told) else piece.copy()
    return shares


def _rows(chosen: IntArray) -> slice | IntArray:
    """The chosen rows, as a slice where they are neighbours: that is a view instead of a copy."""
    if len(chosen) and chosen[-1] - chosen[0] + 1 == len(chosen):
        return slice(int(chosen[0]), int(chosen[-1]) + 1)
    return chosen


def _streams(
    records: Records, share: tuple[IntArray, dict[str, FloatArray]], beats: Sequence[tuple[float, float]]
) -> Streams:
    time_ms, channels = share
    fill_twins(channels, records.twins)
    if beats and "heart_rate_bpm" not in channels and len(time_ms):
        _merge_heart_rate(channels, time_ms, beats)
    units = {name: records.units.get(name, "") for name in channels if name not in CHANNELS}
    return Streams(time_ms, channels, units)


def heart_beats(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """(Unix seconds, bpm) of every sample in the `hr` messages of one part.

    The strap counts event time in 1/1024 s; one message ties it to the clock, the others carry only the low 12 bits.
    """
    beats: list[tuple[float, float]] = []
    anchor: tuple[float, int] | None = None
    event = 0
    for row in rows:
        full, packed, stamp = row.get(9), row.get(10), number(row, profile.TIMESTAMP)
        events: list[int] = []
        if full is not None:
            events = [v for v in (full if isinstance(full, tuple) else (full,)) if isinstance(v, int)]
        elif isinstance(packed, bytes):
            for value in _twelve_bits(packed):
                event += (value - event) & 0xFFF
                events.append(event)
        if not events:
            continue
        event = events[-1]
        if stamp is not None:
            anchor = (milliseconds(stamp) / 1000 + (number(row, 0) or 0) / 32768, events[0])
        rate = row.get(6)
        rates = rate if isinstance(rate, tuple) else (rate,)
        if anchor is not None:
            for at, bpm in zip(events, rates, strict=False):
                if isinstance(bpm, (int, float)):
                    beats.append((anchor[0] + (at - anchor[1]) / 1024, float(bpm)))
    return beats


def _twelve_bits(packed: bytes) -> list[int]:
    whole = int.from_bytes(packed, "little")
    return [whole >> shift & 0xFFF for shift in range(0, len(packed) * 8 - 11, 12)]


def _merge_heart_rate(channels: dict[str, FloatArray], time_ms: IntArray, beats: Sequence[tuple[float, float]]) -> None:
    """Give every record the last beat before it, if that is not too old."""
    ordered = np.array(sorted(beats))
    seconds = time_ms / 1000
    at = np.searchsorted(ordered[:, 0], seconds, "right") - 1
    age = seconds - ordered[np.maximum(at, 0), 0]
    fresh = (at >= 0) & (age <= _HEART_BEAT_AGE_SECONDS)
    if fresh.any():
        channels["heart_rate_bpm"] = np.where(fresh, ordered[np.maximum(at, 0), 1], np.nan)
