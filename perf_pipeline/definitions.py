"""The one graph that UI, command line and tests use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from perf_pipeline.defs.alerts import alert_on_failure, alert_on_faults
from perf_pipeline.defs.archive_check import archive_is_whole
from perf_pipeline.defs.assets.duplicates import activity_duplicates
from perf_pipeline.defs.assets.fitness import activity_loads, daily_fitness
from perf_pipeline.defs.assets.months import athlete_months
from perf_pipeline.defs.assets.notifications import notifications
from perf_pipeline.defs.assets.planning import planned_workouts, workout_adaptations
from perf_pipeline.defs.assets.predictions import capability_predictions, prediction_backtest
from perf_pipeline.defs.assets.relative_metrics import impulse_response_models, relative_metrics
from perf_pipeline.defs.assets.report import athlete_report
from perf_pipeline.defs.assets.source_files import source_files
from perf_pipeline.defs.assets.thresholds import threshold_models
from perf_pipeline.defs.assets.wellness import daily_wellness
from perf_pipeline.defs.decoder_agreement import decoder_agreement
from perf_pipeline.defs.jobs import archive_job, athlete_job, calendar_job, marts_job, quality_job
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.row_quality import row_quality
from perf_pipeline.defs.schedules import marts_refresh, new_day, nightly_archive, nightly_quality
from perf_pipeline.defs.sensors import inbox_sensor
from perf_pipeline.defs.sql_models import sql_models
from perf_pipeline.settings import load_settings


def build_definitions(resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The whole project. `resource_overrides` replaces resources by name (`pipeline`, `scope`, `progress`)."""
    settings = load_settings()
    resources: dict[str, Any] = {
        "pipeline": PipelineResource(),
        "scope": RunScope(),
        "progress": ProgressResource(),
        **(resource_overrides or {}),
    }
    # The scope is config of the run: it must stay configurable in the launchpad.
    resources["scope"] = resources["scope"] if "scope" in (resource_overrides or {}) else RunScope.configure_at_launch()
    return dg.Definitions(
        assets=[
            source_files,
            athlete_months,
            daily_wellness,
            activity_duplicates,
            threshold_models,
            activity_loads,
            relative_metrics,
            daily_fitness,
            impulse_response_models,
            prediction_backtest,
            capability_predictions,
            planned_workouts,
            workout_adaptations,
            notifications,
            athlete_report,
            sql_models,
        ],
        asset_checks=[decoder_agreement, row_quality, archive_is_whole],
        jobs=[athlete_job, calendar_job, quality_job, archive_job, marts_job],
        sensors=[inbox_sensor(settings.sensor_interval_seconds), alert_on_failure, alert_on_faults],
        schedules=[new_day, nightly_quality, nightly_archive, marts_refresh],
        resources=resources,
        executor=dg.in_process_executor,
        # Dagster's own lines of a run, in the same manner.
        loggers={"console": dg.json_console_logger} if settings.log_format == "json" else None,
    )


defs = build_definitions()
