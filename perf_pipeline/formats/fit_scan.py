"""One pass over a FIT file that only hops: where every message lies, and under which definition.

Nothing is decoded here. Damage ends the pass of a part, never the reading: what came before is kept, and the scan says
what was lost.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

import numpy as np
from fastcrc import crc16

from perf_pipeline.formats.model import CorruptFileError, EmptyFileError, HostileFileError, UnknownFormatError

MAX_BYTES: Final = 1 << 30
MAX_PARTS: Final = 1000
MAX_DEFINITIONS: Final = 4096  # real files have up to about 200; each costs more than its bytes
MAX_DEFINITION_BYTES: Final = 600_000  # of different definitions in all parts; real files have up to about 20,000
_MIN_HEADER: Final = 12
_MAGIC: Final = b".FIT"


@dataclass(slots=True)
class Group:
    """All messages written under one definition: `offsets` are those of their header bytes, ascending."""

    definition: bytes
    message: int
    size: int
    offsets: array[int]


@dataclass(slots=True)
class Part:
    """One FIT file of a chain: its groups by definition, and how far it was read."""

    start: int
    end: int
    groups: dict[bytes, Group] = field(default_factory=dict)
    stopped_at: int = 0
    reason: str | None = None
    any_message: bool = False

    by_message: dict[int, list[Group]] | None = None

    def of(self, message: int) -> list[Group]:
        """The groups of that message number that hold messages."""
        if self.by_message is None:
            self.by_message = {}
            for group in self.groups.values():
                if group.offsets:
                    self.by_message.setdefault(group.message, []).append(group)
        return self.by_message.get(message, [])


@dataclass(slots=True)
class Scan:
    """The parts of the file, and what was lost on the way."""

    parts: list[Part] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    partial: bool = False


def header_at(data: bytes, pos: int) -> tuple[int, int] | None:
    """(header size, data size) of the FIT header at `pos`, or None where there is none."""
    if len(data) - pos < _MIN_HEADER or data[pos + 8 : pos + 12] != _MAGIC or data[pos] < _MIN_HEADER:
        return None
    return data[pos], int.from_bytes(data[pos + 4 : pos + 8], "little")


def check_is_fit(data: bytes) -> None:
    """Raise the typed error for what is not a FIT file at all."""
    if not data:
        raise EmptyFileError("the file is empty")
    if header_at(data, 0) is None:
        raise UnknownFormatError("no FIT header", offset=0)
    if len(data) > MAX_BYTES:
        raise HostileFileError(f"more than {MAX_BYTES} bytes")


def scan(data: bytes, wanted: frozenset[int]) -> Scan:
    """Find the messages of the wanted kinds in a whole file, chained parts and damage included.

    Raises EmptyFileError, UnknownFormatError, HostileFileError, and CorruptFileError where no message can be kept.
    """
    check_is_fit(data)
    result = Scan()
    pos = defined = 0
    while pos < len(data):
        header = header_at(data, pos)
        if header is None:
            rest = data[pos:]
            if rest.strip(b"\0"):
                result.warnings.append(f"{len(rest)} bytes after the end are not FIT (at byte {pos})")
                result.partial = True
            break
        if len(result.parts) >= MAX_PARTS:
            raise HostileFileError(f"more than {MAX_PARTS} chained files")
        part = _scan_part(data, pos, header, wanted, result)
        result.parts.append(part)
        defined += sum(map(len, part.groups))
        if defined > MAX_DEFINITION_BYTES:
            raise HostileFileError(f"more than {MAX_DEFINITION_BYTES} bytes of different message definitions")
        pos = part.end + 2
    if not any(part.any_message for part in result.parts):
        raise CorruptFileError("no message can be read", offset=result.parts[0].stopped_at)
    return result


def _scan_part(data: bytes, pos: int, header: tuple[int, int], wanted: frozenset[int], result: Scan) -> Part:
    start, size = pos + header[0], header[1]
    end = start + size
    warn = result.warnings.append
    # A header checksum of zero is legal: it was not computed.
    stored = data[pos + 12 : pos + 14] if data[pos] >= 14 else b""
    if len(stored) == 2 and stored != b"\0\0" and crc16.arc(data[pos : pos + 14]) != 0:
        warn(f"the header's checksum does not match (at byte {pos + 12})")
    if size == 0 or end > len(data):
        why = "the header gives no size" if size == 0 else f"cut off: {end + 2 - len(data)} bytes are missing"
        warn(f"{why} (file of {len(data)} bytes)")
        result.partial = True
        end = len(data)
        if end - start > 2 and crc16.arc(data[pos:]) == 0:
            end -= 2
    elif end + 2 > len(data):
        warn(f"no checksum at the end (at byte {end})")
        result.partial = True
    elif crc16.arc(data[pos : end + 2]) != 0:
        warn(f"the checksum does not match (at byte {end})")
        if end + 2 < len(data) and header_at(data, end + 2) is None:
            # The size in the header is stale: the device wrote on.
            warn(f"{len(data) - end - 2} bytes lie after the end that the header gives")
            result.partial = True
            end = len(data)
    part = hop(data, start, end, wanted)
    if part.reason is not None:
        result.partial = True
        warn(f"{part.reason} (at byte {part.stopped_at}): {part.end - part.stopped_at} bytes not read")
    return part


def hop(data: bytes, start: int, end: int, wanted: frozenset[int] | None) -> Part:
    """Hop over the messages of `data[start:end]`; `wanted` None keeps the offsets of every kind."""
    part = Part(start, end)
    table = _Table(part.groups, wanted)
    sizes, appends = table.sizes, table.appends
    p, size, previous, defined, steps, window = start, 0, -1, 0, _FEWEST_STEPS, _FEWEST_PERIODS
    while p < end and not table.stopped:
        for _ in repeat(None, steps):
            head = data[p]
            size = sizes[head]
            if head == previous:
                # A second message of the same kind: find where the run ends.
                p = table.take_run(data, p, end, head)
            elif size:
                append = appends[head]
                if append is not None:
                    append(p)
                p += size
                previous = head
            else:
                stop, size = table.take_odd(data, p, end)
                if stop == p:
                    break
                defined += 0 if size else stop - p
                p, previous = stop, -1
            if p >= end:
                break
        else:
            count, stride = table.leap(data, p, end, window)
            p += count * stride
            steps = _FEWEST_STEPS if count else min(steps * 2, _MOST_STEPS)
            window = min(window * 4, _MOST_PERIODS) if count == window else _FEWEST_PERIODS
    part.reason = table.stopped
    if p > end:
        p -= size
        for group in part.groups.values():
            if group.offsets and group.offsets[-1] == p:
                group.offsets.pop()
        part.reason = "the last message is cut off"
    part.stopped_at = p
    part.any_message = p - start > defined
    return part


_FEWEST_STEPS, _MOST_STEPS = 16, 512
_FEWEST_PERIODS, _MOST_PERIODS = 64, 4096
_WORTH_A_LEAP: Final = 24  # messages: below that, a step each is cheaper
_LONGEST_PERIOD: Final = 8
_BYTES: Final = [bytes([i]) for i in range(256)]


def _definition_end(data: bytes, p: int, end: int) -> int:
    """Where the definition message at `p` ends, 0 where the data end before it does."""
    if p + 6 > end:
        return 0
    stop = p + 6 + 3 * data[p + 5]
    if data[p] & 0x20:
        if stop >= end:
            return 0
        stop += 1 + 3 * data[stop]
    return stop if stop <= end else 0


class _Table:
    """What the local message types mean at this point of the file, by header byte."""

    __slots__ = ("_current", "_groups", "_kept", "_wanted", "appends", "sizes", "stopped")

    def __init__(self, groups: dict[bytes, Group], wanted: frozenset[int] | None) -> None:
        self.stopped: str | None = None  # why it cannot go on
        self.sizes: list[int] = [0] * 256
        self.appends: list[Callable[[int], None] | None] = [None] * 256  # None: nobody asked for these
        self._kept: list[Group | None] = [None] * 256
        self._current: list[Group | None] = [None] * 16
        self._groups = groups
        self._wanted = wanted

    def define(self, head: int, definition: bytes) -> None:
        group = self._groups.get(definition)
        if group is None:
            if len(self._groups) >= MAX_DEFINITIONS:
                raise HostileFileError(f"more than {MAX_DEFINITIONS} different message definitions")
            group = self._groups[definition] = _new_group(definition)
        local = head & 15
        if self._current[local] is group:
            return
        self._current[local] = group
        kept = group if self._wanted is None or group.message in self._wanted else None
        append = None if kept is None else kept.offsets.append
        self.sizes[local], self.appends[local], self._kept[local] = group.size, append, kept
        if local < 4:
            first = 0x80 | local << 5
            self.sizes[first : first + 32] = [group.size] * 32
            self.appends[first : first + 32] = [append] * 32
            self._kept[first : first + 32] = [kept] * 32

    def take_odd(self, data: bytes, p: int, end: int) -> tuple[int, int]:
        """Take a definition, a message with reserved bits in its header, or damage: (next position, message size).

        The size is 0 for a definition; for damage the position stays and `stopped` says why.
        """
        head = data[p]
        if head & 0xC0 == 0x40:
            stop = _definition_end(data, p, end)
            if stop == 0:
                self.stopped = "the last definition is cut off"
                return p, 0
            self.define(head, data[p + 1 : stop])
            return stop, 0
        local = (head >> 5) & 3 if head & 0x80 else head & 15
        size = self.sizes[local]
        if size == 0:
            self.stopped = f"local message type {local} is not defined"
        elif (append := self.appends[local]) is not None:
            append(p)
        return p + size, size

    def take_run(self, data: bytes, p: int, end: int, head: int) -> int:
        """Take all messages of one kind that follow each other from `p` on; where the next one is."""
        size, group, window = self.sizes[head], self._kept[head], _FEWEST_PERIODS
        while True:
            # The header bytes of a run recur at a constant stride: the C speed of a strided slice finds its end.
            heads = data[p : min(p + size * window, end) : size]
            count = len(heads) - len(heads.lstrip(_BYTES[head]))
            if group is not None:
                _extend(group.offsets, p, count, size)
            p += count * size
            if count < window or p >= end:
                return p
            window = min(window * 4, _MOST_PERIODS)

    def leap(self, data: bytes, p: int, end: int, window: int) -> tuple[int, int]:
        """Take at once the messages from `p` on that repeat with a period: (periods, bytes a period).

        Each header byte of the period recurs at a constant stride. If one period has matched, the next header bytes
        lie one stride further: nothing is guessed.
        """
        sizes = self.sizes
        members: list[tuple[int, int]] = []
        at = p
        while at < end and (not members or data[at] != members[0][0]):
            size = sizes[data[at]]
            if not size or len(members) == _LONGEST_PERIOD:
                return 0, 0
            members.append((data[at], at))
            at += size
        if not members:
            return 0, 0
        stride = at - p
        count = min(window, (end - p) // stride)
        for head, at in members:
            heads = data[at : p + count * stride : stride]
            count = len(heads) - len(heads.lstrip(_BYTES[head]))
            if count * len(members) < _WORTH_A_LEAP:
                return 0, 0
        homes: dict[int, tuple[Group, list[int]]] = {}
        for head, at in members:
            group = self._kept[head]
            if group is not None:
                homes.setdefault(id(group), (group, []))[1].append(at)
        for group, starts in homes.values():
            if len(starts) == 1:
                _extend(group.offsets, starts[0], count, stride)
            else:
                offsets = (np.arange(count) * stride)[:, None] + np.array(starts)
                group.offsets.frombytes(offsets.astype(np.uint32).tobytes())
        return count, stride


def _extend(offsets: array[int], first: int, count: int, stride: int) -> None:
    if count < 32:
        offsets.extend(range(first, first + count * stride, stride))
    else:
        offsets.frombytes(np.arange(first, first + count * stride, stride, dtype=np.uint32).tobytes())


def _new_group(definition: bytes) -> Group:
    number = int.from_bytes(definition[2:4], "big" if definition[1] else "little")
    fields = definition[4]
    size = 1 + sum(definition[6 : 5 + 3 * fields : 3])
    if len(definition) > 5 + 3 * fields:
        size += sum(definition[7 + 3 * fields :: 3])
    return Group(definition, number, size, array("I"))
