"""The track points of an XML file as columns, by one walk over its tree."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from perf_pipeline.formats.xml_columns import NO_TIME, floats, times

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray, IntArray

POINT = 1
FIRST_FIELD = 64


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The local names that matter: the point, what ends its reach, its time, other fields and attributes.

    Prefixes and namespaces of real files are too often wrong to go by.
    """

    point: str
    openers: tuple[str, ...]
    time: str
    fields: tuple[str, ...]
    attributes: tuple[str, ...] = ()

    def codes(self) -> dict[str, int]:
        """Code of each name: `POINT`, openers from 2, fields from `FIRST_FIELD`."""
        names = {self.point: POINT}
        names.update((name, POINT + 1 + i) for i, name in enumerate(self.openers))
        names.update((name, FIRST_FIELD + i) for i, name in enumerate((self.time, *self.fields)))
        return names


class Points(ABC):
    """The points of a file in document order, whoever found them."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def ordinal(self, *names: str) -> IntArray:
        """For each point the index of the latest element of these names before it, -1 without one; (n,)."""

    @abstractmethod
    def numbers(self, names: Iterable[str]) -> tuple[IntArray, FloatArray]:
        """Owner (index of its point) and number, NaN for none, of every field of these names.

        Those of one point are in document order.
        """

    @abstractmethod
    def stamps(self) -> tuple[IntArray, IntArray, int | None]:
        """Owner and time, `NO_TIME` for none, of every time field; and their common offset, if not zero."""

    @abstractmethod
    def attribute(self, name: str) -> FloatArray:
        """That attribute of each point as a number, NaN without; (n,)."""

    def column(self, names: Iterable[str]) -> FloatArray | None:
        """First finite number that any of `names` gives for each point, NaN without; None for a column of nothing."""
        owner, values = self.numbers(names)
        good = np.isfinite(values)
        if not good.any():
            return None
        column = np.full(len(self), np.nan)
        # Backwards, so that the first of several wins.
        column[owner[good][::-1]] = values[good][::-1]
        return column

    def times(self) -> tuple[IntArray, int | None]:
        """Time of each point, `NO_TIME` without one; and the offset from UTC that all of them share, if not zero."""
        owner, values, offset = self.stamps()
        column = np.full(len(self), NO_TIME)
        good = values != NO_TIME
        column[owner[good][::-1]] = values[good][::-1]
        return column, offset


@dataclass(frozen=True, slots=True)
class Walk(Points):
    """Points of a tree: `codes` (m,) of every named element in document order, fields outside of points being 0.

    `owner` (m,): index of the point that an element belongs to. `point_at` (n,): where in the walk the points are.
    """

    root: Any
    words: Vocabulary
    names: Mapping[str, int]
    codes: NDArray[np.int16]
    texts: list[str | None]
    point_at: IntArray
    owner: IntArray

    def __len__(self) -> int:
        return len(self.point_at)

    def ordinal(self, *names: str) -> IntArray:
        return np.searchsorted(np.flatnonzero(is_one_of(self.codes, self.names, names)), self.point_at) - 1

    def numbers(self, names: Iterable[str]) -> tuple[IntArray, FloatArray]:
        owner, texts = self._found(names)
        return owner, floats(texts)

    def stamps(self) -> tuple[IntArray, IntArray, int | None]:
        owner, texts = self._found((self.words.time,))
        return owner, *times(texts)

    def _found(self, names: Iterable[str]) -> tuple[IntArray, list[str | None]]:
        at = np.flatnonzero(is_one_of(self.codes, self.names, names))
        texts = self.texts
        return self.owner[at], [texts[i] for i in at.tolist()]

    def attribute(self, name: str) -> FloatArray:
        return floats([point.get(name) for point in self.root.iter("{*}" + self.words.point)])


def walk(root: Any, words: Vocabulary) -> Walk:
    """One pass over the tree; what is inside of which point is worked out on arrays afterwards."""
    names = words.codes()
    wanted = ["{*}" + name for name in names]
    tags: list[Any] = []
    texts: list[str | None] = []
    add_tag, add_text = tags.append, texts.append
    for element in root.iter(*wanted):
        add_tag(element.tag)
        add_text(element.text)
    codes = np.fromiter(map(_Codes(names).__getitem__, tags), np.int16, len(tags))
    inside = _inside_points(root, words.point, wanted, codes)
    codes[~inside & (codes >= FIRST_FIELD)] = 0
    is_point = codes == POINT
    return Walk(root, words, names, codes, texts, np.flatnonzero(is_point), np.cumsum(is_point) - 1)


def is_one_of(codes: NDArray[np.int16], known: Mapping[str, int], names: Iterable[str]) -> NDArray[np.bool_]:
    """Which codes are those of `names`; (m,)."""
    hit = np.zeros(len(codes), bool)
    for name in names:
        hit |= codes == known[name]
    return hit


class _Codes(dict[Any, int]):
    """Element tag -> code of its local name; 0 for whatever nobody asked for."""

    def __init__(self, names: Mapping[str, int]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, tag: Any) -> int:
        local = tag.rpartition("}")[2] if isinstance(tag, str) else ""
        code = self[tag] = self._names.get(local, 0)
        return code


def _inside_points(root: Any, point: str, wanted: Sequence[str], codes: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which elements of the walk are part of a point: (m,).

    A point reaches until the next opener; only the last before an opener of another kind has to be measured, for
    laps and tracks carry extensions of their own behind their points.
    """
    opener_at = np.flatnonzero(codes < FIRST_FIELD)
    of_point = codes[opener_at] == POINT
    inside = np.zeros(len(codes), bool)
    ends = np.append(opener_at[1:], len(codes))
    if len(opener_at):
        latest = np.searchsorted(opener_at, np.arange(len(codes)), side="right") - 1
        inside = (latest >= 0) & of_point[latest]
    last = of_point & ~np.append(of_point[1:], False)
    measured = np.cumsum(of_point)[last] - 1
    starts, stops = opener_at[last].tolist(), ends[last].tolist()
    points = list(root.iter("{*}" + point))
    for i, start, stop in zip(measured.tolist(), starts, stops, strict=True):
        reach = sum(1 for _ in points[i].iter(*wanted))
        inside[min(start + reach, stop) : stop] = False
    return inside


def elements(root: Any, *names: str) -> list[Any]:
    """All elements with one of the local names, in document order."""
    return list(root.iter(*("{*}" + name for name in names)))


def child_text(element: Any, name: str, limit: int = 10_000) -> str | None:
    """Text of the first direct child `name`, stripped and cut at `limit`; None where empty."""
    child = element.find("{*}" + name)
    text = (child.text or "").strip() if child is not None else ""
    return text[:limit] or None
