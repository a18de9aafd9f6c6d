"""Bests and heart rates of an athlete as columns, so that a window of ninety days is a slice of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

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


_ROW = np.dtype([("activity", "S16"), ("day", "<i8"), ("key", "<f8"), ("value", "<f8"), ("start", "<i8")])


@dataclass(frozen=True)
class _Group:
    """Observations of one key in order of day. `order` (n,): 0 for the best of all, then 1, ...: no two are equal."""

    rows: NDArray[Any]
    days: NDArray[np.int64]
    order: NDArray[np.int64]

    made: dict[int, Observation] = field(default_factory=dict)

    def make(self, row: int) -> Observation:
        """One of the rows, when a model first looks at it."""
        activity, day, *numbers = self.rows[row].item()
        name = str(UUID(bytes=activity.ljust(16, b"\0")))
        made = self.made[row] = Observation(name, date.fromordinal(day), *numbers)
        return made


class Observations:
    """All observations of one model. `lowest_is_best`: times, of which the shortest counts."""

    def __init__(
        self,
        activity: NDArray[np.bytes_],
        day: NDArray[np.int64],
        key: NDArray[np.float64],
        value: NDArray[np.float64],
        start: NDArray[np.int64],
        *,
        lowest_is_best: bool = False,
    ) -> None:
        """Each (n,): id of the activity as bytes, its local day as an ordinal, and the parts of an `Observation`."""
        in_time = np.lexsort((start, activity, day, key))
        rows = np.empty(len(in_time), _ROW)
        for name, column in (("activity", activity), ("day", day), ("key", key), ("value", value), ("start", start)):
            rows[name] = column[in_time]
        keys, begins = np.unique(rows["key"], return_index=True)
        self._groups: list[_Group] = []
        for first, last in zip(begins, [*begins[1:], len(rows)], strict=True) if len(keys) else ():
            mine = rows[first:last]
            value = mine["value"] if lowest_is_best else -mine["value"]
            order = np.empty(len(mine), dtype=np.int64)
            order[np.lexsort((np.arange(len(mine)), mine["activity"], value))] = np.arange(len(mine))
            self._groups.append(_Group(mine, mine["day"].copy(), order))
        self.days: list[int] = np.unique(rows["day"]).tolist()

    def windows(self, as_of: Sequence[int], days: int, most: int | None) -> Iterator[Window]:
        """For each day (an ordinal) the best `most` of each key (all where None) of the local days as_of - days + 1 to
        as_of.
        """
        ends = np.asarray(as_of, dtype=np.int64)
        reach = [
            (
                np.searchsorted(group.days, ends - days + 1, "left").tolist(),
                np.searchsorted(group.days, ends, "right").tolist(),
            )
            for group in self._groups
        ]
        for index in range(len(ends)):
            chosen: list[tuple[_Group, NDArray[np.int64]]] = []
            for group, (begins, lasts) in zip(self._groups, reach, strict=True):
                begin, end = begins[index], lasts[index]
                if end <= begin:
                    continue
                best = group.order[begin:end].argsort()
                chosen.append((group, begin + (best if most is None else best[:most])))
            yield Window(chosen)


class Window:
    """What a model sees as of a day."""

    def __init__(self, chosen: list[tuple[_Group, NDArray[np.int64]]]) -> None:
        self._chosen = chosen

    def digest(self, version: str) -> str:
        """Hash of the code and of what is seen."""
        told = hashlib.sha256(version.encode())
        for group, found in self._chosen:
            told.update(group.rows[found].tobytes())
            told.update(b"|")
        return told.hexdigest()[:32]

    def rows(self) -> list[Observation]:
        """By key, the best of each first."""
        return [group.made.get(i) or group.make(i) for group, found in self._chosen for i in found.tolist()]
