"""Writes `notifications`: what the athlete should hear of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Integer, Text, Uuid, and_, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from perf_pipeline.physiology.milestones import KnownThreshold
from perf_pipeline.physiology.records import Record
from perf_pipeline.physiology.recovery import Baseline
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.fitness import fitness_version
from perf_pipeline.pipeline.history.freshness import AHEAD_OF_UTC, Settled, turn
from perf_pipeline.pipeline.history.records import read_records
from perf_pipeline.pipeline.history.writing import NOTHING_DONE, replace_changed
from perf_pipeline.pipeline.series import FIRST_CREDIBLE_DAY, local_day
from perf_pipeline.pipeline.stages import notifications
from perf_pipeline.pipeline.stages.alert_notices import FitnessDay
from perf_pipeline.pipeline.stages.notifications import Facts
from perf_pipeline.pipeline.stages.record_notices import NotedActivity, Source, record_notice_id
from perf_pipeline.storage.tables import (
    activities,
    activity_efforts,
    daily_fitness,
    daily_wellness,
    month_outputs,
    profiles,
    source_files,
    threshold_models,
)
from perf_pipeline.storage.tables import notifications as notifications_table
from perf_pipeline.storage.warehouse import Lease, Warehouse

WITH_INTERVAL = ("critical_power", "critical_speed")
"""Models whose threshold carries an interval: only of these can a gain be told from noise."""


STAGE = "notifications"


def notification_version() -> str:
    """Code version of the stage and of those whose rows it reads."""
    stages = code_version("perf_pipeline.pipeline.stages.notifications", "perf_pipeline.pipeline.history.records")
    return stages + fitness_version()


def update_notifications(
    warehouse: Warehouse, lease: Lease, today: date, *, full_refresh: bool = False
) -> dict[str, int]:
    """What the athlete should hear of; `is_read` is kept, what has lost its ground is withdrawn."""
    version = notification_version()
    history = Settled(lease.profile_id, STAGE, version, notifications_table)
    with turn(warehouse, lease, STAGE, today, version, notifications_table, full_refresh=full_refresh) as mine:
        if mine.current:
            return NOTHING_DONE
        with warehouse.begin() as connection:
            settled = None if full_refresh else history.until(connection)
            series = _activities(connection, lease.profile_id, today)
            records = read_records(connection, lease.profile_id, series)
            told = {one.id for one in series if str(one.id) in records and _is_over(one, settled)}
            facts = _facts(connection, lease.profile_id, today, series, records, told)
        rows = notifications.rows(lease.profile_id, facts)
        kept = [(record_notice_id(lease.profile_id, activity_id),) for activity_id in told]
        counts = replace_changed(
            lease, notifications_table, rows, ("id",), keep={"is_read", "created_at"}, untouched=kept
        )
        with lease.transaction() as connection:
            history.note(connection, today, settled)
        mine.done = True
    return counts


def _is_over(activity: NotedActivity, settled: date | None) -> bool:
    """Whether the activity was over when nothing had changed yet: so what it told of records, it tells."""
    if settled is None:
        return False
    ended = activity.started_at + timedelta(seconds=activity.duration_seconds)
    return activity.day <= settled and ended.date() <= settled + AHEAD_OF_UTC


def _facts(
    connection: Connection,
    profile_id: UUID,
    today: date,
    series: Sequence[NotedActivity],
    records: Mapping[str, Sequence[Record]],
    told: Collection[UUID],
) -> Facts:
    """All facts, but for the records of activities that are `told` already."""
    new = {key: records[key] for key in records if UUID(key) not in told}
    return Facts(
        series,
        new,
        _sources(connection, profile_id, new),
        _fitness(connection, profile_id, today),
        _thresholds(connection, profile_id, today),
        _baselines(connection, profile_id, "hrv_ms", today),
        _baselines(connection, profile_id, "resting_hr_bpm", today),
    )


def _activities(connection: Connection, profile_id: UUID, today: date) -> list[NotedActivity]:
    zone = connection.scalar(select(profiles.c.timezone).where(profiles.c.id == profile_id))
    table = activities.c
    query = (
        select(
            table.id, table.type, table.name, table.started_at, table.utc_offset_seconds, table.timezone,
            table.duration_seconds, table.distance_meters, table.elevation_gain_meters,
        )
        .where(table.profile_id == profile_id, table.superseded_by.is_(None))
        .order_by(table.started_at, table.id)
    )  # fmt: skip
    found = []
    for row in connection.execute(query):
        day = local_day(row.started_at, row.utc_offset_seconds, row.timezone, zone)
        if day >= FIRST_CREDIBLE_DAY and row.started_at.astimezone(UTC).date() <= today:
            found.append(
                NotedActivity(
                    row.id, row.type, row.name, row.started_at, day, row.duration_seconds, row.distance_meters or 0,
                    row.elevation_gain_meters or 0.0,
                )
            )  # fmt: skip
    return found


def _sources(connection: Connection, profile_id: UUID, records: Mapping[str, Sequence[Record]]) -> dict[str, Source]:
    """The evidence behind these records, by the activity that holds them."""
    evidence: dict[UUID, dict[tuple[str, float], Mapping[str, Any]]] = defaultdict(dict)
    table, wanted = activity_efforts.c, [UUID(key) for key in records]
    efforts = [record.effort for of_one in records.values() for record in of_one]
    lists = [
        cast([UUID(effort.activity_id) for effort in efforts], ARRAY(Uuid)),
        cast([effort.effort_type for effort in efforts], ARRAY(Text)),
        cast([effort.duration_seconds for effort in efforts], ARRAY(Integer)),
    ]
    told = func.unnest(*lists).table_valued("activity", "type", "seconds").render_derived(name="told")
    query = select(
        table.activity_id, table.effort_type, table.duration_seconds, table.distance_meters, table.evidence
    ).where(
        table.activity_id == told.c.activity, cast(table.effort_type, Text) == told.c.type,
        table.duration_seconds == told.c.seconds,
    )  # fmt: skip
    for row in connection.execute(query):
        length = float(row.duration_seconds if row.distance_meters is None else row.distance_meters)
        evidence[row.activity_id][row.effort_type, length] = row.evidence
    of, outputs = activities.c, month_outputs.c
    query = (
        select(of.id, source_files.c.sha256, of.session_index, of.anomalies, outputs.code_version)
        .join(source_files, source_files.c.id == of.source_file_id)
        .outerjoin(
            month_outputs,
            and_(
                outputs.profile_id == of.profile_id,
                outputs.month == of.archive_month,
                outputs.stage == "activity_efforts",
            ),
        )
        .where(of.profile_id == profile_id, of.id.in_(wanted))
    )
    return {
        str(row.id): Source(row.sha256, row.session_index, row.anomalies, row.code_version, evidence[row.id])
        for row in connection.execute(query)
    }


def _fitness(connection: Connection, profile_id: UUID, today: date) -> list[FitnessDay]:
    table = daily_fitness.c
    query = (
        select(table.date, table.load, table.ctl, table.tsb, table.ramp, table.monotony)
        .where(table.profile_id == profile_id, ~table.projected, table.date <= today)
        .order_by(table.date)
    )
    return [FitnessDay(*row) for row in connection.execute(query)]


def _thresholds(connection: Connection, profile_id: UUID, today: date) -> list[KnownThreshold]:
    """What was said last as of each day, where an interval was said with it."""
    table = threshold_models.c
    query = (
        select(
            table.sport, table.model, table.as_of, table.threshold, table.threshold_low, table.threshold_high,
            table.unit,
        )
        .where(table.profile_id == profile_id, table.as_of <= today, table.model.in_(WITH_INTERVAL))
        .order_by(table.version)
    )  # fmt: skip
    newest = {(row.sport, row.model, row.as_of): row for row in connection.execute(query)}
    return [
        KnownThreshold(*row)
        for row in newest.values()
        if row.threshold is not None and row.threshold_low is not None and row.threshold_high is not None
    ]


def _baselines(connection: Connection, profile_id: UUID, metric: str, today: date) -> dict[date, Baseline]:
    table = daily_wellness.c
    query = select(table.date, table.mean_7d, table.mean_60d, table.sd_60d, table.valid_60d).where(
        table.profile_id == profile_id, table.metric_type == metric, table.date <= today
    )
    return {
        row.date: Baseline(row.mean_7d, row.mean_60d, row.sd_60d, row.valid_60d)
        for row in connection.execute(query)
        if None not in (row.mean_7d, row.mean_60d, row.sd_60d)
    }
