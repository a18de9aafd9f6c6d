"""Jobs: one takes an athlete from dropped file to notification, the other does what the calendar alone changes."""

from __future__ import annotations

import dagster as dg

from perf_pipeline.defs.athletes import STAGE_ORDER
from perf_pipeline.defs.partitions import ATHLETES

CALENDAR_STAGES = ("threshold_models", "activity_loads", "daily_fitness", "notifications")

# A run is a process of its own already; a second one per step would only add seconds.
athlete_job = dg.define_asset_job(
    "athlete_job",
    selection=dg.AssetSelection.assets(*STAGE_ORDER),  # with the checks of these assets
    partitions_def=ATHLETES,
    executor_def=dg.in_process_executor,
    description="Brings athletes up to date: intake, streams, activities, efforts, thresholds, fitness, notifications.",
)
calendar_job = dg.define_asset_job(
    "calendar_job",
    selection=dg.AssetSelection.assets(*CALENDAR_STAGES),
    partitions_def=ATHLETES,
    executor_def=dg.in_process_executor,
    description="What a new day alone changes: efforts leave the 90-day window, fitness decays.",
)
