"""Texts of numbers and times to arrays, whole columns at once."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
_LONG_POWERS = 10 ** np.arange(17)
_LONG_TENS = np.array([10**n for n in range(19)], np.int64).astype(np.longdouble)
# Eight bytes in a word, the text's first byte the lowest.
_ZEROS, _DOTS, _ONES, _SIXES, _HIGH_BITS, _HIGH_HALVES = (
    np.uint64(byte * 0x0101010101010101) for byte in (0x30, 0x2E, 0x01, 0x06, 0x80, 0xF0)
)
_LAST_BYTES = np.array([(1 << 64) - (1 << 8 * (8 - n)) for n in range(9)], np.uint64)
_PAIRINGS = [
    (np.uint64(8), np.uint64(10), np.uint64(0x00FF00FF00FF00FF)),
    (np.uint64(16), np.uint64(100), np.uint64(0x0000FFFF0000FFFF)),
    (np.uint64(32), np.uint64(10_000), np.uint64(0x00000000FFFFFFFF)),
]
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


def words_of(octets: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Eight bytes from each byte on as one number, the first byte its lowest: (n,) to (n - 7,), no copy."""
    return np.ndarray((max(len(octets) - 7, 0),), "<u8", octets, strides=(1,))


def floats_at(octets: NDArray[np.uint8], starts: IntArray, stops: IntArray) -> FloatArray:
    """Numbers of the texts [start, stop) in ASCII bytes, as `floats` of the cut texts; (n,).

    `octets` must go on for eight bytes after the last start; what starts within the first sixteen is slower.
    """
    length = stops - starts
    out = np.full(len(starts), np.nan)
    is_short = length <= _VECTOR_LENGTH
    for convert, chosen in ((_decimals, is_short), (_long_decimals, ~is_short & (length <= MAX_NUMBER_LENGTH))):
        at = np.flatnonzero(chosen & (length > 0) & (starts >= 16))
        if len(at):
            out[at] = convert(octets, starts[at], stops[at])
    # Signs in the middle, exponents, blanks: one by one.
    rest = np.flatnonzero(np.isnan(out) & (length > 0))
    if len(rest):
        spans = zip(starts[rest].tolist(), stops[rest].tolist(), strict=True)
        out[rest] = floats([octets[a:b].tobytes().decode("ascii") for a, b in spans])
    return out


def _decimals(octets: NDArray[np.uint8], starts: IntArray, stops: IntArray) -> FloatArray:
    """Plain decimals, eight digits at most before the point and sixteen behind it, to the nearest double; else NaN.

    Digits make an integer, the point a power of ten. Below 2^53 and 10^22 both are doubles, so that their quotient is
    the nearest double to the decimal (W. D. Clinger, How to read floating point numbers accurately, 1990).
    """
    words = words_of(octets)
    negative = octets[starts] == ord("-")
    starts = starts + negative
    length = stops - starts
    dot = np.minimum(_first_dot(words[starts]), length)
    decimals = np.maximum(length - dot - 1, 0)
    whole, plain = _digits(words, starts + dot, dot)
    low, low_plain = _digits(words, stops, np.minimum(decimals, 8))
    value = whole * _LONG_POWERS[np.minimum(decimals, 16)] + low
    count = length - (dot < length)
    plain &= low_plain & (decimals <= 16) & (count > 0) & ((dot < 8) | (length <= 8))
    if int(decimals.max(initial=0)) > 8:
        high, high_plain = _digits(words, stops - 8, np.clip(decimals - 8, 0, 8))
        value += high * 100_000_000
        plain &= high_plain
    number: FloatArray = value / _TENS[np.minimum(decimals, 18)]
    many = np.flatnonzero(plain & (count > 15))
    if len(many):
        fits = count[many] <= 18
        number[many[fits]] = _long_quotients(value[many[fits]], decimals[many[fits]])
        plain[many[~fits]] = False
    number[negative] *= -1
    number[~plain] = np.nan
    return number


def _long_decimals(octets: NDArray[np.uint8], starts: IntArray, stops: IntArray) -> FloatArray:
    """Decimals with three digits at most before the point and 16 to 32 behind it, to the nearest double; else NaN.

    Some exporters write a double out to its last digit.
    """
    words = words_of(octets)
    negative = octets[starts] == ord("-")
    starts = starts + negative
    dot = _first_dot(words[starts])
    begin = starts + dot + 1
    decimals = stops - begin
    eight, later = np.full(len(starts), 8), np.clip(decimals - 16, 0, 8)
    rest = np.clip(decimals - 24, 0, 8)
    parts = (starts + dot, dot), (begin + 8, eight), (begin + 16, eight), (begin + 16 + later, later), (stops, rest)
    (whole, a), (high, b), (low, c), (tail, d), (_, e) = (_digits(words, stop, count) for stop, count in parts)
    first = whole * 10**16 + high * 10**8 + low
    # Digits past the 24th behind the point are too small to matter.
    plain = a & b & c & d & e & (dot > 0) & (dot <= 3) & (whole < 900) & (first >= 10**12)
    plain &= (decimals >= 16) & (decimals <= 32)
    number = _long_quotients(first + tail / _LONG_TENS[later], np.full(len(starts), 16))
    number[negative] *= -1
    number[~plain] = np.nan
    return number


def _first_dot(word: NDArray[np.uint64]) -> IntArray:
    """Which of the eight bytes is the first point, 8 for none; (n,)."""
    unlike = word ^ _DOTS
    # The lowest high bit that is left belongs to the first byte of zero (H. S. Warren, Hacker's Delight, 6-1).
    hit = (unlike - _ONES) & ~unlike & _HIGH_BITS
    return (np.bitwise_count((hit & -hit) - np.uint64(1)) >> 3).astype(np.int64)


def _digits(words: NDArray[np.uint64], stops: IntArray, count: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """The integers whose last `count` (0 to 8) digits end before each stop, and which of them are digits only; (n,).

    Two digits are made one number, then four, then eight, in all bytes of a word at once.
    """
    keep = _LAST_BYTES[count]
    text = (words[stops - 8] & keep) | (_ZEROS & ~keep)
    plain = ((text & _HIGH_HALVES) == _ZEROS) & (((text + _SIXES) & _HIGH_HALVES) == _ZEROS)
    value = text - _ZEROS
    for width, ten, pick in _PAIRINGS:
        value = (value & pick) * ten + ((value >> width) & pick)
    return value.view(np.int64), plain


def _long_quotients(value: NDArray[Any], decimals: IntArray) -> FloatArray:
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
