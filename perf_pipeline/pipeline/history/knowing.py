"""What was known of an athlete by day, read from the tables that hold it."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, select

from perf_pipeline.pipeline.stages.knowledge import Knowledge, KnownThreshold, ThresholdHistory
from perf_pipeline.storage.tables import daily_wellness, profiles, threshold_models


def load_knowledge(connection: Connection, profile_id: UUID) -> Knowledge:
    """All thresholds, the resting heart rate and the weight by day, and the athlete's sex."""
    return Knowledge(
        _histories(connection, profile_id),
        _measured(connection, profile_id, "resting_hr_bpm"),
        _measured(connection, profile_id, "weight_kg"),
        connection.scalar(select(profiles.c.sex).where(profiles.c.id == profile_id)),
    )


def _histories(connection: Connection, profile_id: UUID) -> dict[tuple[str, str], ThresholdHistory]:
    table = threshold_models.c
    query = (
        select(table.sport, table.model, table.as_of, table.threshold, table.capacity)
        .where(table.profile_id == profile_id)
        .order_by(table.as_of, table.version)
    )
    newest: dict[tuple[str, str], dict[date, tuple[float | None, float | None]]] = defaultdict(dict)
    for sport, model, as_of, threshold, capacity in connection.execute(query):
        newest[sport, model][as_of] = threshold, capacity  # what was said last of a day is what counts
    return {
        key: ThresholdHistory(
            [
                KnownThreshold(as_of, value, capacity)
                for as_of, (value, capacity) in answers.items()
                if value is not None
            ]
        )
        for key, answers in newest.items()
    }


def _measured(connection: Connection, profile_id: UUID, metric: str) -> ThresholdHistory:
    """The days on which it was measured, by the source of the day."""
    table = daily_wellness.c
    query = (
        select(table.date, table.value)
        .where(table.profile_id == profile_id, table.metric_type == metric, table.age_days == 0)
        .order_by(table.date)
    )
    return ThresholdHistory([KnownThreshold(day, value) for day, value in connection.execute(query)])
