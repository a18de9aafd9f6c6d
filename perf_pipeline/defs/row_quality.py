"""The checks `rows_meet_expectations`: great-expectations over what was written lately, every night and on demand."""

from collections.abc import Iterator

import dagster as dg

from perf_pipeline.defs.athletes import STAGE_ORDER
from perf_pipeline.defs.resources import PipelineResource, RunScope
from perf_pipeline.pipeline.quality import athletes_written_lately
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
AT_ONCE = 20


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
    from perf_pipeline.pipeline.expectations.examining import Verdict, examine_rows

    verdicts: dict[str, list[tuple[str, Verdict]]] = {}
    with pipeline.services.warehouse.begin() as connection:
        athletes = athletes_written_lately(connection, scope.athletes, everyone=scope.full_refresh)
        chosen = athletes[:MOST_ATHLETES]
        for start in range(0, len(chosen), AT_ONCE):
            some = chosen[start : start + AT_ONCE]
            for verdict in examine_rows(connection, [profile_id for profile_id, _ in some]):
                verdicts.setdefault(asset_of(verdict.table), []).append((some[0][1], verdict))
    for key in context.selected_asset_check_keys:
        asset = key.asset_key.to_user_string()
        found = verdicts.get(asset, [])
        broken = [verdict for _, verdict in found if not verdict.holds]
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
