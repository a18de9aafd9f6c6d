"""FIT files and containers that mean harm cost bounded time and memory, and what fuzzing found stays mended."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from perf_pipeline.formats.fit import identify_fit, read_fit
from perf_pipeline.formats.model import FileKind, HostileFileError
from perf_pipeline_tests.formats.fit_bytes import (
    BYTE,
    ENUM,
    SINT32,
    STRING,
    T0,
    T0_MS,
    UINT8,
    UINT16,
    UINT32,
    FitBytes,
    activity,
    ride,
    session,
)
from perf_pipeline_tests.fuzzing.cost import MAX_MEGABYTES, measure
from perf_pipeline_tests.fuzzing.mutation import mend_fit

MAX_SECONDS = 2.0


_FIELDS = b"".join(bytes([i & 255, 1, 2]) for i in range(512))


def wide(number: int, message: int = 20, *, with_message: bool) -> bytes:
    """A definition of 255 fields like no other, and one message of it."""
    last = (number & 255, 1, 2, number >> 8, 1, 2)
    first = 3 * (number & 255)
    fields = _FIELDS[first : first + 3 * 253] + bytes(last)
    return b"\x41\0\0" + struct.pack("<H", message) + b"\xff" + fields + (b"\1" + bytes(255) if with_message else b"")


def enclosed(made: FitBytes) -> bytes:
    """As `FitBytes.file`, which takes a step for every bit of its checksum."""
    return mend_fit(FitBytes().file()[:14] + made.body + b"\0\0")


def storm(count: int, *, with_message: bool) -> bytes:
    made = activity()
    made.body += b"".join(wide(i, with_message=with_message) for i in range(count))
    return enclosed(session(made))


def developers() -> bytes:
    """255 developer fields of 16 elements each in 200 records, the fields all of one name."""
    made = activity().define(4, 206, [(0, UINT8), (1, UINT8), (2, UINT8), (3, STRING, 2)])
    for i in range(255):
        made.add(4, 0, i, UINT8, b"aa")
    made.body += b"\x61\0\0" + struct.pack("<H", 20) + b"\0\xff" + b"".join(bytes([i, 16, 0]) for i in range(255))
    made.body += (b"\1" + bytes(255 * 16)) * 200
    return enclosed(session(made))


def many(message: int, count: int) -> bytes:
    made = activity().define(1, message, [(2, UINT32), (253, UINT32), (0, UINT8), (1, UINT8)])
    made.body += b"".join(b"\1" + struct.pack("<IIBB", T0 + i, T0 + i, 0, i % 2) for i in range(count))
    return enclosed(session(made))


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a header that promises 4 GB": lambda: ride(50).file(data_size=0xFFFF_FFF0),
    "a header that promises nothing": lambda: ride(50).file(data_size=0),
    "4 MB of different definitions": lambda: storm(4000, with_message=True),
    "65,000 definitions of 255 fields": lambda: storm(65_000, with_message=False),
    "255 developer fields of one name": developers,
    "10,000 chained files": lambda: activity().file() * 10_000,
    "100,000 headers": lambda: FitBytes().file() * 100_000,
    "headers that promise each other": lambda: (b"\x0c\x20" + struct.pack("<HI", 2132, 10**6) + b".FIT") * 50_000,
    "100,000 laps": lambda: many(19, 100_000),
    "100,000 stops and starts": lambda: many(21, 100_000),
    "3,000,000 messages of one byte": lambda: FitBytes().define(1, 999, []).file()[:-2] + b"\1" * 3_000_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_cost_bounded_time_and_memory(what: str, tmp_path: Path) -> None:
    cost = measure("read", HOSTILE[what](), tmp_path)
    assert cost.megabytes < MAX_MEGABYTES / 2
    assert cost.seconds < MAX_SECONDS


@pytest.mark.parametrize("parts", [1, 4])
def test_different_definitions_are_counted_over_all_parts_of_a_chain(parts: int) -> None:
    chained = b""
    for part in range(parts):
        made = activity()
        made.body += b"".join(wide(part * 1000 // parts + i, with_message=True) for i in range(1000 // parts))
        chained += enclosed(made)
    with pytest.raises(HostileFileError):
        read_fit(chained)


def test_a_chain_whose_first_file_says_nothing_is_identified_as_it_is_read() -> None:
    silent = FitBytes().define(0, 0, []).file()
    data = silent + ride(5).file()
    assert read_fit(data).kind is identify_fit(data).kind is FileKind.ACTIVITY
    assert identify_fit(data).start_ms == T0_MS


def test_an_elapsed_time_below_zero_is_none() -> None:
    made = ride(5).define(1, 19, [(253, UINT32), (2, UINT32), (7, SINT32)]).add(1, T0 + 4, T0, -9000)
    (lap,) = read_fit(made.file()).sessions[0].laps
    assert (lap.start_ms, lap.end_ms) == (T0_MS, T0_MS + 4000)
    made = activity().define(15, 18, [(253, UINT32), (2, UINT32), (7, SINT32), (5, ENUM)]).add(15, T0 + 9, T0, -9000, 2)
    (told,) = read_fit(made.file()).sessions
    assert (told.start_ms, told.end_ms) == (T0_MS, T0_MS + 9000)


def test_packed_speed_and_distance_that_never_tell_are_no_channels() -> None:
    made = activity().define(1, 20, [(253, UINT32), (8, BYTE, 3), (7, UINT16)])
    for i in range(3):
        made.add(1, T0 + i, b"\xff\xff\xff", 200)
    assert set(read_fit(session(made).file()).sessions[0].streams.channels) == {"power_watts"}
