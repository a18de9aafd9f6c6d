"""The seven assets of the unit of work. They share a step, so that a month is read once and committed once."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, StageTotals, athletes_of_turn, for_each_athlete
from perf_pipeline.defs.checks import agreement_result, coherence_result, found_a_fault, months_result
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, lineage, metric_metadata, parquet_schema, table_metadata
from perf_pipeline.physiology.metrics import REGISTRY
from perf_pipeline.pipeline.month_tasks import stage_versions
from perf_pipeline.pipeline.month_work import (
    ACTIVITIES,
    CURVES,
    EFFORTS,
    METRICS,
    MONTH_STAGES,
    PROFILE_METRICS,
    SIGNALS,
    STREAMS,
)
from perf_pipeline.pipeline.months import MonthsFailedError, bring_up_to_date
from perf_pipeline.storage.curves import CURVES_SCHEMA
from perf_pipeline.storage.signals import SIGNALS_SCHEMA
from perf_pipeline.storage.streams import STREAMS_SCHEMA
from perf_pipeline.storage.tables import activities, activity_efforts, activity_metrics, profile_metrics

VERSIONS = stage_versions()


def _spec(
    stage: str, deps: list[str], group: str, kinds: set[str], metadata: dict[str, Any], text: str
) -> dg.AssetSpec:
    return dg.AssetSpec(
        stage, deps=deps, group_name=group, kinds={"python", *kinds}, owners=[OWNER], metadata=metadata,
        code_version=VERSIONS[stage], skippable=True, description=text,
    )  # fmt: skip


SPECS = [
    _spec(
        STREAMS, ["source_files"], "activities", {"parquet"},
        {"path": "streams/athlete=<athlete>/month=<YYYY-MM>/streams.parquet", **parquet_schema(STREAMS_SCHEMA)},
        "Every archived activity file decoded: records and sessions as Parquet in Hive layout, faithful to the file.",
    ),
    _spec(
        ACTIVITIES, [STREAMS], "activities", {"postgres"},
        {**table_metadata(activities), **lineage(
            activities, fit_file_path=("source_files", "archive_path"), source_file_id=("source_files", "id"),
            archive_month=("source_files", "month"),
        )},
        "What did the athlete do? One row per session, with what cleaning found.",
    ),
    _spec(
        EFFORTS, [STREAMS, ACTIVITIES], "performance", {"postgres"},
        {**table_metadata(activity_efforts), **lineage(
            activity_efforts, activity_id=("activities", "id"), profile_id=("activities", "profile_id"),
            recorded_at=("activities", "started_at"),
        )},
        "How well? The best mean power and speed per duration and the best time per distance of each activity.",
    ),
    _spec(
        CURVES, [STREAMS, ACTIVITIES], "performance", {"parquet"},
        {"path": "curves/athlete=<athlete>/month=<YYYY-MM>/curves.parquet", **parquet_schema(CURVES_SCHEMA)},
        "The mean-maximal curve of power, speed and heart rate of each activity: the best mean over each of about 200 "
        "durations, every second up to 2 min.",
    ),
    _spec(
        SIGNALS, [STREAMS, ACTIVITIES], "performance", {"parquet"},
        {"path": "signals/athlete=<athlete>/month=<YYYY-MM>/signals.parquet", **parquet_schema(SIGNALS_SCHEMA)},
        "What each activity is kept as for thresholds that are not known yet: time at each power, heart rate and "
        "graded speed, and power second by second.",
    ),
    _spec(
        METRICS, [STREAMS, ACTIVITIES], "performance", {"postgres"},
        {
            **table_metadata(activity_metrics), **lineage(activity_metrics, activity_id=("activities", "id")),
            **metric_metadata(REGISTRY.values()),
        },
        "Metrics that need nothing but the activity itself: normalized power, work, decoupling and the like.",
    ),
    _spec(
        PROFILE_METRICS, ["source_files"], "intake", {"postgres"},
        {**table_metadata(profile_metrics), **lineage(
            profile_metrics, source_file_id=("source_files", "id"), profile_id=("source_files", "profile_id"),
        )},
        "Weight, resting heart rate, sleep and HRV from wellness files; the source of each value is kept.",
    ),
]  # fmt: skip

CHECKS = [
    dg.AssetCheckSpec(
        "no_month_left_behind", asset=ACTIVITIES,
        description="every archived month is computed with the files that are there and the code that runs",
    ),
    dg.AssetCheckSpec(
        "efforts_are_coherent", asset=EFFORTS,
        description="best energy never falls with duration, best time never falls with distance, within an activity of "
        "the months written by the run (of all, where the checks alone are asked for, and after a fault)",
    ),
    dg.AssetCheckSpec(
        "numbers_agree_with_the_devices", asset=METRICS,
        description="durations, distances, mean and normalized power, heart rate are those of the devices' summaries",
    ),
]  # fmt: skip


@dg.multi_asset(
    name="athlete_months",
    specs=SPECS,
    check_specs=CHECKS,
    can_subset=True,
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
)
def athlete_months(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> Iterator[Any]:
    selected = frozenset(key.to_user_string() for key in context.selected_asset_keys)

    failed: dict[str, dict[str, str]] = {}
    at_rest: set[str] = set()
    written: dict[str, list[str]] = {}

    def work(turn: AthleteWork) -> dict[str, int]:
        try:
            report = bring_up_to_date(
                turn.services.store,
                turn.services.warehouse,
                turn.lease,
                turn.handle,
                turn.services.executor,
                stages=selected,
                file_timeout_seconds=turn.services.settings.file_timeout_seconds,
                full_refresh=scope.full_refresh,
                refresh_began=turn.refresh_began,
                since=scope.since,
                until=scope.until,
                progress=turn.progress,
            )
        except MonthsFailedError as error:
            # The other months and stages are done, and what comes after them goes on; the run fails at its end.
            report, failed[turn.handle] = error.report, dict(error.failures)
            context.log.exception("athlete %s failed in part", turn.handle)
            pipeline.setbacks[turn.handle] = str(error)
        pipeline.note_decoded(report.decoded)
        written[turn.handle] = report.computed
        if report.at_rest:
            at_rest.add(turn.handle)
        counts = {**report.counts, "months": len(report.computed), "months_skipped": report.skipped}
        return {**counts, "quarantined": report.verdicts["quarantined"]}

    # Where the checks alone are asked for there is no stage to run.
    last = max(selected, key=MONTH_STAGES.index, default=None)
    totals = for_each_athlete(context, pipeline, scope, progress, last, work) if last else StageTotals()
    shared: dict[str, Any] = {name: count for name, count in totals.metadata().items() if "." not in name}
    if failed:
        shared["failed_months"] = dg.MetadataValue.json(failed)
    for stage in MONTH_STAGES:
        if stage in selected:
            yield dg.MaterializeResult(asset_key=stage, metadata={**shared, **totals.metadata(f"{stage}.")})
    checks = {key.name for key in context.selected_asset_check_keys}
    handles = athletes_of_turn(context, scope)
    if "no_month_left_behind" in checks:
        # Whoever was found with nothing to do a moment ago is not planned for a second time.
        yield months_result(pipeline.services, [handle for handle in handles if handle not in at_rest])
    if "numbers_agree_with_the_devices" in checks:
        yield agreement_result(pipeline.services, handles)
    if "efforts_are_coherent" in checks:
        everything = not selected or found_a_fault(context.instance, EFFORTS, "efforts_are_coherent")
        yield coherence_result(pipeline.services, {h: None if everything else written.get(h, []) for h in handles})
