"""`erase`: what storage and database keep of an athlete, and what Dagster's records tell."""

from __future__ import annotations

from contextlib import suppress

import dagster as dg

from perf_pipeline.defs.back_off import athletes_of_run, busy_athletes
from perf_pipeline.defs.partitions import ATHLETES, key_of
from perf_pipeline.pipeline.erase import erase, traces
from perf_pipeline.pipeline.services import Services
from perf_pipeline.settings import Settings
from perf_pipeline.storage.errors import AthleteBusyError
from perf_pipeline.terminal.running import dagster_instance


def erase_athlete(settings: Settings, handle: str, *, yes: bool) -> tuple[dict[str, int], dict[str, int]]:
    """What was found of the athlete and what is left of it, by place; without `yes` nothing is deleted.

    Raises `AthleteBusyError` while a run of the athlete is waiting or under way: it would bring them back.
    """
    with Services(settings) as services, dagster_instance(settings) as instance:
        found = _everything(services, instance, handle)
        if not yes:
            return found, found
        if not busy_athletes(instance).isdisjoint({handle, key_of(handle)}):
            raise AthleteBusyError(f"a run of {handle} is waiting or under way", "Wait for it to end, then erase again")
        erase(services.store, services.warehouse, handle)
        _forget(instance, handle)
        return found, _everything(services, instance, handle)


def _everything(services: Services, instance: dg.DagsterInstance, handle: str) -> dict[str, int]:
    kept = traces(services.store, services.warehouse, handle)
    return {
        **{f"objects in {top}/": count for top, count in kept.objects.items()},
        **{f"rows of {table}": count for table, count in kept.rows.items()},
        "Dagster runs, with events and logs": len(_runs_about(instance, handle)),
        # A cohort is others' as well, and its name tells of nobody.
        "Dagster partition": int(instance.has_dynamic_partition(ATHLETES.name or "", handle)),
    }


def _runs_about(instance: dg.DagsterInstance, handle: str) -> list[str]:
    """Ids of the runs whose records name the athlete, also of those that others shared."""
    return [run.run_id for run in instance.get_runs() if handle in athletes_of_run(instance, run)]


def _forget(instance: dg.DagsterInstance, handle: str) -> None:
    for run_id in _runs_about(instance, handle):
        with suppress(NotImplementedError):
            instance.compute_log_manager.delete_logs(prefix=[run_id])
        instance.delete_run(run_id)
    if instance.has_dynamic_partition(ATHLETES.name or "", handle):
        instance.delete_dynamic_partition(ATHLETES.name or "", handle)
