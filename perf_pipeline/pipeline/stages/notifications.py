"""Stage `notifications`: what the athlete should hear of, as a pure function of the athlete's history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.milestones import KnownThreshold
from perf_pipeline.physiology.records import Record
from perf_pipeline.physiology.recovery import Baseline
from perf_pipeline.pipeline.stages.alert_notices import FitnessDay, alert_notices
from perf_pipeline.pipeline.stages.milestone_notices import milestone_notices
from perf_pipeline.pipeline.stages.record_notices import NotedActivity, Source, record_notice


@dataclass(frozen=True, slots=True)
class Facts:
    """All that notifications are made of. `activities` in order of time; `records` and `sources` by activity id, the
    latter of activities with records alone; `fitness` in order of day; `hrv` (of ln ms) and `resting` (bpm) by day.
    """

    activities: Sequence[NotedActivity] = ()
    records: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    fitness: Sequence[FitnessDay] = ()
    thresholds: Sequence[KnownThreshold] = ()
    hrv: Mapping[date, Baseline] = field(default_factory=dict)
    resting: Mapping[date, Baseline] = field(default_factory=dict)


def rows(profile_id: UUID, facts: Facts) -> list[dict[str, Any]]:
    """The rows of `notifications` that the athlete's history gives."""
    days = {str(activity.id): activity.day for activity in facts.activities}
    records = [
        record_notice(profile_id, activity, facts.records[key], facts.sources.get(key), days)
        for activity in facts.activities
        if (key := str(activity.id)) in facts.records
    ]
    ctl = [(f.day, f.ctl) for f in facts.fitness]
    return [
        *records,
        *milestone_notices(profile_id, facts.activities, ctl, facts.thresholds),
        *alert_notices(profile_id, facts.fitness, facts.hrv, facts.resting),
    ]
