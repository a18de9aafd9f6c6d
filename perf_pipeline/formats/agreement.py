"""Where two readings of the same bytes differ, and why.

Public readers are no oracles: each known limit of theirs is named here, so that a difference without a cause means
something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perf_pipeline.formats.model import CHANNELS, ActivityFile, FormatError, Session, Streams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

TOLERANCE = {
    "latitude_degrees": 5e-8,
    "longitude_degrees": 5e-8,
    "altitude_meters": 0.05,
    "distance_meters": 0.005,
    "speed_mps": 0.0005,
    "power_watts": 0.5,
    "heart_rate_bpm": 0.5,
    "cadence_rpm": 0.5,
    "temperature_celsius": 0.05,
}
"""Below half of what the formats resolve, two values are the same."""
_EXTRA_RELATIVE = 1e-6
ALL_SESSIONS = -1


@dataclass(frozen=True, slots=True)
class Difference:
    """`cells` of `of` cells of a channel (or whole `records`, or `sessions`) that two readings tell differently.

    `session` is the index in our reading, `ALL_SESSIONS` where the sessions were joined. `explained` is the cause where
    it is known. `largest` is the largest difference between two told values.
    """

    session: int
    channel: str
    cells: int
    of: int
    explained: str | None = None
    largest: float | None = None


def compare(ours: ActivityFile, reference: ActivityFile | FormatError) -> tuple[Difference, ...]:
    """Every difference between our reading and the second one; a refusal of the second one is a difference too."""
    if isinstance(reference, FormatError):
        records = sum(len(session.streams) for session in ours.sessions)
        return (Difference(ALL_SESSIONS, "records", records, records, f"the reference refused: {reference.reason}"),)
    if len(ours.sessions) == len(reference.sessions):
        apart = tuple(
            d for pair in zip(ours.sessions, reference.sessions, strict=True) for d in _session(*pair, reference)
        )
        if len(ours.sessions) < 2 or not any(d.channel == "records" for d in apart):
            return apart
        joined = tuple(_streams(ALL_SESSIONS, _joined(ours), _joined(reference), reference))
        if not any(d.channel == "records" for d in joined):
            moved = next(d for d in apart if d.channel == "records")
            cause = "the readers cut the file into sessions at different records"
            return (Difference(ALL_SESSIONS, "sessions", moved.cells, moved.of, cause), *joined)
        return apart
    count = Difference(
        ALL_SESSIONS,
        "sessions",
        abs(len(ours.sessions) - len(reference.sessions)),
        max(len(ours.sessions), len(reference.sessions)),
        _why_sessions(ours, reference),
    )
    return (count, *_streams(ALL_SESSIONS, _joined(ours), _joined(reference), reference))


def unexplained(differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Those that nobody has a cause for."""
    return tuple(d for d in differences if d.explained is None)


_NO_TIME = "no record of the file has a time"
_ONLY_ACTIVITIES = "tcxreader looks into no MultiSportSession"


def _why_sessions(ours: ActivityFile, reference: ActivityFile) -> str | None:
    if reference.reader.startswith("tcxreader") and len(reference.sessions) < len(ours.sessions):
        return "tcxreader joins several activities into one" if reference.sessions else _ONLY_ACTIVITIES
    if reference.reader.startswith("gpxpy") and len(reference.sessions) > len(ours.sessions):
        return "tracks of one sport that follow each other are one activity to us"
    if reference.partial and len(reference.sessions) < len(ours.sessions):
        return _stopped(reference)
    if not reference.sessions and not any(session.streams.time_ms.any() for session in ours.sessions):
        return _NO_TIME
    return None


def _stopped(reference: ActivityFile) -> str:
    return "; ".join(reference.warnings) or "the reference did not read to the end"


def _joined(file: ActivityFile) -> Streams:
    """The records of all sessions, one behind the other."""
    if not file.sessions:
        return Streams.empty()
    parts = [session.streams for session in file.sessions]
    names = dict.fromkeys(name for part in parts for name in part.channels)
    return Streams(
        np.concatenate([part.time_ms for part in parts]),
        {n: np.concatenate([p.channels.get(n, np.full(len(p), np.nan)) for p in parts]) for n in names},
        {name: unit for part in parts for name, unit in part.extra_units.items()},
    )


def _session(ours: Session, other: Session, reference: ActivityFile) -> Iterator[Difference]:
    if ours.sport != other.sport:
        yield Difference(ours.index, "sport", 1, 1, _why_sport(ours, other))
    yield from _streams(ours.index, ours.streams, other.streams, reference)


def _why_sport(ours: Session, other: Session) -> str | None:
    if ours.sport_raw == other.sport_raw:
        return "we judge a vague sport by its sub-sport"
    return "a sport that fitparse knows by its number only" if (other.sport_raw or "").isdecimal() else None


def _streams(index: int, ours: Streams, other: Streams, reference: ActivityFile) -> Iterator[Difference]:
    mine, theirs = _aligned(ours.time_ms, other.time_ms)
    lost, invented = len(ours) - len(mine), len(other) - len(theirs)
    if lost or invented:
        yield Difference(
            index, "records", lost + invented, max(len(ours), len(other)), _why_records(ours, reference, invented)
        )
    for name in dict.fromkeys((*ours.channels, *other.channels)):
        a, b = ours.get(name), other.get(name)
        if name not in CHANNELS and (a is None or b is None):
            yield Difference(index, name, len(mine), len(mine), "a field that only one of the readers names")
            continue
        found = _cells(
            np.full(len(mine), np.nan) if a is None else a[mine],
            np.full(len(theirs), np.nan) if b is None else b[theirs],
            name,
        )
        if found is not None:
            cells, largest, cause = found
            yield Difference(index, name, cells, len(mine), cause or _limit(name, ours, other, reference), largest)


def _why_records(ours: Streams, reference: ActivityFile, invented: int) -> str | None:
    if invented:
        return None
    if not ours.time_ms.any():
        return _NO_TIME
    if not reference.sessions and reference.reader.startswith("tcxreader"):
        return _ONLY_ACTIVITIES
    return _stopped(reference) if reference.partial else None


def _limit(name: str, ours: Streams, other: Streams, reference: ActivityFile) -> str | None:
    """A limit of the second reader by which it lacks the channel altogether."""
    mine = ours.get(name)
    if mine is None or name in other.channels:
        return None
    if reference.reader.startswith("fitparse"):
        if any(n != name and n in ours.extra_units and _same(v, mine) for n, v in ours.channels.items()):
            return "a developer field stands for it, which fitparse does not know"
        if name == "heart_rate_bpm":
            return "fitparse does not merge hr messages into the records"
    if reference.reader.startswith("tcxreader"):
        return "tcxreader knows no extension but TPX in Garmin's namespace"
    return next((warning for warning in reference.warnings if "extensions" in warning), None)


def _same(a: Floats, b: Floats) -> bool:
    return bool(np.array_equal(a, b, equal_nan=True))


def _cells(a: Floats, b: Floats, name: str) -> tuple[int, float | None, str | None] | None:
    """How many of two aligned columns differ, by how much at most, and a cause that the values themselves betray."""
    told = ~np.isnan(a) & ~np.isnan(b)
    gap = np.abs(a - b)
    tolerance = TOLERANCE.get(name, 0.0)
    with np.errstate(invalid="ignore"):
        far = told & (gap > tolerance + (0.0 if name in TOLERANCE else _EXTRA_RELATIVE * np.abs(b)))
    differing = far | (np.isnan(a) != np.isnan(b))
    count = int(differing.sum())
    if not count:
        return None
    largest = float(gap[far].max()) if far.any() else None
    cause = None
    if name not in CHANNELS and far.any() and _one_line(a[told], b[told]):
        cause = "the reference does not apply a developer field's scale and offset"
    return count, largest, cause


def _one_line(a: Floats, b: Floats) -> bool:
    """Whether b = k a + c for one k and c: the same raw numbers under another scale."""
    if len(a) < 2 or np.ptp(a) == 0:
        return bool(len(a)) and bool(np.ptp(b) == 0)
    slope = np.ptp(b) / np.ptp(a)
    line = b.min() + slope * (a - a.min())
    return bool(np.allclose(line, b, rtol=1e-6, atol=1e-6 * max(1.0, float(np.abs(b).max()))))


def _aligned(a: Rows, b: Rows) -> tuple[Rows, Rows]:
    """Indices of the records that both have: the k-th record of an instant goes with the k-th of the other's."""
    keys_a, keys_b = _keys(a), _keys(b)
    common = np.intersect1d(keys_a, keys_b)
    order_a, order_b = np.argsort(keys_a), np.argsort(keys_b)
    return (
        order_a[np.searchsorted(keys_a[order_a], common)],
        order_b[np.searchsorted(keys_b[order_b], common)],
    )


def _keys(time_ms: Rows) -> NDArray[np.complex128]:
    """A distinct key for every record: its time, and which of that time's records it is."""
    order = np.argsort(time_ms, kind="stable")
    ordered = time_ms[order]
    first = np.searchsorted(ordered, ordered, side="left")
    rank = np.empty(len(time_ms), np.int64)
    rank[order] = np.arange(len(time_ms)) - first
    return time_ms.astype(np.float64) + 1j * rank
