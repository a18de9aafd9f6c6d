"""A full refresh that goes on where it was stopped: what has been recomputed since it began is not done again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

REFRESH_TAG = "perf/refresh_began"
"""Tag of a run with `full_refresh`: when the refresh began, in this run or in the one that it takes up."""
REFRESH_OF_TAG = "perf/refresh_of"
"""Tag of such a run of the command line: what it refreshes, so that another scope is another refresh."""
STOPPED = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def refresh_began(context: dg.AssetExecutionContext) -> datetime | None:
    """When the refresh began that this run takes up, or None where it begins one.

    A run that Dagster tries again, or that somebody re-executes, goes on from the first of them.
    """
    run = context.run
    if REFRESH_TAG in run.tags:
        return datetime.fromisoformat(run.tags[REFRESH_TAG])
    if run.root_run_id is None:
        return None
    root = context.instance.get_run_record_by_id(run.root_run_id)
    if root is None:
        return None
    began: datetime = root.create_timestamp
    return began if began.tzinfo else began.replace(tzinfo=UTC)


def refresh_tags(
    instance: dg.DagsterInstance, handle: str, stages: Sequence[str], scope: Mapping[str, Any]
) -> dict[str, str]:
    """Tags of a refresh from the command line: those of the last one of the same scope, where it was stopped."""
    told = json.dumps([handle, sorted(stages), {name: scope.get(name) for name in ("since", "until")}])
    found = instance.get_run_records(dg.RunsFilter(tags={REFRESH_OF_TAG: told}), limit=1)
    last = found[0].dagster_run if found else None
    stopped = last is not None and last.status in STOPPED
    began = last.tags[REFRESH_TAG] if last is not None and stopped else datetime.now(UTC).isoformat()
    return {REFRESH_TAG: began, REFRESH_OF_TAG: told}
