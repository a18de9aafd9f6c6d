"""Stage `relative_metrics`: metrics that set an activity against what was known of its athlete on that day."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from typing import Any
from uuid import UUID

from perf_pipeline.physiology.metric import ATHLETE_GRAIN
from perf_pipeline.physiology.relative_metrics import Known, RelativeInputs, relative_metrics
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.series import SeriesActivity
from perf_pipeline.pipeline.stages.knowledge import DEFAULT_RESTING_BPM, Knowledge
from perf_pipeline.storage.copy_text import CopyBlock, encode_rows
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.signals import read_signals
from perf_pipeline.storage.tables import activity_metrics

METRICS = ("normalized_power_watts", "mean_power_watts", "mean_heart_rate_bpm", "mean_speed_mps")
"""Stored metrics that these build on, or that tell whether there is anything to build on."""


@dataclass(frozen=True)
class Relation:
    """One activity and what was known on its day.

    `signals`: the code that read its file and wrote its signals, empty where these are not there. The id is a hash of
    the file, so together they stand for the signals.
    """

    activity_id: UUID
    sport: str
    month: str
    signals: str
    known: Known
    stored: Mapping[str, float] = field(default_factory=dict)
    best_watts: Mapping[int, float] = field(default_factory=dict)

    def fingerprint(self, version: str) -> str:
        """Hash of all that the metrics depend on."""
        told = (
            version, self.sport, self.signals, astuple(self.known), sorted(self.stored.items()),
            sorted(self.best_watts.items()),
        )  # fmt: skip
        return hashlib.sha256(repr(told).encode()).hexdigest()[:32]

    def has_any(self) -> bool:
        """Whether what was known allows a metric: else its signals need not be read."""
        known = self.known
        power = "mean_power_watts" in self.stored and (known.cp_watts or known.weight_kg)
        heart = "mean_heart_rate_bpm" in self.stored and (known.hr_max_bpm or known.lthr_bpm)
        pace = self.sport == "run" and "mean_speed_mps" in self.stored and known.cs_mps
        return bool(power or heart or pace or known.weight_kg)


def known_of(knowledge: Knowledge, activity: SeriesActivity) -> Known:
    """What was known of the athlete on the activity's day."""
    sport, day = activity.sport, activity.day
    power = knowledge.threshold(sport, "critical_power", day)
    speed = knowledge.threshold(sport, "critical_speed", day)
    heart, weight = knowledge.heart_rates(sport, day), knowledge.weight.on(day)
    return Known(
        cp_watts=power.value if power else None,
        w_prime_joules=power.capacity if power else None,
        cs_mps=speed.value if speed else None,
        lthr_bpm=heart.lthr.value if heart.lthr else None,
        hr_max_bpm=heart.hr_max.value if heart.hr_max else None,
        hr_rest_bpm=heart.resting_bpm or DEFAULT_RESTING_BPM,
        sex=knowledge.sex,
        weight_kg=weight.value if weight else None,
        weight_age_days=(day - weight.as_of).days if weight else None,
    )


@dataclass(frozen=True, slots=True)
class RelateTask:
    """The stale activities of one archive month."""

    handle: str
    month: str
    store: ObjectStore
    profile_id: UUID
    relations: Mapping[UUID, Relation]


@dataclass(frozen=True, slots=True)
class Related:
    """Rows of `activity_metrics` of the grain `athlete` as COPY takes them, and the activities that they are all of."""

    rows: CopyBlock
    activity_ids: frozenset[UUID]


def relate(task: RelateTask) -> Related:
    """The rows for those of the task's activities whose signals are there.

    Raises `StorageError` where the Parquet cannot be read.
    """
    rows: list[dict[str, Any]] = []
    found = read_signals(task.store.get(layout.signals(task.handle, task.month)), task.relations)
    for activity_id, signals in found.items():
        relation = task.relations[activity_id]
        inputs = RelativeInputs(signals, relation.known, relation.stored, relation.best_watts)
        rows += [
            {
                "activity_id": activity_id,
                "metric": metric.name,
                "profile_id": task.profile_id,
                "value": round(metric.value, 4),
                "unit": metric.unit,
                "grain": ATHLETE_GRAIN,
            }
            for metric in relative_metrics(inputs)
        ]
    return Related(encode_rows(activity_metrics, rows), frozenset(found))
