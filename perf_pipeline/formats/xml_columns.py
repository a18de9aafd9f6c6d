"""From an XML tree of track points to columns: one walk, then arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray, IntArray

NO_TIME = int(np.iinfo(np.int64).min)
MAX_NUMBER_LENGTH = 64
"""Longer than any exporter writes; bounds what a single conversion can cost."""

_POINT = 1
_FIRST_FIELD = 64
_DAY_MS = 86_400_000
_ISO_SHAPE = re.compile(r"9999-99-99[Tt ]99:99:99(\.9+)?(Z|z|[+-]99:?99|[+-]99)?")
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[Tt ]+(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


class _Codes(dict[Any, int]):
    """Element tag -> code of its local name; 0 for whatever nobody asked for."""

    def __init__(self, names: Mapping[str, int]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, tag: Any) -> int:
        local = tag.rpartition("}")[2] if isinstance(tag, str) else ""
        code = self[tag] = self._names.get(local, 0)
        return code


@dataclass(frozen=True, slots=True)
class Walk:
    """What one pass over a tree found, in document order.

    `point_at` (n,): position of each point in the walk. `codes` (m,): name code of every element met, 0 outside of
    points for fields. `owner` (m,): index of the point that an element belongs to.
    """

    point_at: IntArray
    codes: NDArray[np.int16]
    owner: IntArray
    texts: list[str | None]
    names: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.point_at)

    def ordinal(self, name: str) -> IntArray:
        """For each point the index of the latest element `name` before it, -1 where there is none; (n,)."""
        return np.searchsorted(np.flatnonzero(self.codes == self.names[name]), self.point_at) - 1

    def column(self, names: Iterable[str]) -> FloatArray | None:
        """First finite number that any of `names` gives for each point, NaN without; None for a column of nothing."""
        at, texts = self._found(names)
        if not texts:
            return None
        values = floats(texts)
        good = np.isfinite(values)
        if not good.any():
            return None
        column = np.full(len(self), np.nan)
        # Backwards, so that the first of several wins.
        column[self.owner[at[good]][::-1]] = values[good][::-1]
        return column

    def times(self, name: str) -> tuple[IntArray, int | None]:
        """Time of each point, `NO_TIME` without one; and the offset from UTC that all of them share, if not zero."""
        at, texts = self._found((name,))
        column = np.full(len(self), NO_TIME)
        values, offset = times(texts)
        good = values != NO_TIME
        column[self.owner[at[good]][::-1]] = values[good][::-1]
        return column, offset

    def _found(self, names: Iterable[str]) -> tuple[IntArray, list[str | None]]:
        wanted = [self.names[name] for name in names]
        hit = self.codes == wanted[0]
        for code in wanted[1:]:
            hit |= self.codes == code
        at = np.flatnonzero(hit)
        texts = self.texts
        return at, [texts[i] for i in at.tolist()]


def walk(root: Any, point: str, openers: Sequence[str], fields: Iterable[str]) -> Walk:
    """Every `point`, every element that ends the reach of a point (`openers`) and every field inside of points.

    Names are local names: prefixes and namespaces of real files are too often wrong to go by.
    """
    names = {point: _POINT}
    names.update((name, _POINT + 1 + i) for i, name in enumerate(openers))
    names.update((name, _FIRST_FIELD + i) for i, name in enumerate(fields))
    wanted = ["{*}" + name for name in names]
    tags: list[Any] = []
    texts: list[str | None] = []
    add_tag, add_text = tags.append, texts.append
    for element in root.iter(*wanted):
        add_tag(element.tag)
        add_text(element.text)
    codes = np.fromiter(map(_Codes(names).__getitem__, tags), np.int16, len(tags))
    inside = _inside_points(root, point, wanted, codes)
    codes[~inside & (codes >= _FIRST_FIELD)] = 0
    is_point = codes == _POINT
    return Walk(np.flatnonzero(is_point), codes, np.cumsum(is_point) - 1, texts, names)


def _inside_points(root: Any, point: str, wanted: list[str], codes: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which elements of the walk are part of a point: (m,).

    A point reaches until the next opener; only the last before an opener of another kind has to be measured, for
    laps and tracks carry extensions of their own behind their points.
    """
    opener_at = np.flatnonzero(codes < _FIRST_FIELD)
    of_point = codes[opener_at] == _POINT
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


def elements(root: Any, name: str) -> list[Any]:
    """All elements with that local name, in document order."""
    return list(root.iter("{*}" + name))


def child_text(element: Any, name: str, limit: int = 10_000) -> str | None:
    """Text of the first direct child `name`, stripped and cut at `limit`; None where empty."""
    child = element.find("{*}" + name)
    text = (child.text or "").strip() if child is not None else ""
    return text[:limit] or None


def number(text: str | None) -> float:
    """One number, NaN where the text is none."""
    if text is None or len(text) > MAX_NUMBER_LENGTH:
        return np.nan
    try:
        value = float(text)
    except ValueError:
        return np.nan
    return value if np.isfinite(value) and "_" not in text else np.nan


def floats(texts: Sequence[str | None]) -> FloatArray:
    """Numbers of the texts, NaN where a text is none or not finite; (n,)."""
    try:
        longest = max(map(len, texts), default=0)  # type: ignore[arg-type]
        convert = float if longest <= MAX_NUMBER_LENGTH else number
        values = np.fromiter(map(convert, texts), np.float64, len(texts))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        values = np.fromiter(map(number, texts), np.float64, len(texts))
    values[~np.isfinite(values)] = np.nan
    return values


def times(texts: Sequence[str | None]) -> tuple[IntArray, int | None]:
    """UTC milliseconds of ISO 8601 times, `NO_TIME` where a text is none (n,); the common offset, if one and not zero.

    A time without a zone is UTC. Texts of one length are converted together, the odd ones alone.
    """
    out = np.full(len(texts), NO_TIME)
    offsets: set[int | None] = set()
    lengths = np.fromiter((len(t) if t else 0 for t in texts), np.int64, len(texts))
    for length in np.unique(lengths).tolist():
        at = np.flatnonzero(lengths == length)
        if length == 0 or length > MAX_NUMBER_LENGTH:
            continue
        group = [texts[i] or "" for i in at.tolist()]
        if length >= len("2020-01-01T00:00:00"):
            rest = _times_of_one_shape(group, length, at, out, offsets)
        else:
            rest = list(range(len(group)))
        for i in rest:
            ms, offset = time_ms(group[i])
            out[at[i]] = ms
            if ms != NO_TIME:
                offsets.add(offset)
    common = next(iter(offsets)) if len(offsets) == 1 else None
    return out, common or None


def time_ms(text: str | None) -> tuple[int, int | None]:
    """UTC milliseconds and offset in seconds of one ISO 8601 time; `NO_TIME` where it is none."""
    found = _ISO.fullmatch(text.strip()) if text and len(text) <= MAX_NUMBER_LENGTH else None
    if not found:
        return NO_TIME, None
    ms = int(_civil_ms([np.array([int(part)]) for part in found.groups()[:6]])[0])
    if ms == NO_TIME:
        return NO_TIME, None
    fraction = round(int((found[7] or "0").ljust(9, "0")) / 1e6)
    offset = _offset_seconds(found[8])
    return ms + fraction - 1000 * (offset or 0), offset


def _offset_seconds(zone: str | None) -> int | None:
    if not zone or zone in "Zz":
        return None
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _times_of_one_shape(
    group: list[str], length: int, at: IntArray, out: IntArray, offsets: set[int | None]
) -> list[int]:
    """Converts the texts that look like the first one; gives back which ones do not."""
    text = np.frombuffer("".join(group).encode("latin-1", "replace"), np.uint8).reshape(-1, length)
    first = text[0]
    digit = (first >= 48) & (first <= 57)
    shape = "".join("9" if d else chr(c) for d, c in zip(digit.tolist(), first.tolist(), strict=True))
    found = _ISO_SHAPE.fullmatch(shape)
    if not found:
        return list(range(len(group)))
    fixed = np.flatnonzero(~digit)
    same = (text[:, fixed] == first[fixed]).all(axis=1) & ((text[:, digit] - np.uint8(48)) <= 9).all(axis=1)

    def part(start: int, stop: int) -> IntArray:
        value = np.zeros(len(text), np.int64)
        for i in range(start, stop):
            value = value * 10 + (text[:, i] - np.uint8(48))
        return value

    ms = _civil_ms([part(a, b) for a, b in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))])
    good = ms != NO_TIME
    if found[1]:
        stop = min(found.end(1), 29)
        ms[good] += np.rint(part(20, stop) * 10.0 ** (3 - (stop - 20))).astype(np.int64)[good]
    zone = first[found.start(2) :].tobytes().decode("latin-1") if found[2] else None
    if zone and zone not in "Zz":
        shift = part(length - len(zone) + 1, length - len(zone) + 3) * 3600
        if len(zone) > 3:
            shift += part(length - 2, length) * 60
        shift = -shift if zone[0] == "-" else shift
        ms[good] -= 1000 * shift[good]
        offsets.update(np.unique(shift[same & good]).tolist())
    elif (same & good).any():
        offsets.add(None)
    out[at[same]] = ms[same]
    return np.flatnonzero(~same).tolist()


def _civil_ms(parts: Sequence[IntArray]) -> IntArray:
    """UTC milliseconds of calendar parts, `NO_TIME` for parts that no calendar has; a leap second counts as 60."""
    year, month, day, hour, minute, second = parts
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    month_days = _MONTH_DAYS[np.clip(month, 0, 12)] + (leap & (month == 2))
    good = (month >= 1) & (month <= 12) & (day >= 1) & (day <= month_days) & (year >= 1)
    good &= (hour < 24) & (minute < 60) & (second <= 60)
    # Days since 1970 by counting years from March, so that the leap day is the last of its year.
    shifted = year - (month <= 2)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + day_of_year - 719_468
    ms = days * _DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000
    return np.where(good, ms, NO_TIME)
