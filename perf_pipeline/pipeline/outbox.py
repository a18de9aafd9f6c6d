"""The outbox: adapted workouts as files that devices and trainers load."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from perf_pipeline.formats.workouts import Workout, from_plain
from perf_pipeline.formats.workouts_erg import write_erg
from perf_pipeline.formats.workouts_fit import write_fit_workout
from perf_pipeline.formats.workouts_zwo import write_zwo
from perf_pipeline.pipeline import layout
from perf_pipeline.storage.objects import ObjectStore

Row = Mapping[str, Any]
_LONGEST_SLUG = 60


def export_keys(planned: Row, adaptation: Row) -> list[str]:
    """Names in the outbox of the files that can be made of an adaptation: one for each format that can say it."""
    stem = f"{planned['planned_date'] or 'undated'}-{_slug(planned['name'])}-{str(planned['id'])[:8]}"
    return [f"{stem}.{extension}" for extension in ("fit", "zwo", "erg") if _bytes(extension, planned, adaptation)]


def export(store: ObjectStore, handle: str, wanted: Mapping[str, tuple[Row, Row]], *, fresh: Collection[UUID]) -> None:
    """Puts the files that are new or not there. `wanted`: planned workout and adaptation by name."""
    held = {info.key for info in store.list(layout.outbox(handle))}
    for name, (planned, adaptation) in wanted.items():
        key = layout.outbox(handle, name)
        if adaptation["id"] in fresh or key not in held:
            data = _bytes(name.rpartition(".")[2], planned, adaptation)
            if data is not None:
                store.put(key, data)


def sweep(store: ObjectStore, handle: str, wanted: Collection[str]) -> int:
    """Takes out of the outbox what no adaptation that holds has made; says how many files."""
    kept = {layout.outbox(handle, name) for name in wanted}
    stale = [info.key for info in store.list(layout.outbox(handle)) if info.key not in kept]
    store.delete_many(stale)
    return len(stale)


def _bytes(extension: str, planned: Row, adaptation: Row) -> bytes | None:
    """The file, None where its format cannot say this workout (a ramp of speed in ERG, a lap button in ZWO)."""
    workout = Workout(
        planned["name"], planned["sport"], from_plain(adaptation["steps"]), planned["planned_date"],
        adaptation["explanation"],
    )  # fmt: skip
    threshold = float(adaptation["readiness"]["threshold"])
    try:
        match extension:
            case "fit":
                return write_fit_workout(workout, created=dt.datetime.combine(adaptation["as_of"], dt.time(), dt.UTC))
            case "zwo":
                return write_zwo(workout, threshold)
            case _:
                return write_erg(workout, threshold)
    except ValueError:
        return None


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_SLUG] or "workout"
