"""What the athlete is expected to be able to do, and how earlier expectations of this kind turned out."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from perf_pipeline.defs.athletes import AthleteWork, athletes_of_turn, for_each_athlete
from perf_pipeline.defs.partitions import ATHLETES, BACKFILL
from perf_pipeline.defs.resources import PipelineResource, ProgressResource, RunScope
from perf_pipeline.defs.table_metadata import OWNER, lineage, table_metadata
from perf_pipeline.pipeline import backtest_report
from perf_pipeline.pipeline.code_version import code_version
from perf_pipeline.pipeline.history.predictions import update_backtest, update_predictions
from perf_pipeline.storage import tables
from perf_pipeline.storage.ids import profile_id_of

_STAGE = code_version("perf_pipeline.pipeline.stages.predictions", "perf_pipeline.pipeline.history.curves")


@dg.asset(
    deps=["activities", "activity_efforts", "activity_duplicates"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="performance",
    kinds={"python", "postgres"},
    owners=[OWNER],
    code_version=_STAGE,
    metadata={
        **table_metadata(tables.prediction_backtests),
        **lineage(
            tables.prediction_backtests,
            **dict.fromkeys(("predicted", "naive", "riegel", "actual"), ("activity_efforts", "value")),
            actual_activity_id=("activities", "id"),
        ),
    },
    check_specs=[
        dg.AssetCheckSpec(
            "intervals_are_honest",
            asset="prediction_backtest",
            description="the 90 % intervals held 85 % of the near-maximal outcomes or more, give or take chance",
        )
    ],
    description=(
        "Every month of the past predicted from what was known by then, beside the bests of the 30 days after, the "
        "best of the 90 days before, and Riegel's formula. It decides which model an athlete is shown."
    ),
)
def prediction_backtest(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return turn.by_workers(update_backtest)

    totals = for_each_athlete(context, pipeline, scope, progress, "prediction_backtest", work)
    profiles = [profile_id_of(handle) for handle in athletes_of_turn(context, scope)]
    with pipeline.services.warehouse.begin() as connection:
        share, cases = backtest_report.stored_coverage(connection, profiles)
        # Table and picture are as they were last time where nobody has news.
        news = totals.counts["up_to_date"] < totals.athletes
        rows = backtest_report.read_cases(connection, profiles) if news else []
    check = dg.AssetCheckResult(
        asset_key="prediction_backtest",
        check_name="intervals_are_honest",
        passed=backtest_report.is_honest(share, cases),
        severity=dg.AssetCheckSeverity.WARN,  # an athlete unlike all others is no fault of the code
        metadata={"coverage": share if share is not None else "no case", "near_maximal_cases": cases},
    )
    return dg.MaterializeResult(metadata={**totals.metadata(), **_shown(rows)}, check_results=[check])


def _shown(rows: Sequence[Mapping[str, Any]]) -> dict[str, dg.MetadataValue]:
    """The back-test as a table and a picture; nothing of no rows."""
    if not rows:
        return {}
    shown: dict[str, dg.MetadataValue] = {
        "back-test": dg.MetadataValue.md(backtest_report.markdown(backtest_report.by_class(rows)))
    }
    if (svg := backtest_report.calibration_svg(rows)) is not None:
        picture = base64.b64encode(svg.encode()).decode()
        shown["calibration"] = dg.MetadataValue.md(f"![calibration](data:image/svg+xml;base64,{picture})")
    return shown


@dg.asset(
    deps=["activity_efforts", "prediction_backtest"],
    partitions_def=ATHLETES,
    backfill_policy=BACKFILL,
    group_name="performance",
    kinds={"python", "postgres"},
    owners=[OWNER],
    code_version=_STAGE,
    metadata={
        **table_metadata(tables.capability_predictions),
        **lineage(
            tables.capability_predictions,
            **dict.fromkeys(("value", "value_low", "value_high", "current_best"), ("activity_efforts", "value")),
            model=("prediction_backtest", "contenders"),
        ),
    },
    description=(
        "Power by duration and race times by distance that the athlete can be expected to reach within a month, with "
        "90 % intervals and the probability of beating the current best, as of each week and today, by the model that "
        "the athlete's own back-test favours. What was said on a day stays on record."
    ),
)
def capability_predictions(
    context: dg.AssetExecutionContext,
    pipeline: PipelineResource,
    scope: RunScope,
    progress: dg.ResourceParam[ProgressResource],
) -> dg.MaterializeResult:
    def work(turn: AthleteWork) -> dict[str, int]:
        return turn.by_workers(update_predictions)

    totals = for_each_athlete(context, pipeline, scope, progress, "capability_predictions", work)
    return dg.MaterializeResult(metadata=totals.metadata())
