"""Which of an activity's records to tell: one a feat, not one for each length that the feat's window holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perf_pipeline.physiology.efforts import CONFIRMED
from perf_pipeline.physiology.records import SCOPES, Record, RecordedEffort, noise_of

WELL_KNOWN_SECONDS = frozenset({5, 60, 300, 1200, 3600})
WELL_KNOWN_METERS = frozenset({100.0, 400.0, 1000.0, 1500.0, 5000.0, 10_000.0, 21_097.5, 42_195.0, 100_000.0})
"""Lengths that athletes speak of: of records that say the same, one of these is told."""
_OVERLAP = 1 / 3


@dataclass(frozen=True, slots=True)
class Headline:
    """A record that is told, and those that it stands for: `others` say much the same of the same minutes."""

    record: Record
    others: tuple[Record, ...] = ()


def headlines(records: Sequence[Record]) -> tuple[Headline, ...]:
    """The records of one activity, grouped by feat, the foremost first.

    One record stands for another of the same channel where its mean alone beats what the other beat (30 min at 280 W
    hold 20 min at 280 W: the other is implied), or where their windows share a third of the time that either covers.
    Foremost is the widest scope, then power and pace before speed, confirmed before candidate, what no other implies, a
    well-known length, and the greater gain.
    """
    implied = {id(r) for r in records for other in records if other is not r and _implies(other, r)}
    ranked = sorted(records, key=lambda r: _rank(r, implied=id(r) in implied))
    groups: list[tuple[Record, list[Record]]] = []
    for record in ranked:
        for lead, others in groups:
            if _same_feat(lead, record):
                others.append(record)
                break
        else:
            groups.append((record, []))
    return tuple(Headline(lead, tuple(others)) for lead, others in groups)


def _rank(record: Record, *, implied: bool) -> tuple[object, ...]:
    e = record.effort
    known = e.distance_meters in WELL_KNOWN_METERS if e.distance_meters else e.duration_seconds in WELL_KNOWN_SECONDS
    return (
        SCOPES.index(record.scope), e.effort_type == "speed", e.grade != CONFIRMED, implied, not known, -record.gain,
        e.duration_seconds, e.distance_meters or 0.0,
    )  # fmt: skip


def _same_feat(lead: Record, other: Record) -> bool:
    a, b = lead.effort, other.effort
    if _channel(a) != _channel(b):
        return False
    shared = min(a.end_seconds, b.end_seconds) - max(a.start_seconds, b.start_seconds)
    covered = max(a.end_seconds, b.end_seconds) - min(a.start_seconds, b.start_seconds)
    return shared >= _OVERLAP * covered or _implies(lead, other)


def _implies(one: Record, other: Record) -> bool:
    """Whether the mean of the longer beats what the shorter beat."""
    a, b = one.effort, other.effort
    if _channel(a) != _channel(b) or a.duration_seconds <= b.duration_seconds:
        return False
    return _mean(a) > _mean(other.previous) * (1 + noise_of(b))


def _channel(effort: RecordedEffort) -> str:
    return "power" if effort.effort_type == "power" else "motion"


def _mean(effort: RecordedEffort) -> float:
    """W, or m/s for a pace as for a speed."""
    if effort.effort_type != "pace":
        return effort.value
    return (100.0 if effort.sport == "swim" else 1000.0) / effort.value
