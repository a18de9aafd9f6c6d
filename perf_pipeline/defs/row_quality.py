"""The checks `rows_meet_expectations`: great-expectations over what was written lately, every night and on demand."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from perf_pipeline.defs.athletes import STAGE_ORDER
from perf_pipeline.defs.resources import PipelineResource, RunScope
from perf_pipeline.pipeline.quality import LATELY, athletes_written_lately, in_groups
from perf_pipeline.storage.tables import METADATA

CHECK = "rows_meet_expectations"
WRITTEN_BY = {
    "profiles": "source_files",
    "arrivals": "source_files",
    "month_outputs": "activity_streams",
    "activity_outputs": "relative_metrics",
    "prediction_backtests": "prediction_backtest",
    "workout_completions": "workout_adaptations",
    "deliveries": "notifications",
    "delivery_services": "notifications",
    "archive_checks": "source_files",
}
"""The asset that writes a table, where it does not bear the table's name."""
MOST_ATHLETES = 500
"""Athletes of one night, whose rows were written last: what is left out is told."""


def comes_along(context: dg.AssetCheckExecutionContext) -> bool:
    """Whether the run materializes assets: Dagster then brings along every check of these, asked for or not.

    A nightly check stays silent there ("skipped" in the UI): it looks at more than the run has written, and would cost
    more than the run. It is run by its own job, or by itself.
    """
    return bool(context.run.asset_selection)


def asset_of(table: str) -> str:
    """The asset that answers for a table."""
    return WRITTEN_BY.get(table, table)


CHECKED_ASSETS = tuple(
    asset for asset in STAGE_ORDER if asset == "activity_streams" or asset in set(map(asset_of, METADATA.tables))
)


# Not part of an athlete's run: importing great-expectations alone costs more than all of that run's work. What would
# break a row there is turned away before it is written, by the same rules.
@dg.multi_asset_check(
    name="row_quality",
    specs=[
        dg.AssetCheckSpec(
            CHECK, asset=asset, description="types, keys, references, ranges, units and coherence of the rows written"
        )
        for asset in CHECKED_ASSETS
    ],
    can_subset=True,
)
def row_quality(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource, scope: RunScope
) -> Iterator[dg.AssetCheckResult]:
    if comes_along(context):
        return
    from perf_pipeline.pipeline.expectations.examining import examine_rows, merged

    since = None if scope.full_refresh else datetime.now(UTC) - LATELY
    with pipeline.services.warehouse.begin() as connection:
        athletes = athletes_written_lately(connection, scope.athletes, everyone=scope.full_refresh)
        chosen = athletes[:MOST_ATHLETES]
        groups = in_groups(connection, chosen)
        verdicts = merged(one for group in groups for one in examine_rows(connection, group, since=since))
    for key in context.selected_asset_check_keys:
        asset = key.asset_key.to_user_string()
        found = [verdict for verdict in verdicts if asset_of(verdict.table) == asset]
        broken = [verdict for verdict in found if not verdict.holds]
        faults = [verdict for verdict in broken if not verdict.is_warning]
        yield dg.AssetCheckResult(
            asset_key=key.asset_key,
            check_name=CHECK,
            passed=not broken,
            severity=dg.AssetCheckSeverity.ERROR if faults else dg.AssetCheckSeverity.WARN,
            metadata={
                "expectations": len(found),
                "athletes": len(chosen),
                "athletes_left_out": len(athletes) - len(chosen),
                "faults": sum(verdict.broken for verdict in faults),
                "unusual": sum(verdict.broken for verdict in broken if verdict.is_warning),
                "broken": dg.MetadataValue.json(
                    [
                        {
                            "expectation": f"{v.table}.{v.column} {v.expectation}", "rows": v.broken,
                            "severity": v.severity, "sample": list(v.sample),
                        }
                        for v in broken
                    ]
                ),
            },
        )  # fmt: skip
