"""Texts of numbers and times to arrays, whole columns at once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from perf_pipeline.formats.model import FloatArray, IntArray

NO_TIME = int(np.iinfo(np.int64).min)
MAX_NUMBER_LENGTH = 64
"""Longer than any exporter writes; bounds what a single conversion can cost."""

_DAY_MS = 86_400_000
_MAX_OFFSET_SECONDS = 18 * 3600  # no clock on earth is further from UTC
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_VECTOR_LENGTH = 20
"""A sign, eighteen digits and a point."""
_TENS = 10.0 ** np.arange(19)
_LONG_TENS = np.array([10**n for n in range(19)], np.int64).astype(np.longdouble)
_ISO_SHAPE = re.compile(r"9999-99-99[Tt ]99:99:99(\.9+)?(Z|z|[+-]99:?99|[+-]99)?")
_ISO = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})[Tt ]+(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


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
        # Python's own notation allows 1_000; nobody else's does.
        plain = longest <= MAX_NUMBER_LENGTH and "_" not in "".join(texts)  # type: ignore[arg-type]
        convert = float if plain else number
        values = np.fromiter(map(convert, texts), np.float64, len(texts))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        values = np.fromiter(map(number, texts), np.float64, len(texts))
    values[~np.isfinite(values)] = np.nan
    return values


def floats_at(octets: NDArray[np.uint8], starts: IntArray, stops: IntArray) -> FloatArray:
    """Numbers of the texts [start, stop) in ASCII bytes, as `floats` of the cut texts; (n,).

    `octets` must go on for `_VECTOR_LENGTH` bytes after the last start.
    """
    length = stops - starts
    out = np.full(len(starts), np.nan)
    short = (length > 0) & (length <= _VECTOR_LENGTH)
    if short.any():
        out[short] = _decimals(octets, starts[short], length[short])
    # Signs in the middle, exponents, blanks, more digits than a double holds: one by one.
    rest = np.flatnonzero(np.isnan(out) & (length > 0))
    if len(rest):
        begin = int(starts[rest].min())
        text = octets[begin : int(stops[rest].max())].tobytes().decode("ascii")
        spans = zip((starts[rest] - begin).tolist(), (stops[rest] - begin).tolist(), strict=True)
        out[rest] = floats([text[a:b] for a, b in spans])
    return out


def _decimals(octets: NDArray[np.uint8], starts: IntArray, length: IntArray) -> FloatArray:
    """Plain decimals of at most eighteen digits, to the nearest double; NaN for any other text.

    Digits make an integer, the point a power of ten. Below 2^53 and 10^22 both are doubles, so that their quotient is
    the nearest double to the decimal (W. D. Clinger, How to read floating point numbers accurately, 1990).
    """
    width = int(length.max())
    # One row for each place of the text, so that every step goes through consecutive memory.
    text = octets[starts + np.arange(width)[:, None]]
    beyond = np.arange(width)[:, None] >= length
    digit = text - np.uint8(48)
    digit[beyond] = 255
    is_digit = digit <= 9
    is_dot = (text == 46) & ~beyond
    negative = text[0] == 45
    value = np.zeros(len(starts), np.int64)
    decimals = np.zeros(len(starts), np.int64)
    seen = np.zeros(len(starts), bool)
    for here, d, dot in zip(is_digit, digit, is_dot, strict=True):
        value = np.where(here, value * 10 + d, value)
        decimals += here & seen
        seen |= dot
    digits = is_digit.sum(axis=0)
    plain = (digits + is_dot.sum(axis=0) + negative == length) & (is_dot.sum(axis=0) <= 1)
    plain &= (digits > 0) & (digits <= 18)
    number = value / _TENS[np.minimum(decimals, 18)]
    many = np.flatnonzero(plain & (digits > 15))
    if len(many):
        number[many] = _long_quotients(value[many], decimals[many])
    return np.where(plain, np.where(negative, -number, number), np.nan)


def _long_quotients(value: IntArray, decimals: IntArray) -> FloatArray:
    """Quotients of value and 10^decimals to the nearest double by way of 80 bits; NaN where that leaves a doubt.

    Rounding twice goes wrong only where the first lands next to the middle of two doubles.
    """
    if np.finfo(np.longdouble).nmant < 63:
        return np.full(len(value), np.nan)
    exact = value.astype(np.longdouble) / _LONG_TENS[decimals]
    nearest = exact.astype(np.float64)
    middle = np.spacing(nearest).astype(np.longdouble) / 2
    doubtful = np.abs(np.abs(exact - nearest) - middle) < middle / 256
    return np.where(doubtful, np.nan, nearest)


def times(texts: Sequence[str | None]) -> tuple[IntArray, int | None]:
    """UTC milliseconds of ISO 8601 times, `NO_TIME` where a text is none (n,); the common offset, if one and not zero.

    A time without a zone is UTC.
    """
    joined = "".join(text or "" for text in texts).encode("latin-1", "replace")
    length = np.fromiter((len(text) if text else 0 for text in texts), np.int64, len(texts))
    stops = np.cumsum(length)
    return times_at(np.frombuffer(joined, np.uint8), stops - length, stops)


def times_at(octets: NDArray[np.uint8], starts: IntArray, stops: IntArray) -> tuple[IntArray, int | None]:
    """`times` of the texts [start, stop) in bytes: those of one length together, the odd ones alone."""
    out = np.full(len(starts), NO_TIME)
    offsets: set[int | None] = set()
    lengths = stops - starts
    for length in np.unique(lengths).tolist():
        if not 0 < length <= MAX_NUMBER_LENGTH:
            continue
        at = np.flatnonzero(lengths == length)
        text = octets[starts[at][:, None] + np.arange(length)]
        for i in _times_of_one_shape(text, at, out, offsets):
            ms, offset = time_ms(text[i].tobytes().decode("latin-1"))
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
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    try:
        whole = dt.datetime(year, month, day, hour, minute, 0, tzinfo=dt.UTC)
    except ValueError:
        return NO_TIME, None
    if second > 60:
        return NO_TIME, None
    ms = (whole - _EPOCH) // dt.timedelta(milliseconds=1) + 1000 * second
    fraction = round(int((found[7] or "0").ljust(9, "0")) / 1e6)
    offset = _offset_seconds(found[8])
    if abs(offset or 0) > _MAX_OFFSET_SECONDS:
        return NO_TIME, None
    return ms + fraction - 1000 * (offset or 0), offset


def _offset_seconds(zone: str | None) -> int | None:
    if not zone or zone in "Zz":
        return None
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _times_of_one_shape(text: NDArray[np.uint8], at: IntArray, out: IntArray, offsets: set[int | None]) -> list[int]:
    """Converts the rows of text (k, length) that look like the first one; gives back which ones do not."""
    length = text.shape[1]
    first = text[0]
    digit = (first >= 48) & (first <= 57)
    shape = "".join("9" if d else chr(c) for d, c in zip(digit.tolist(), first.tolist(), strict=True))
    found = _ISO_SHAPE.fullmatch(shape)
    if not found:
        return list(range(len(text)))
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
        good &= np.abs(shift) <= _MAX_OFFSET_SECONDS
        ms = np.where(good, ms, NO_TIME)
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
