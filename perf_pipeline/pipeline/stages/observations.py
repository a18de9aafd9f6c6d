"""Bests and heart rates of an athlete as columns, so that a window of ninety days is a slice of each."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Observation(NamedTuple):
    """One number of an activity that a threshold model may look at.

    `key` groups what is compared: seconds of a power effort, metres of a distance effort, 0 for a heart rate. `value`:
    W or bpm, or s over the distance.
    """

    activity_id: str
    day: date
    key: float
    value: float
    start_offset: int = 0


@dataclass(frozen=True)
class _Group:
    """Observations of one key in order of day. `order` (n,): 0 for the best of all, then 1, ...: no two are equal."""

    days: NDArray[np.int64]
    order: NDArray[np.int64]
    marks: NDArray[np.uint64]
    rows: tuple[Observation, ...]


class Observations:
    """All observations of one model. `lowest_is_best`: times, of which the shortest counts."""

    def __init__(self, rows: Iterable[Observation], *, lowest_is_best: bool = False) -> None:
        by_key: dict[float, list[Observation]] = defaultdict(list)
        for row in rows:
            by_key[row.key].append(row)
        sign = 1.0 if lowest_is_best else -1.0
        self._groups: dict[float, _Group] = {}
        for key in sorted(by_key):
            mine = sorted(by_key[key], key=lambda r: (r.day, r.activity_id, r.start_offset))
            ranked = sorted(range(len(mine)), key=lambda i: (sign * mine[i].value, mine[i].activity_id, i))
            order = np.empty(len(mine), dtype=np.int64)
            order[ranked] = np.arange(len(mine))
            days = np.array([row.day.toordinal() for row in mine], dtype=np.int64)
            marks = np.array([_mark(row) for row in mine], dtype=np.uint64)
            self._groups[key] = _Group(days, order, marks, tuple(mine))
        self.days = sorted({row.day for group in self._groups.values() for row in group.rows})

    def window(self, as_of: date, days: int, most: int | None) -> Window:
        """The best `most` of each key (all where None) of the local days as_of - days + 1 to as_of."""
        last = as_of.toordinal()
        chosen: list[tuple[_Group, NDArray[np.int64]]] = []
        for group in self._groups.values():
            begin = int(np.searchsorted(group.days, last - days + 1, "left"))
            end = int(np.searchsorted(group.days, last, "right"))
            if end <= begin:
                continue
            found = np.arange(begin, end)
            if most is not None and len(found) > most:
                best = np.argpartition(group.order[begin:end], most - 1)[:most]
                found = begin + best
            chosen.append((group, found[np.argsort(group.order[found])]))
        return Window(chosen)


class Window:
    """What a model sees as of a day."""

    def __init__(self, chosen: list[tuple[_Group, NDArray[np.int64]]]) -> None:
        self._chosen = chosen

    def digest(self, version: str) -> str:
        """Hash of the code and of what is seen."""
        told = hashlib.sha256(version.encode())
        for group, found in self._chosen:
            told.update(group.marks[found].tobytes())
            told.update(b"|")
        return told.hexdigest()[:32]

    def rows(self) -> list[Observation]:
        """By key, the best of each first."""
        return [group.rows[i] for group, found in self._chosen for i in found.tolist()]


def _mark(row: Observation) -> int:
    """Half a hash of an observation: all of it that a model can see."""
    told = f"{row.activity_id}{row.day.toordinal()}{row.key!r}{row.value!r}{row.start_offset}"
    return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest())
