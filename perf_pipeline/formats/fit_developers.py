"""What `field_description` messages say about developer fields, and from where in the file on they say it."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final, NamedTuple

from perf_pipeline.formats import fit_profile as profile
from perf_pipeline.formats.fit_profile import RECORD_FIELDS
from perf_pipeline.formats.fit_scan import Group
from perf_pipeline.formats.fit_tables import Row
from perf_pipeline.formats.model import CHANNELS

MAX_DESCRIPTIONS: Final = 4096
Key = tuple[int, int]
"""Developer index and field number."""


class DeveloperField(NamedTuple):
    """What a `field_description` says of one developer field."""

    channel: str
    unit: str
    base: int
    scale: float
    offset: float
    native: int | None


class Developers:
    """The developer fields of one part of a file. A number may be described anew: it then means something else."""

    def __init__(self, described: Sequence[tuple[int, Row]], taken: dict[str, Key]) -> None:
        """`described`: the messages with their offsets; `taken` keeps channel names apart over the parts of a file."""
        self._history: dict[Key, list[tuple[int, DeveloperField]]] = {}
        # Fields of records choose their names before those of sessions and laps, which often share them.
        for about_record in (True, False):
            for offset, row in described[:MAX_DESCRIPTIONS]:
                key = (_number(row, 0), _number(row, 1))
                if (row.get(14) in (None, profile.RECORD)) is about_record and isinstance(row.get(2), int):
                    self._history.setdefault(key, []).append((offset, _field(row, key, taken)))
        for history in self._history.values():
            history.sort(key=_offset)

    def of(self, group: Group) -> tuple[DeveloperField | None, ...]:
        """The developer fields of a definition as they are described where its messages begin; None: nowhere."""
        return tuple(self._at(key, group.offsets[0]) for key in _keys(group.definition))

    def _at(self, key: Key, offset: int) -> DeveloperField | None:
        history = self._history.get(key)
        if history is None:
            return None
        return history[max(bisect_right(history, offset, key=_offset) - 1, 0)][1]

    def split(self, group: Group) -> list[Group]:
        """The group, in pieces where one of its developer fields is described anew between its messages."""
        cuts = {0, len(group.offsets)}
        for key in _keys(group.definition):
            history = self._history.get(key, [])
            for (_, before), (offset, after) in pairwise(history):
                if before != after:
                    cuts.add(bisect_left(group.offsets, offset))
        if len(cuts) == 2:
            return [group]
        ordered = sorted(cuts)
        return [replace(group, offsets=array("I", group.offsets[a:b])) for a, b in pairwise(ordered)]


def _offset(entry: tuple[int, DeveloperField]) -> int:
    return entry[0]


def _keys(definition: bytes) -> list[Key]:
    return [(definition[i + 2], definition[i]) for i in range(6 + 3 * definition[4], len(definition), 3)]


def _number(row: Row, key: int) -> int:
    value = row.get(key)
    return value if isinstance(value, int) else -1


def _field(row: Row, key: Key, taken: dict[str, Key]) -> DeveloperField:
    name, unit, scale, offset, native = row.get(3), row.get(8), row.get(6), row.get(7), row.get(15)
    about_record = row.get(14) in (None, profile.RECORD)
    return DeveloperField(
        _channel_name(name if isinstance(name, str) else "", key, taken),
        unit if isinstance(unit, str) else "",
        _number(row, 2) & 0x1F,
        float(scale) if isinstance(scale, int) and scale else 1.0,
        float(offset) if isinstance(offset, int) else 0.0,
        native if isinstance(native, int) and about_record else None,
    )


_PLAIN: Final = (
    frozenset(CHANNELS) | {f.name for f in RECORD_FIELDS.values()} | {"left_right_balance", "balance_of_unknown_side"}
)


def _channel_name(name: str, key: Key, taken: dict[str, Key]) -> str:
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", name[:64])
    slug = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") or f"developer_{key[0]}_{key[1]}"
    if slug in _PLAIN:
        slug += "_developer"
    candidate, n = slug, 1
    while taken.setdefault(candidate, key) != key:
        n += 1
        candidate = f"{slug}_{n}"
    return candidate
