"""Stage `activity_duplicates`: which activities are one, recorded by two devices or written in two formats.

Few activities can be each other's duplicates, which times alone tell; only of those are streams read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from perf_pipeline.physiology.duplicates import (
    MOST_SHIFT_MS,
    Description,
    compatible,
    signature_of,
    whole_hours,
)
from perf_pipeline.pipeline.chosen_streams import ChosenActivities, read_chosen

_LEAST_SHARE = 0.4
_SLACK_MS = 30_000
_ALIKE = 0.03
"""Looser than what decides, since the table holds whole seconds: no duplicate may be missed here."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the tables tell of an activity. `reader_version`: the code that wrote its streams."""

    id: UUID
    source_file_id: UUID
    month: str
    sport: str
    sport_told: bool
    started_at: datetime
    timer_seconds: int
    elapsed_seconds: int
    distance_meters: int | None
    device: str | None
    reader_version: str

    @property
    def start_ms(self) -> int:
        return round(self.started_at.timestamp() * 1000)

    @property
    def end_ms(self) -> int:
        return self.start_ms + 1000 * self.elapsed_seconds


def candidate_groups(activities: Sequence[Recorded]) -> list[tuple[Recorded, ...]]:
    """Groups of activities that may be one another's duplicates, each in order of start; loners are left out."""
    ordered = sorted(activities, key=lambda a: (a.started_at, a.id))
    starts = [a.start_ms for a in ordered]
    leader = list(range(len(ordered)))

    def root(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for first, one in enumerate(ordered):
        reach = starts[first] + max(1000 * one.elapsed_seconds, MOST_SHIFT_MS)
        for second in range(first + 1, len(ordered)):
            if starts[second] > reach:
                break
            if _may_be_one(one, ordered[second], starts[first], starts[second]):
                leader[root(second)] = root(first)
    groups: dict[int, list[Recorded]] = defaultdict(list)
    for index, one in enumerate(ordered):
        groups[root(index)].append(one)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _may_be_one(a: Recorded, b: Recorded, start_a: int, start_b: int) -> bool:
    if a.source_file_id == b.source_file_id:
        return False
    if not compatible(a.sport, b.sport, told=a.sport_told and b.sport_told):
        return False
    shared = min(start_a + 1000 * a.elapsed_seconds, start_b + 1000 * b.elapsed_seconds) - start_b
    if shared > 0 and shared + _SLACK_MS >= _LEAST_SHARE * 1000 * min(a.timer_seconds, b.timer_seconds):
        return True
    if whole_hours(start_b - start_a) is None:
        return False
    return _alike(a.elapsed_seconds, b.elapsed_seconds) and _alike(a.distance_meters, b.distance_meters)


def _alike(x: int | None, y: int | None) -> bool:
    return not x or not y or abs(x - y) <= _ALIKE * max(x, y) + 2


@dataclass(frozen=True, slots=True)
class DescribeTask:
    """The candidates of one archive month."""

    chosen: ChosenActivities
    activities: Mapping[UUID, Recorded]


def describe(task: DescribeTask) -> list[Description]:
    """What is compared of the month's candidates, from their cleaned streams."""
    found = []
    for stored, clean in read_chosen(task.chosen):
        known = task.activities[stored.activity_id]
        watts = clean.get("power_watts")
        found.append(
            Description(
                activity_id=str(known.id),
                start_ms=known.start_ms,
                end_ms=known.end_ms,
                sport=known.sport,
                distance_meters=float(known.distance_meters) if known.distance_meters else None,  # 0 is not known
                device=known.device,
                file_hash=stored.source_sha256,
                has_power=watts is not None and bool((watts > 0).any()),
                has_heart_rate=clean.get("heart_rate_bpm") is not None,
                has_positions=clean.get("latitude_degrees") is not None,
                signature=signature_of(clean),
                sport_told=known.sport_told,
            )
        )
    return found
