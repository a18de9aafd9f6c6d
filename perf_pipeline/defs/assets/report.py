"""The athlete's report: one self-contained page in object storage."""

import base64
from collections.abc import Sequence

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, for_each_athlete
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER
from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.report.facts import Facts
from perf_pipeline.pipeline.report.sketches import curve_sketch, fitness_sketch, threshold_sketch
from perf_pipeline.pipeline.report.writing import update_report


@dg.asset(
    deps=[
        "activities",
        "activity_efforts",
        "threshold_models",
        "activity_loads",
        "relative_metrics",
        "daily_fitness",
        "capability_predictions",
        "workout_adaptations",
        "notifications",
    ],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="marts",
    kinds={"python", "html", "s3"},
    owners=[OWNER],
    code_version=code_version("perf_pipeline.pipeline.report.writing"),
    metadata={"path": "reports/athlete=<athlete>/report.html"},
    description=(
        "One self-contained HTML page an athlete: fitness, power and pace curves against the past, thresholds with "
        "their intervals, load, records with evidence, zones, predictions, adapted workouts, data quality. "
        "Works offline."
    ),
)
def athlete_report(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    shown: dict[str, dg.MetadataValue] = {}

    def work(turn: AthleteWork) -> dict[str, int]:
        services = turn.services
        facts, written = update_report(
            services.store, services.warehouse, turn.lease, turn.handle, turn.today, full_refresh=scope.full_refresh
        )
        # The last athlete of a run stands for its others: metadata is no place for a thousand pictures.
        shown.clear()
        shown["report"] = dg.MetadataValue.path(services.store.url(layout.report(turn.handle, "html")))
        shown.update(_pictures(facts))
        return {"written": int(written)}

    totals = for_each_athlete(context, pipeline, scope, progress, "athlete_report", work)
    return dg.MaterializeResult(metadata={**totals.metadata(), **shown})


def _pictures(facts: Facts) -> dict[str, dg.MetadataValue]:
    sketches: Sequence[tuple[str, str | None]] = (
        ("fitness", fitness_sketch(facts["fitness"])),
        ("best power of the last 90 days", curve_sketch(facts["power"])),
        ("critical power", threshold_sketch(facts["thresholds"], "bike", "critical_power")),
        ("critical speed", threshold_sketch(facts["thresholds"], "run", "critical_speed")),
    )
    return {
        name: dg.MetadataValue.md(f"![{name}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})")
        for name, svg in sketches
        if svg is not None
    }
