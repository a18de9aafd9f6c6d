"""Stage `athlete_report`: the page and its facts in object storage, written only when the facts differ."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.freshness import turn
from perf_pipeline.pipeline.report.facts import Facts, gather
from perf_pipeline.pipeline.report.page import render, template_version
from perf_pipeline.storage.errors import ObjectMissingError
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.warehouse import Lease, Warehouse

STAGE = "athlete_report"

# What the page tells beside that which reaches every stage: what the stages before it were last brought up to date
# with, the athlete's name, files in quarantine, and workouts.
_STATE = text(
    """
    select
        (select md5(string_agg(stage || fingerprint, ',' order by stage))
         from athlete_outputs where profile_id = :profile and stage <> 'athlete_report'),
        (select handle || '|' || coalesce(display_name, '') from profiles where id = :profile),
        (select md5(string_agg(id || coalesce(reason, ''), ',' order by id))
         from source_files where profile_id = :profile and status = 'quarantined'),
        (select md5(string_agg(id || input_hash, ',' order by id)) from planned_workouts where profile_id = :profile),
        (select count(*) || '|' || coalesce(max(computed_at)::text, '')
         from workout_adaptations where profile_id = :profile),
        (select md5(string_agg(planned_workout_id || input_hash, ',' order by planned_workout_id))
         from workout_completions where profile_id = :profile)
    """
)


def update_report(
    store: ObjectStore, warehouse: Warehouse, lease: Lease, handle: str, today: date, *, full_refresh: bool = False
) -> tuple[Facts, bool]:
    """The facts as of today, and whether the page was written anew.

    `report.json` holds the facts for whoever wants them without the page. It is put last: where it is there, so is the
    page that tells the same. Where nothing has changed that the page could tell, the facts are those of `report.json`,
    for which the tables are not asked; with `full_refresh` they always are.
    """
    key = layout.report(handle, "json")
    held = _held(store, key)
    with warehouse.begin() as connection:
        version = _version(connection, lease.profile_id)
    with turn(warehouse, lease, STAGE, today, version, None, full_refresh=full_refresh) as mine:
        if mine.current and held is not None:
            return _facts_of(held), False
        with warehouse.begin() as connection:
            facts = gather(connection, lease.profile_id, today)
        told = _told(today, facts)
        if told != held:
            store.put(layout.report(handle, "html"), render(handle, today, facts).encode())
            store.put(key, told)
        mine.done = True
    return facts, told != held


def _version(connection: Connection, profile_id: UUID) -> str:
    """Of the code, the template, and what the page could tell."""
    state = connection.execute(_STATE, {"profile": profile_id}).one()
    return f"{code_version('perf_pipeline.pipeline.report.writing')} {template_version()} {tuple(state)!r}"


def _told(today: date, facts: Facts) -> bytes:
    version = code_version("perf_pipeline.pipeline.report.page")
    about = {"as_of": today, "version": version, "template": template_version()}
    return json.dumps({**about, **facts}, default=str, sort_keys=True).encode()


def _held(store: ObjectStore, key: str) -> bytes | None:
    try:
        return store.get(key)
    except ObjectMissingError:
        return None


def _facts_of(held: bytes) -> Facts:
    """The facts as `_told` wrote them; days are days again."""
    told: dict[str, Any] = json.loads(held)
    facts = {name: rows for name, rows in told.items() if isinstance(rows, list)}
    for rows in facts.values():
        for row in rows:
            row.update({name: date.fromisoformat(row[name]) for name in ("day", "week", "as_of") if row.get(name)})
    return facts
