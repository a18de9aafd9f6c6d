"""A plain builder of FIT bytes for files made odd on purpose; it shares nothing with the reader."""

from __future__ import annotations

import struct

ENUM, SINT8, UINT8, SINT16, UINT16, SINT32, UINT32 = 0x00, 0x01, 0x02, 0x83, 0x84, 0x85, 0x86
STRING, FLOAT32, FLOAT64, UINT8Z, UINT16Z, UINT32Z, BYTE = 0x07, 0x88, 0x89, 0x0A, 0x8B, 0x8C, 0x0D

_LETTERS = {
    ENUM: "B", SINT8: "b", UINT8: "B", SINT16: "h", UINT16: "H", SINT32: "i", UINT32: "I", FLOAT32: "f",
    FLOAT64: "d", UINT8Z: "B", UINT16Z: "H", UINT32Z: "I",
}  # fmt: skip
_INVALID = {
    ENUM: 0xFF, SINT8: 0x7F, UINT8: 0xFF, SINT16: 0x7FFF, UINT16: 0xFFFF, SINT32: 0x7FFFFFFF, UINT32: 0xFFFFFFFF,
    FLOAT32: float("nan"), FLOAT64: float("nan"), UINT8Z: 0, UINT16Z: 0, UINT32Z: 0,
}  # fmt: skip

T0 = 1_000_000_000
"""A FIT time with a set clock."""
T0_MS = (T0 + 631_065_600) * 1000
"""The same in Unix milliseconds."""


def crc(data: bytes) -> int:
    """CRC-16/ARC, bit by bit."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


class FitBytes:
    """Messages one after the other; `file()` puts header and checksum around them."""

    def __init__(self) -> None:
        self.body = b""
        self._bases: dict[int, tuple[str, list[int]]] = {}

    def define(
        self,
        local: int,
        message: int,
        fields: list[tuple[int, int] | tuple[int, int, int]],
        *,
        big: bool = False,
        developer: list[tuple[int, int, int]] | None = None,
        developer_bases: list[int] | None = None,
    ) -> FitBytes:
        """`fields`: (number, base type[, size in bytes]); `developer`: (number, size, developer index)."""
        order = ">" if big else "<"
        head = bytes([0x40 | (0x20 if developer else 0) | local, 0, big])
        head += struct.pack(order + "H", message) + bytes([len(fields)])
        for f in fields:
            size = f[2] if len(f) == 3 else struct.calcsize(_LETTERS[f[1]])
            head += bytes([f[0], size, f[1]])
        if developer:
            head += bytes([len(developer)]) + b"".join(bytes(d) for d in developer)
        self.body += head
        self._bases[local] = (order, [f[1] for f in fields] + (developer_bases or []))
        return self

    def add(self, local: int, *values: object, head: int | None = None) -> FitBytes:
        """One message. None is the invalid value, bytes stand as they are, a list is an array."""
        order, bases = self._bases[local]
        self.body += bytes([local if head is None else head])
        for value, base in zip(values, bases, strict=True):
            if isinstance(value, bytes):
                self.body += value
                continue
            for item in value if isinstance(value, list) else [value]:
                self.body += struct.pack(order + _LETTERS[base], _INVALID[base] if item is None else item)
        return self

    def compressed(self, local: int, offset: int, *values: object) -> FitBytes:
        """One message with its time in the header."""
        return self.add(local, *values, head=0x80 | local << 5 | offset)

    def file(
        self, *, header_size: int = 14, header_crc: bool = True, data_size: int | None = None, good_crc: bool = True
    ) -> bytes:
        size = len(self.body) if data_size is None else data_size
        header = struct.pack("<BBHI4s", header_size, 0x20, 2132, size, b".FIT")
        if header_size == 14:
            header += struct.pack("<H", crc(header) if header_crc else 0)
        whole = header + self.body
        return whole + struct.pack("<H", crc(whole) ^ (0 if good_crc else 0x5555))


def activity(*, big: bool = False) -> FitBytes:
    """The beginning of an activity file: file_id."""
    made = FitBytes()
    made.define(0, 0, [(0, ENUM), (1, UINT16), (2, UINT16), (4, UINT32)], big=big)
    return made.add(0, 4, 1, 3121, T0)


def ride(seconds: int = 5, *, big: bool = False) -> FitBytes:
    """A small ride: `seconds` records of time, heart rate and power, and their session."""
    made = activity(big=big)
    made.define(1, 20, [(253, UINT32), (3, UINT8), (7, UINT16)], big=big)
    for i in range(seconds):
        made.add(1, T0 + i, 120 + i % 50, 200 + i)
    return session(made, elapsed=seconds * 1000, big=big)


def session(
    made: FitBytes, *, start: int = T0, elapsed: int = 5000, sport: int = 2, sub_sport: int = 0, big: bool = False
) -> FitBytes:
    """A session message on local type 15."""
    made.define(15, 18, [(253, UINT32), (2, UINT32), (7, UINT32), (8, UINT32), (5, ENUM), (6, ENUM)], big=big)
    return made.add(15, start + elapsed // 1000, start, elapsed, elapsed, sport, sub_sport)
