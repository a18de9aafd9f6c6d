"""The pass over the headers: against a slow, obvious walk, and against files that mean harm."""

from __future__ import annotations

import contextlib
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perf_pipeline.formats.fit import read_fit
from perf_pipeline.formats.fit_scan import hop
from perf_pipeline.formats.model import CorruptFileError, FormatError, HostileFileError
from perf_pipeline_tests.formats.fit_bytes import ENUM, T0, UINT8, UINT16, UINT32, FitBytes, activity, ride, session


def walk(body: bytes) -> dict[int, list[int]]:
    """Offsets of whole messages by message number, one message at a time: the obvious way."""
    found: dict[int, list[int]] = {}
    local: dict[int, tuple[int, int]] = {}
    at = 0
    while at < len(body):
        head = body[at]
        if head & 0xC0 == 0x40:
            if at + 6 > len(body):
                break
            order = "big" if body[at + 2] else "little"
            number = int.from_bytes(body[at + 3 : at + 5], order)
            end = at + 6 + 3 * body[at + 5]
            size = sum(body[at + 7 + 3 * i] for i in range(body[at + 5]) if at + 7 + 3 * i < len(body))
            if head & 0x20:
                if end >= len(body):
                    break
                count, begin = body[end], end + 1
                end = begin + 3 * count
                size += sum(body[begin + 3 * i + 1] for i in range(count) if begin + 3 * i + 1 < len(body))
            if end > len(body):
                break
            local[head & 15] = (number, size + 1)
            at = end
            continue
        key = (head >> 5) & 3 if head & 0x80 else head & 15
        if key not in local or at + local[key][1] > len(body):
            break
        found.setdefault(local[key][0], []).append(at)
        at += local[key][1]
    return found


def hopped(body: bytes) -> dict[int, list[int]]:
    return hopped_to(body, len(body))


def hopped_to(body: bytes, end: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for group in hop(body, 0, end, None).groups.values():
        if group.offsets:
            found.setdefault(group.message, []).extend(group.offsets)
    return {number: sorted(offsets) for number, offsets in found.items()}


_SIZES = {0: 3, 1: 9, 2: 1, 3: 200}


def _define(made: FitBytes, local: int) -> None:
    size = _SIZES[local]
    made.define(local, 20 + local, [(1, UINT8, size - 1)] if size > 1 else [])


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Runs and periods of messages, with definitions, compressed headers and damage in between."""
    made = FitBytes()
    for local in _SIZES:
        _define(made, local)
    for _ in range(draw(st.integers(1, 6))):
        pattern = draw(st.lists(st.sampled_from(sorted(_SIZES)), min_size=1, max_size=9))
        heads = [draw(st.sampled_from([p, 0x80 | p << 5 | 7])) for p in pattern]
        for _ in range(draw(st.integers(1, 90))):
            for local, head in zip(pattern, heads, strict=True):
                made.body += bytes([head]) + b"\x42" * (_SIZES[local] - 1)
        if draw(st.booleans()):
            _define(made, draw(st.sampled_from(sorted(_SIZES))))
    made.body += draw(st.sampled_from([b"", b"\x0c\0\0", b"\x41", b"\x10\1\2"]))
    return made.body[: draw(st.integers(0, len(made.body)))] if draw(st.booleans()) else made.body


@settings(deadline=None, max_examples=150)
@given(bodies())
def test_hopping_finds_what_walking_finds(body: bytes) -> None:
    assert hopped(body) == walk(body)


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=300))
def test_hopping_over_noise_finds_what_walking_finds(noise: bytes) -> None:
    body = ride(3).body + noise
    assert hopped(body) == walk(body)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_only_typed_errors_leave_the_reader(data: st.DataObject) -> None:
    made = ride(20)
    made.define(4, 78, [(0, UINT16, 10)]).add(4, [800, 810, None, None, None])
    file = bytearray(made.file())
    for _ in range(data.draw(st.integers(1, 12))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FormatError):
        read_fit(bytes(file))


def _peak(data: bytes) -> int:
    tracemalloc.start()
    try:
        with contextlib.suppress(FormatError):
            read_fit(data)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def test_a_header_that_promises_gigabytes_allocates_nothing_for_them() -> None:
    assert _peak(ride(50).file(data_size=0xFFFF_FFF0)) < 1_000_000


def test_a_storm_of_different_definitions_is_refused() -> None:
    made = activity()
    for i in range(5000):
        made.define(1, i, [(1, UINT8)])
    with pytest.raises(HostileFileError):
        read_fit(made.file())


def test_a_storm_of_one_definition_is_read_and_stays_small() -> None:
    made = activity().define(1, 20, [(253, UINT32), (3, UINT8)])
    piece = made.body[-12:]
    made.body += piece * 20_000
    made.add(1, T0, 100)
    data = session(made).file(header_crc=False)
    assert len(read_fit(data).sessions[0].streams) == 1
    assert _peak(data) < 5 * len(data)


def test_definitions_without_a_message_are_nothing_to_keep() -> None:
    with pytest.raises(CorruptFileError):
        read_fit(FitBytes().define(1, 20, [(3, UINT8)]).file())


def test_messages_of_one_byte_do_not_blow_up() -> None:
    made = activity().define(1, 9999, [])
    made.body += b"\1" * 300_000
    data = session(made).file(header_crc=False)
    assert _peak(data) < 5 * len(data)


def test_a_chain_of_tiny_files_is_one_activity_each_and_no_recursion() -> None:
    data = b"".join(session(activity(), start=T0 + 100 * i).file() for i in range(300))
    assert len(read_fit(data).sessions) == 300


def test_an_array_of_many_elements_does_not_become_many_channels() -> None:
    made = activity().define(1, 20, [(253, UINT32), (17, UINT8, 200), (42, ENUM)]).add(1, T0, [16] * 200, 1)
    channels = read_fit(session(made).file()).sessions[0].streams.channels
    assert len(channels) <= 17
    assert channels["speed_1s_1"].tolist() == [1.0]


def test_more_sessions_or_parts_than_any_device_writes_are_refused() -> None:
    made = activity().define(1, 18, [(2, UINT32)])
    for i in range(1001):
        made.add(1, T0 + i)
    with pytest.raises(HostileFileError):
        read_fit(made.file())
    with pytest.raises(HostileFileError):
        read_fit(activity().file() * 1001)


@pytest.mark.parametrize("end", range(12, 4000, 97))
def test_a_run_or_period_that_goes_on_after_the_end_is_cut_there(end: int) -> None:
    for pattern in ([0], [0, 1], [0, 1, 1]):
        made = FitBytes()
        for local in (0, 1):
            _define(made, local)
        for _ in range(600):
            for local in pattern:
                made.body += bytes([local]) + b"\x42" * (_SIZES[local] - 1)
        if end < len(made.body):
            assert hopped_to(made.body, end) == walk(made.body[:end])
