"""Writes `workout_completions`: which activity did which planned workout, and how well each interval was held."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from perf_pipeline.physiology.compliance import Compliance
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.writing import replace_changed
from perf_pipeline.pipeline.series import local_day
from perf_pipeline.pipeline.stages import workout_completions as stage
from perf_pipeline.pipeline.stages.workout_adaptations import model_of
from perf_pipeline.pipeline.stages.workout_completions import Asked, Candidate
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.sessions import StoredSession
from perf_pipeline.storage.streams import read_sessions
from perf_pipeline.storage.tables import (
    activities,
    activity_outputs,
    month_outputs,
    planned_workouts,
    profiles,
    threshold_models,
    workout_adaptations,
    workout_completions,
)
from perf_pipeline.storage.warehouse import Lease, Warehouse

STAGE = "workout_completions"
Row = Mapping[str, Any]
Pair = tuple[UUID, UUID]


@dataclass(slots=True)
class _Known:
    """What the matching looks at, by id or by (sport, model)."""

    planned: dict[UUID, Row]
    candidates: dict[UUID, Candidate]
    adaptations: dict[UUID, list[Row]] = field(default_factory=dict)
    thresholds: dict[tuple[str, str], list[tuple[date, float]]] = field(default_factory=dict)
    streams: dict[str, str] = field(default_factory=dict)

    def asked(self, pair: Pair) -> Asked:
        """What was asked for on the activity's day: the last adaptation of that day or before, else the plan."""
        planned, day = self.planned[pair[0]], self.candidates[pair[1]].day
        said = [row for row in self.adaptations.get(pair[0], ()) if row["as_of"] <= day and row["steps"]]
        if said:
            return Asked(planned, said[-1]["steps"], float(said[-1]["readiness"]["threshold"]))
        held = [value for as_of, value in self.thresholds.get(model_of(planned) or ("", ""), ()) if as_of <= day]
        return Asked(planned, None, held[-1] if held else None)

    def digest(self, version: str, pair: Pair) -> str:
        asked = self.asked(pair)
        candidate = self.candidates[pair[1]]
        told = [
            version, asked.planned["input_hash"], asked.handed_out, asked.threshold, candidate.id, candidate.day,
            candidate.moving_seconds, self.streams.get(candidate.archive_month),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told, default=str, sort_keys=True).encode()).hexdigest()[:32]


def update_completions(
    store: ObjectStore, warehouse: Warehouse, lease: Lease, handle: str, today: date, *, full_refresh: bool = False
) -> dict[str, int]:
    """Matches activities with planned workouts by time, sport and shape.

    Pairs that could belong together fall into groups that share nothing; a group of which nothing has changed is left
    as it is, and no stream of it is read.
    """
    version = code_version("perf_pipeline.pipeline.stages.workout_completions")
    with warehouse.begin() as connection:
        known = _known(connection, lease.profile_id, today)
        pairs = _pairs(known)
        if pairs:
            _add_details(connection, lease.profile_id, known)
        done = {row["activity_id"]: dict(row) for row in _mine(connection, workout_completions, lease.profile_id)}
        held = {
            row["activity_id"]: row["fingerprint"]
            for row in _mine(connection, activity_outputs, lease.profile_id)
            if row["stage"] == STAGE
        }
    rows: list[dict[str, Any]] = []
    fingerprints: dict[UUID, str] = {}
    months = _Months(store, handle)
    for group in stage.components(pairs):
        digests = {pair: known.digest(version, pair) for pair in group}
        fingerprint = hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest()[:32]
        members = sorted({activity for _, activity in group}, key=str)
        fingerprints |= dict.fromkeys(members, fingerprint)
        if not full_refresh and all(held.get(activity) == fingerprint for activity in members):
            rows += [done[activity] for activity in members if activity in done]
            continue
        scores = {pair: found for pair in group if (found := _compared(known, pair, months)) is not None}
        for workout, activity in stage.assigned(scores).items():
            pair = (workout, activity)
            rows.append(stage.row(lease.profile_id, workout, activity, scores[pair], digests[pair]))
    counts = replace_changed(lease, workout_completions, rows, ("planned_workout_id",))
    _note(lease, {one: told for one, told in fingerprints.items() if held.get(one) != told})
    return {"pairs": len(pairs), "streams_read": months.read, "completed": counts["rows"]}


def _pairs(known: _Known) -> list[Pair]:
    lengths = {key: stage.seconds_of(planned) for key, planned in known.planned.items()}
    return [
        (key, candidate.id)
        for key, planned in known.planned.items()
        for candidate in known.candidates.values()
        if stage.may_match(planned, lengths[key], candidate)
    ]


def _compared(known: _Known, pair: Pair, months: _Months) -> Compliance | None:
    """How the activity fits the plan, None where it does not well enough."""
    candidate = known.candidates[pair[1]]
    plan = stage.template(known.asked(pair))
    stored = months.session(candidate) if plan is not None else None
    if plan is None or stored is None:
        return None
    quantity, stretches = plan
    values = stage.series(stored, candidate.sport, quantity)
    if values is None:
        return None
    found = stage.compare(stretches, values)
    return found if found.score >= stage.limit(known.planned[pair[0]], candidate) else None


class _Months:
    """Months of Parquet, read once each while one is needed."""

    def __init__(self, store: ObjectStore, handle: str) -> None:
        self._store, self._handle = store, handle
        self._month = ""
        self._sessions: dict[UUID, StoredSession] = {}
        self.read = 0

    def session(self, candidate: Candidate) -> StoredSession | None:
        if candidate.archive_month != self._month:
            self._month = candidate.archive_month
            sessions = self._store.get(layout.sessions(self._handle, self._month))
            streams = self._store.get(layout.streams(self._handle, self._month))
            self._sessions = {one.activity_id: one for one in read_sessions(sessions, streams)}
            self.read += 1
        return self._sessions.get(candidate.id)


def _mine(connection: Connection, table: Any, profile_id: UUID) -> Sequence[Row]:
    return [dict(row) for row in connection.execute(select(table).where(table.c.profile_id == profile_id)).mappings()]


def _known(connection: Connection, profile_id: UUID, today: date) -> _Known:
    """Workouts that could be done by now, and the activities of their days."""
    planned = [
        dict(row)
        for row in _mine(connection, planned_workouts, profile_id)
        if row["refusal"] is None and (row["planned_date"] or row["received_on"]) <= today + timedelta(days=1)
    ]
    if not planned:
        return _Known({}, {})
    first = min(row["planned_date"] or row["received_on"] for row in planned) - timedelta(days=2)
    zone = connection.scalar(select(profiles.c.timezone).where(profiles.c.id == profile_id))
    done = activities.c
    query = (
        select(
            done.id, done.type, done.started_at, done.utc_offset_seconds, done.timezone, done.moving_seconds,
            done.archive_month,
        )
        .where(done.profile_id == profile_id, done.superseded_by.is_(None))
        .where(done.type.in_({row["sport"] for row in planned if row["sport"]}))
        .where(done.started_at >= datetime.combine(first, time(), UTC))
        .order_by(done.archive_month, done.started_at, done.id)
    )  # fmt: skip
    found = [
        Candidate(
            row.id, row.type, local_day(row.started_at, row.utc_offset_seconds, row.timezone, zone), row.moving_seconds,
            row.archive_month,
        )
        for row in connection.execute(query)
    ]  # fmt: skip
    return _Known({row["id"]: row for row in planned}, {one.id: one for one in found})


def _add_details(connection: Connection, profile_id: UUID, known: _Known) -> None:
    said = workout_adaptations.c
    for row in connection.execute(
        select(said.planned_workout_id, said.as_of, said.steps, said.readiness)
        .where(said.profile_id == profile_id)
        .order_by(said.as_of, said.version)
    ).mappings():
        known.adaptations.setdefault(row["planned_workout_id"], []).append(dict(row))
    table = threshold_models.c
    for sport, model, as_of, value in connection.execute(
        select(table.sport, table.model, table.as_of, table.threshold)
        .where(table.profile_id == profile_id, table.threshold.is_not(None))
        .order_by(table.as_of, table.version)
    ):
        known.thresholds.setdefault((sport, model), []).append((as_of, value))
    outputs = month_outputs.c
    known.streams = dict(
        connection.execute(
            select(outputs.month, outputs.output_hash).where(
                outputs.profile_id == profile_id, outputs.stage == "activity_streams"
            )
        ).all()
    )


def _note(lease: Lease, fingerprints: Mapping[UUID, str]) -> None:
    if not fingerprints:
        return
    rows = [
        {"activity_id": key, "stage": STAGE, "profile_id": lease.profile_id, "fingerprint": value}
        for key, value in fingerprints.items()
    ]
    with lease.transaction() as connection:
        statement = insert(activity_outputs).values(rows)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[activity_outputs.c.activity_id, activity_outputs.c.stage],
                set_={"fingerprint": statement.excluded.fingerprint},
            )
        )
