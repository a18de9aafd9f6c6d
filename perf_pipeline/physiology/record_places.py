"""Where in columns of efforts the records are: each against the bests of its kind before it, all of a kind at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

ALL_TIME, SEASON, LAST_90_DAYS = "all_time", "season", "last_90_days"
LARGEST_DOUBTFUL_GAIN = 0.10
"""A candidate that would be better by more is taken for the fault that it is suspected of."""
_WELL_KNOWN_EFFORTS, _LARGEST_SHORT_GAIN = 50, 0.20
"""After so many efforts over a short distance on foot a gain of more than that is the receiver's, not the runner's: a
minute in a car, or a position that wandered."""
LEAST_BEFORE = 3
"""So many efforts of its kind there must be in a season, or in 90 days, before one of them can be beaten: else the
second ride after every winter would be a record."""
_WINDOW_SECONDS = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class EffortColumns:
    """Efforts in order of time, each (n,): `kind` numbers what competes; `merit`, the higher, the better; `recorded_at`
    in s since 1970; `season`; `confirmed` or a candidate; `noise`, the share of a gain that is a tie; `short` where a
    receiver may have outrun the athlete.
    """

    kind: IntArray
    merit: FloatArray
    recorded_at: FloatArray
    season: IntArray
    confirmed: BoolArray
    noise: FloatArray
    short: BoolArray


@dataclass(frozen=True, slots=True)
class BeatenPlace:
    """The row that was the best of the `earlier` ones in the scope, and by which share it was beaten."""

    scope: str
    row: int
    gain: float
    earlier: int


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """A row that is a record, and what it beat, widest scope first."""

    row: int
    beaten: tuple[BeatenPlace, ...]


def record_places(efforts: EffortColumns) -> list[RecordPlace]:
    """All records, in order of time. The rules are those of `find_records`."""
    found: list[RecordPlace] = []
    by_kind = np.argsort(efforts.kind, kind="stable")
    cuts = np.flatnonzero(np.diff(efforts.kind[by_kind])) + 1
    for rows in np.split(by_kind, cuts):
        if len(rows):
            found += _of_one_kind(efforts, rows)
    return sorted(found, key=lambda place: place.row)


def _of_one_kind(efforts: EffortColumns, rows: IntArray) -> Iterator[RecordPlace]:
    """A confirmed effort is held against confirmed ones, a candidate against everything."""
    rows = rows[~_beyond_belief(efforts, rows)]
    confirmed = efforts.confirmed[rows]
    clean = rows[confirmed]
    yield from _beaten(efforts, clean, np.ones(len(clean), dtype=np.bool_), np.inf)
    if not confirmed.all():
        yield from _beaten(efforts, rows, ~confirmed, 1 + LARGEST_DOUBTFUL_GAIN)


def _beyond_belief(efforts: EffortColumns, rows: IntArray) -> BoolArray:
    """Confirmed efforts that beat all before by more than a known runner gets better over a short distance."""
    gone = np.zeros(len(rows), dtype=np.bool_)
    places = np.flatnonzero(efforts.confirmed[rows])
    merit, short = efforts.merit[rows], efforts.short[rows]
    if not short.any():
        return gone
    while len(places) > _WELL_KNOWN_EFFORTS:
        best = np.maximum.accumulate(merit[places])
        late = places[_WELL_KNOWN_EFFORTS:]
        leap = short[late] & (merit[late] > best[_WELL_KNOWN_EFFORTS - 1 : -1] * (1 + _LARGEST_SHORT_GAIN))
        if not leap.any():
            break
        # The first alone: what comes after it is held against the bests without it.
        first = _WELL_KNOWN_EFFORTS + int(leap.argmax())
        gone[places[first]] = True
        places = np.delete(places, first)
    return gone


def _beaten(efforts: EffortColumns, rows: IntArray, asked: BoolArray, most: float) -> Iterator[RecordPlace]:
    """Those of the rows of one kind that are asked for and beat what came before them among the rows."""
    if len(rows) < 2:
        return
    merit, noise = efforts.merit[rows], efforts.noise[rows]
    scopes = (
        (ALL_TIME, *_since_ever(merit), 1),
        (SEASON, *_in_season(merit, efforts.season[rows]), LEAST_BEFORE),
        (LAST_90_DAYS, *_lately(merit, efforts.recorded_at[rows]), LEAST_BEFORE),
    )
    told: dict[int, list[BeatenPlace]] = {}
    for scope, best, count, least in scopes:
        before = merit[best]
        good = asked & (count >= least) & (before * (1 + noise) < merit) & (merit <= before * most)
        for at in np.flatnonzero(good).tolist():
            gain = float(merit[at] / before[at] - 1)
            told.setdefault(at, []).append(BeatenPlace(scope, int(rows[best[at]]), gain, int(count[at])))
    for at, beaten in told.items():
        yield RecordPlace(int(rows[at]), tuple(beaten))


def _since_ever(merit: FloatArray) -> tuple[IntArray, IntArray]:
    """For each (n,) the place of the best before it, the first of equals, and how many there were."""
    return _best_before(merit, np.zeros(len(merit), dtype=np.int64))


def _in_season(merit: FloatArray, season: IntArray) -> tuple[IntArray, IntArray]:
    """The same among those before it of the same season without another between."""
    return _best_before(merit, np.concatenate(([0], np.cumsum(np.diff(season) != 0))))


def _best_before(merit: FloatArray, stretch: IntArray) -> tuple[IntArray, IntArray]:
    places = np.arange(len(merit))
    begins = np.searchsorted(stretch, stretch, "left")
    # Ranks above all of the stretches before: the highest so far is of this stretch.
    rank = np.unique(merit, return_inverse=True)[1] + stretch * len(merit)
    highest = np.maximum.accumulate(rank)
    rises = np.concatenate(([True], rank[1:] > highest[:-1]))
    best = np.maximum.accumulate(np.where(rises, places, 0))
    return np.concatenate(([0], best[:-1])), places - begins


def _lately(merit: FloatArray, at: FloatArray) -> tuple[IntArray, IntArray]:
    """The same among those of the 90 days before it, the last of equals."""
    places = np.arange(len(merit))
    begins = np.searchsorted(at, at - _WINDOW_SECONDS, "left")
    count = places - begins
    # Highest of any stretch from two overlapping ones whose lengths are powers of two.
    highest = [np.unique(merit, return_inverse=True)[1] * len(merit) + places]
    while 2 ** len(highest) <= count.max(initial=0):
        half = 2 ** (len(highest) - 1)
        highest.append(np.maximum(highest[-1][:-half], highest[-1][half:]))
    best = np.zeros(len(merit), dtype=np.int64)
    level = np.frexp(np.maximum(count, 1))[1] - 1
    for power, table in enumerate(highest):
        mine = np.flatnonzero((level == power) & (count > 0))
        best[mine] = np.maximum(table[begins[mine]], table[mine - 2**power]) % len(merit)
    return best, count
