"""Jobs: one takes an athlete from dropped file to notification, the others do what the calendar asks for."""

from __future__ import annotations

import dagster as dg

from perf_pipeline.defs.athletes import STAGE_ORDER
from perf_pipeline.defs.row_quality import CHECK, CHECKED_ASSETS
from perf_pipeline.defs.sql_models import PROJECT

ROW_QUALITY = dg.AssetSelection.checks(*(dg.AssetCheckKey(dg.AssetKey(a), CHECK) for a in CHECKED_ASSETS))
ARCHIVE_CARE = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("source_files"), "archive_is_whole"))
NIGHTLY = ROW_QUALITY | ARCHIVE_CARE

# A run that fails names its athletes in its last step; to begin again there would leave out what failed before.
RETRY_WHOLE_RUN = {"dagster/retry_strategy": "ALL_STEPS"}

# A run is a process of its own already; a second one per step would only add seconds.
athlete_job = dg.define_asset_job(
    "athlete_job",
    selection=dg.AssetSelection.assets(*STAGE_ORDER) - NIGHTLY,
    executor_def=dg.in_process_executor,
    tags=RETRY_WHOLE_RUN,
    description="Brings athletes up to date: intake, streams, activities, efforts, thresholds, fitness, notifications.",
)
# All stages and not only those that know a calendar: an athlete whose run failed after intake has an empty inbox, which
# asks for nothing, and would wait for the next file; files of the quarantine are tried again when the readers changed.
calendar_job = dg.define_asset_job(
    "calendar_job",
    selection=dg.AssetSelection.assets(*STAGE_ORDER) - NIGHTLY,
    executor_def=dg.in_process_executor,
    tags=RETRY_WHOLE_RUN,
    description="A new day: efforts leave the 90-day window, fitness decays, and whatever was left behind is made up.",
)
marts_job = dg.define_asset_job(
    "marts_job",
    selection=dg.AssetSelection.assets(*PROJECT.models),
    executor_def=dg.in_process_executor,
    description="SQL models: definitions put in place, what is stored refreshed, all of their tests.",
)
quality_job = dg.define_asset_job(
    "quality_job",
    selection=ROW_QUALITY,
    executor_def=dg.in_process_executor,
    description="Rows written lately against the expectations of their tables (full_refresh: everybody's).",
)
archive_job = dg.define_asset_job(
    "archive_job",
    selection=ARCHIVE_CARE,
    executor_def=dg.in_process_executor,
    description="A slice of the archive read again and hashed: bit rot and loss are known in time.",
)
