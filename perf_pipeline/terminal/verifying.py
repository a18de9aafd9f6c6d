"""`verify`: an athlete is rebuilt from the archive alone, beside what is there, and both are compared."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import dagster as dg
from sqlalchemy import func, select

from perf_pipeline.defs.resources import PipelineResource, Progress
from perf_pipeline.pipeline.services import Services, warehouse_url
from perf_pipeline.pipeline.verify import Comparison, compare, scratch_schema
from perf_pipeline.settings import Settings
from perf_pipeline.storage.ids import profile_id_of
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.objects_overlay import overlay_url
from perf_pipeline.storage.tables import daily_fitness
from perf_pipeline.terminal.running import run_athlete


class VerifyError(Exception):
    """The rebuild that was to be compared did not succeed."""


def verify_athlete(services: Services, handle: str, progress: Progress) -> Comparison:
    """Rebuilds the athlete as of the day of what is stored; nobody else works on the athlete meanwhile.

    The rebuild goes to a schema and a folder of its own, which are gone afterwards. Raises `VerifyError`.
    """
    profile_id = profile_id_of(handle)
    settings = services.settings
    with (
        services.athlete(handle, "verify"),
        scratch_schema(services.warehouse) as schema,
        TemporaryDirectory(prefix="perf-verify-") as folder,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        with services.warehouse.begin() as connection:
            newest = select(func.max(daily_fitness.c.date)).where(~daily_fitness.c.projected)
            today = connection.scalar(newest.where(daily_fitness.c.profile_id == profile_id))
        beside = overlay_url(Path(folder), settings.resolved_storage_url, ["archive", "quarantine"])
        overrides = {**_quiet(), "storage_url": beside, "database_url": _in_schema(warehouse_url(settings), schema)}
        scope: dict[str, Any] = {"agreement_sample": 0, **({"today": today.isoformat()} if today else {})}
        succeeded, reason = run_athlete(
            instance, handle, progress=progress, pipeline=PipelineResource(overrides=overrides), **scope
        )
        if not succeeded:
            raise VerifyError(f"the rebuild of {handle} failed: {reason}")
        return compare(services.warehouse, schema, services.store, ObjectStore.from_url(beside), handle, profile_id)


def _in_schema(url: str, schema: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}options={quote(f'-csearch_path={schema}')}"


def _quiet() -> dict[str, str]:
    """Whatever would speak to the outside is switched off: nobody is to hear of a rebuild for comparison."""
    return {name: "" for name in Settings.model_fields if name.startswith(("notify", "notification", "apprise"))}
