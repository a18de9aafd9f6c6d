"""Columns to FIT messages: definitions, rows, compressed timestamps, headers and checksums, all vectorised.

Facts of the protocol (https://developer.garmin.com/fit/protocol/): base types and their invalid values, the byte that
opens a message, the file header.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import fastcrc
import numpy as np

from perf_pipeline.formats.fit_profile import EPOCH_SECONDS, POWER_UP_LIMIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes2d = NDArray[np.uint8]

MESSAGE_INDEX = 254
_PROTOCOL_2_0 = 0x20
_PROFILE_VERSION = 2132


@dataclass(frozen=True, slots=True)
class BaseType:
    """A FIT base type: its number, its NumPy letters, its invalid value and the range of valid ones."""

    number: int
    code: str
    invalid: int = 0
    low: int = 0
    high: int = 0

    @property
    def size(self) -> int:
        return int(self.code[1:])


ENUM = BaseType(0x00, "u1", 0xFF, 0, 0xFE)
SINT8 = BaseType(0x01, "i1", 0x7F, -0x80, 0x7E)
UINT8 = BaseType(0x02, "u1", 0xFF, 0, 0xFE)
SINT16 = BaseType(0x83, "i2", 0x7FFF, -0x8000, 0x7FFE)
UINT16 = BaseType(0x84, "u2", 0xFFFF, 0, 0xFFFE)
SINT32 = BaseType(0x85, "i4", 0x7FFFFFFF, -0x80000000, 0x7FFFFFFE)
UINT32 = BaseType(0x86, "u4", 0xFFFFFFFF, 0, 0xFFFFFFFE)
FLOAT64 = BaseType(0x89, "f8")
BYTES = BaseType(0x0D, "u1", 0xFF, 0, 0xFF)
TEXT = BaseType(0x07, "S0")


@dataclass(frozen=True, slots=True)
class Column:
    """One field of n messages.

    `values` (n,) or (n, k) numbers in natural units, NaN where invalid; or n texts. `developer`: a developer field's
    index of its application, None for a field of the profile.
    """

    number: int
    base: BaseType
    values: Any
    scale: float = 1.0
    offset: float = 0.0
    developer: int | None = None

    def raw(self) -> NDArray[Any]:
        """(n,) or (n, k) in native byte order, as the bytes will hold it."""
        if self.base is TEXT:
            return _texts(self.values)
        values = np.asarray(self.values, np.float64)
        if self.base is FLOAT64:
            bits = values.view(np.uint64).copy()
            bits[np.isnan(values)] = 0xFFFFFFFFFFFFFFFF
            return bits.view(np.float64)
        with np.errstate(invalid="ignore"):
            scaled = np.rint((values + self.offset) * self.scale)
            # A value that does not fit is not told, rather than told wrong.
            fits = (scaled >= self.base.low) & (scaled <= self.base.high)
        return np.where(fits, scaled, self.base.invalid).astype(self.base.code)


def _texts(values: Sequence[str]) -> NDArray[Any]:
    encoded = [value.encode()[:254] for value in values]
    return np.array(encoded, dtype=f"S{max(map(len, encoded)) + 1}")


@dataclass(frozen=True, slots=True)
class Table:
    """n messages of one definition. `rows` (n, size) hold the bytes of each, with its header byte in front."""

    definition: bytes
    rows: Bytes2d

    def to_bytes(self) -> bytes:
        return self.definition + self.rows.tobytes()


def table(message: int, columns: Sequence[Column], *, local: int = 0, big_endian: bool = False) -> Table:
    """The definition and the rows of `message`; profile fields have to come before developer fields."""
    order: Literal["<", ">"] = ">" if big_endian else "<"
    raws = [column.raw() for column in columns]
    fields: list[tuple[Any, ...]] = [("header", "u1")]
    for i, raw in enumerate(raws):
        fields.append((f"f{i}", raw.dtype.newbyteorder(order), raw.shape[1:]))
    rows = np.zeros(len(raws[0]), np.dtype(fields))
    rows["header"] = local
    for i, raw in enumerate(raws):
        rows[f"f{i}"] = raw
    sizes = [int(rows.dtype[f"f{i}"].itemsize) for i in range(len(raws))]
    head = _definition(message, list(zip(columns, sizes, strict=True)), local, big_endian=big_endian)
    return Table(head, rows.view(np.uint8).reshape(len(rows), rows.dtype.itemsize))


def _definition(message: int, fields: list[tuple[Column, int]], local: int, *, big_endian: bool) -> bytes:
    own = [(c, size) for c, size in fields if c.developer is None]
    developer = [(c, size) for c, size in fields if c.developer is not None]
    head = 0x40 | (0x20 if developer else 0) | local
    out = bytearray(struct.pack(">BBBHB" if big_endian else "<BBBHB", head, 0, int(big_endian), message, len(own)))
    for column, size in own:
        out += bytes((column.number, size, column.base.number))
    if developer:
        out.append(len(developer))
        for column, size in developer:
            out += bytes((column.number, size, column.developer or 0))
    return bytes(out)


def compressed(full: Table, short: Table, seconds: NDArray[np.int64]) -> bytes:
    """Rows of `full`, each that follows its predecessor within 31 s taken from `short` with a compressed timestamp.

    `short` is the same table without its timestamp, under a local number of at most 3. `seconds` (n,) FIT times.
    """
    steps = np.diff(seconds, prepend=seconds[:1] - 1000)
    small = (steps >= 0) & (steps < 32)
    headers = 0x80 | (int(short.rows[0, 0]) << 5) | (seconds & 0x1F)
    sizes = short.rows.shape[1] + (full.rows.shape[1] - short.rows.shape[1]) * (~small).astype(np.int64)
    starts = np.cumsum(sizes) - sizes
    out = np.zeros(int(sizes.sum()), np.uint8)
    _scatter(out, starts[~small], full.rows[~small])
    rows = short.rows[small]
    rows[:, 0] = headers[small]
    _scatter(out, starts[small], rows)
    return full.definition + short.definition + out.tobytes()


def _scatter(out: NDArray[np.uint8], starts: NDArray[np.int64], rows: Bytes2d) -> None:
    out[starts[:, None] + np.arange(rows.shape[1])] = rows


def fit_seconds(time_ms: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """FIT date_time of UTC milliseconds, rounded down; times since power-up stay what they are.

    Raises ValueError where date_time cannot say it: between mid 1978 and mid 1998, before 1970, after 2126.
    """
    seconds = np.asarray(time_ms, np.int64) // 1000
    since_power_up = seconds < POWER_UP_LIMIT
    fit = np.where(since_power_up, seconds, seconds - EPOCH_SECONDS)
    if bool(np.any((fit < 0) | (fit > UINT32.high) | (~since_power_up & (fit < POWER_UP_LIMIT)))):
        raise ValueError("a time that a FIT date_time cannot say")
    return fit


def enclose(
    body: bytes,
    *,
    header12: bool = False,
    zero_header_crc: bool = False,
    zero_data_size: bool = False,
    bad_crc: bool = False,
) -> bytes:
    """The messages between header and checksum.

    `zero_data_size` leaves the file as a device does that lost power: no size in the header, no checksum at the end.
    """
    size = 0 if zero_data_size else len(body)
    head = struct.pack("<BBHI4s", 12 if header12 else 14, _PROTOCOL_2_0, _PROFILE_VERSION, size, b".FIT")
    if not header12:
        head += struct.pack("<H", 0 if zero_header_crc else fastcrc.crc16.arc(head))
    whole = head + body
    if zero_data_size:
        return whole
    return whole + struct.pack("<H", fastcrc.crc16.arc(whole) ^ (0x5555 if bad_crc else 0))
