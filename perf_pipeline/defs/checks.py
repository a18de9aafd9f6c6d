"""Asset checks: thin verdicts over `perf_pipeline.pipeline.quality`. They run in the step of their asset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import dagster as dg
from sqlalchemy import func, select

from perf_pipeline.physiology.adaptation import FINISH_LIMIT
from perf_pipeline.pipeline.month_tasks import months_behind
from perf_pipeline.pipeline.quality import (
    agreement_with_devices,
    dangling_duplicates,
    incoherent_efforts,
    quarantine_by_reason,
    thresholds_of_superseded,
)
from perf_pipeline.pipeline.services import Services
from perf_pipeline.storage.ids import profile_id_of
from perf_pipeline.storage.tables import activity_loads, daily_fitness, workout_adaptations


def quarantine_result(services: Services, handles: Sequence[str]) -> dg.AssetCheckResult:
    """Warns while anything is in quarantine. Bad files are the world's fault, not the code's: never an error."""
    with services.warehouse.begin() as connection:
        reasons = quarantine_by_reason(connection, [profile_id_of(h) for h in handles])
    total = sum(reasons.values())
    return dg.AssetCheckResult(
        asset_key="source_files",
        check_name="nothing_in_quarantine",
        passed=total == 0,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"quarantined": total, "reasons": dg.MetadataValue.json(reasons)},
    )


def months_result(services: Services, handles: Sequence[str]) -> dg.AssetCheckResult:
    """Fails while a month is not up to date, whatever the reason."""
    behind = {
        handle: months
        for handle in handles
        if (months := months_behind(services.warehouse, profile_id_of(handle), services.store, handle))
    }
    return dg.AssetCheckResult(
        asset_key="activities",
        check_name="no_month_left_behind",
        passed=not behind,
        metadata={"months_behind": sum(map(len, behind.values())), "months": dg.MetadataValue.json(behind)},
    )


def coherence_result(services: Services, months: Mapping[str, Sequence[str] | None]) -> dg.AssetCheckResult:
    """Fails where an effort contradicts a shorter one of the same activity, in these months (None: all) by athlete."""
    wrong: list[UUID] = []
    with services.warehouse.begin() as connection:
        for handle, chosen in months.items():
            if chosen is None or chosen:
                wrong += incoherent_efforts(connection, [profile_id_of(handle)], chosen)
    return dg.AssetCheckResult(
        asset_key="activity_efforts",
        check_name="efforts_are_coherent",
        passed=not wrong,
        metadata={"incoherent": len(wrong), "efforts": dg.MetadataValue.json([str(i) for i in wrong])},
    )


def found_a_fault(instance: dg.DagsterInstance, asset: str, check: str) -> bool:
    """Whether the newest verdict of the check, whoever it is about, tells of a fault."""
    key = dg.AssetCheckKey(dg.AssetKey(asset), check)
    # Those without a verdict yet come first: the run that asks is one of them.
    told = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    return next((record.status.value for record in told if record.status.value != "PLANNED"), None) == "FAILED"


def agreement_result(services: Services, handles: Sequence[str]) -> dg.AssetCheckResult:
    """Warns where our numbers are not the devices' own in a fifth of the activities or more: some device differs."""
    with services.warehouse.begin() as connection:
        found = agreement_with_devices(connection, [profile_id_of(h) for h in handles])
    differing = [name for name, (count, share) in found.items() if count >= 20 and share < 0.8]
    return dg.AssetCheckResult(
        asset_key="activity_metrics",
        check_name="numbers_agree_with_the_devices",
        passed=not differing,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            **{f"{name}_percent": round(100 * share, 1) for name, (_, share) in found.items()},
            "activities": dg.MetadataValue.json({name: count for name, (count, _) in found.items()}),
        },
    )


def duplicates_result(services: Services, handles: Sequence[str]) -> dg.AssetCheckResult:
    """Fails where an activity gave way to one that is not there, or that gave way itself."""
    with services.warehouse.begin() as connection:
        wrong = dangling_duplicates(connection, [profile_id_of(h) for h in handles])
    return dg.AssetCheckResult(
        asset_key="activity_duplicates",
        check_name="what_is_kept_is_there",
        passed=not wrong,
        metadata={"dangling": len(wrong), "activities": dg.MetadataValue.json([str(i) for i in wrong])},
    )


def carriers_result(services: Services, handles: Sequence[str]) -> dg.AssetCheckResult:
    """Fails where a threshold is carried by an activity that gave way to another recording."""
    with services.warehouse.begin() as connection:
        wrong = thresholds_of_superseded(connection, [profile_id_of(h) for h in handles])
    return dg.AssetCheckResult(
        asset_key="threshold_models",
        check_name="no_duplicate_carries_a_threshold",
        passed=not wrong,
        metadata={"thresholds": dg.MetadataValue.json([str(i) for i in wrong])},
    )


def adaptations_result(services: Services, handles: Sequence[str]) -> dg.AssetCheckResult:
    """Fails where a workout was handed out with an interval that is less likely to be finished than the limit."""
    table = workout_adaptations.c
    with services.warehouse.begin() as connection:
        wrong = connection.scalars(
            select(table.id).where(
                table.profile_id.in_([profile_id_of(h) for h in handles]),
                table.status != "refused",
                table.finish_probability < FINISH_LIMIT,
            )
        ).all()
    return dg.AssetCheckResult(
        asset_key="workout_adaptations",
        check_name="every_interval_can_be_finished",
        passed=not wrong,
        metadata={"below_the_limit": len(wrong), "adaptations": dg.MetadataValue.json([str(i) for i in wrong])},
    )


def fitness_result(services: Services, handles: Sequence[str], today: date) -> dg.AssetCheckResult:
    """Fails where an athlete's fitness does not reach today, or leaves out a day on which there was load."""
    late: dict[str, str] = {}
    with services.warehouse.begin() as connection:
        for handle in handles:
            profile_id = profile_id_of(handle)
            loads = connection.scalar(
                select(func.count()).select_from(activity_loads).where(
                    activity_loads.c.profile_id == profile_id, activity_loads.c.local_date <= today
                )
            )  # fmt: skip
            last = connection.scalar(
                select(func.max(daily_fitness.c.date)).where(
                    daily_fitness.c.profile_id == profile_id, ~daily_fitness.c.projected
                )
            )
            if loads and (last is None or last < today):
                late[handle] = str(last)
    return dg.AssetCheckResult(
        asset_key="daily_fitness",
        check_name="fitness_reaches_today",
        passed=not late,
        metadata={"late": dg.MetadataValue.json(late)},
    )
