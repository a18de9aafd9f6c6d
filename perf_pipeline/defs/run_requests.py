"""Run requests for one athlete or for many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from perf_pipeline.defs.partitions import ATHLETES, key_of, keys_for

SHARED_TAG = "perf/shared"
FAILED_TAG = "perf/failed"
"""Tag of a failed run: whom it failed, separated by commas. The others of a shared run are none the worse for it."""
FEW = 10
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def run_config(athletes: Sequence[str] = (), **scope: Any) -> dict[str, Any]:
    """The run config that names the athletes and whatever else the run's scope says."""
    return {"resources": {"scope": {"config": {"athletes": list(athletes), **scope}}}}


def athletes_of(config: Mapping[str, Any]) -> list[str]:
    """The athletes that a run's config names (see `run_config`)."""
    found: list[str] = config.get("resources", {}).get("scope", {}).get("config", {}).get("athletes", [])
    return found


def one_athlete(handle: str) -> dg.RunRequest:
    return dg.RunRequest(partition_key=key_of(handle), run_config=run_config([handle]))


def many_athletes(
    handles: Sequence[str], partition_order: Sequence[str], *, run_key: str | None = None
) -> dg.RunRequest:
    """One run for many athletes.

    A range covers every key between its ends, whoever that is, so the run config carries the explicit list.
    """
    position = {key: index for index, key in enumerate(partition_order)}
    ordered = sorted(handles, key=lambda handle: position[key_of(handle)])
    return dg.RunRequest(
        run_key=run_key,
        run_config=run_config(ordered),
        tags={RANGE_START: key_of(ordered[0]), RANGE_END: key_of(ordered[-1]), SHARED_TAG: "yes"},
    )


def whole_cohorts(keys: Sequence[str], *, run_key: str) -> dg.RunRequest:
    """One run for all athletes of some cohorts that follow on each other."""
    return dg.RunRequest(
        run_key=run_key, run_config=run_config(), tags={RANGE_START: keys[0], RANGE_END: keys[-1], SHARED_TAG: "yes"}
    )


def register(instance: dg.DagsterInstance, handles: Sequence[str]) -> None:
    """Adds the athletes' partitions (those that exist stay as they are)."""
    name = ATHLETES.name or ""
    # One question each for a few; for many, all that there are cost less.
    if len(handles) <= FEW and all(instance.has_dynamic_partition(name, key_of(handle)) for handle in handles):
        return
    known = set(instance.get_dynamic_partitions(name))
    missing = [key for key in keys_for(handles) if key not in known]
    if missing:
        instance.add_dynamic_partitions(name, missing)
