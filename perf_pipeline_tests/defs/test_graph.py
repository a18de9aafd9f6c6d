"""What the graph holds: a change here is seen, and meant."""

from __future__ import annotations

import dagster as dg
import pytest

from perf_pipeline.definitions import build_definitions
from perf_pipeline.defs.athletes import STAGE_ORDER
from perf_pipeline.defs.row_quality import CHECKED_ASSETS
from perf_pipeline.defs.sql_models import PROJECT
from perf_pipeline.storage.curves import CURVES_SCHEMA
from perf_pipeline.storage.signals import SIGNALS_SCHEMA
from perf_pipeline.storage.streams import STREAMS_SCHEMA
from perf_pipeline.storage.tables import METADATA

ASSETS = {
    "source_files": ("intake", {"python", "postgres", "s3"}, set()),
    "activity_streams": ("activities", {"python", "parquet"}, {"source_files"}),
    "activities": ("activities", {"python", "postgres"}, {"activity_streams"}),
    "activity_efforts": ("performance", {"python", "postgres"}, {"activity_streams", "activities"}),
    "mean_maximal_curves": ("performance", {"python", "parquet"}, {"activity_streams", "activities"}),
    "activity_signals": ("performance", {"python", "parquet"}, {"activity_streams", "activities"}),
    "activity_metrics": ("performance", {"python", "postgres"}, {"activity_streams", "activities"}),
    "profile_metrics": ("intake", {"python", "postgres"}, {"source_files"}),
    "daily_wellness": ("performance", {"python", "postgres"}, {"profile_metrics"}),
    "activity_duplicates": ("activities", {"python", "postgres", "parquet"}, {"activity_streams", "activities"}),
    "threshold_models": (
        "performance", {"python", "postgres"},
        {"activities", "activity_efforts", "activity_metrics", "activity_duplicates"},
    ),
    "activity_loads": (
        "performance", {"python", "postgres"},
        {"activities", "activity_metrics", "threshold_models", "daily_wellness"},
    ),
    "relative_metrics": (
        "performance", {"python", "postgres", "parquet"},
        {"activity_signals", "activity_efforts", "activity_metrics", "daily_wellness", "threshold_models"},
    ),
    "daily_fitness": ("performance", {"python", "postgres"}, {"activity_loads"}),
    "impulse_response_models": (
        "performance", {"python", "postgres"}, {"activities", "activity_efforts", "activity_loads"},
    ),
    "prediction_backtest": (
        "performance", {"python", "postgres"}, {"activities", "activity_efforts", "activity_duplicates"},
    ),
    "capability_predictions": ("performance", {"python", "postgres"}, {"activity_efforts", "prediction_backtest"}),
    "planned_workouts": ("planning", {"python", "postgres"}, {"source_files"}),
    "workout_adaptations": (
        "planning", {"python", "postgres", "s3"},
        {"planned_workouts", "activity_streams", "activities", "threshold_models", "daily_fitness", "daily_wellness"},
    ),
    "notifications": (
        "performance", {"python", "postgres"},
        {"activity_efforts", "threshold_models", "daily_fitness", "daily_wellness"},
    ),
    "athlete_report": (
        "marts", {"python", "html", "s3"},
        {
            "activities", "activity_efforts", "threshold_models", "activity_loads", "relative_metrics", "daily_fitness",
            "capability_predictions", "workout_adaptations", "notifications",
        },
    ),
}  # fmt: skip
"""Group, kinds and upstream assets by asset."""

PARQUET = {
    "activity_streams": STREAMS_SCHEMA, "mean_maximal_curves": CURVES_SCHEMA, "activity_signals": SIGNALS_SCHEMA,
}  # fmt: skip
TABLES = {
    "activity_duplicates": "activities",
    "relative_metrics": "activity_metrics",
    "prediction_backtest": "prediction_backtests",
}
"""Tables of the assets that are not named like theirs."""

CHECKS = {
    "source_files": {"nothing_in_quarantine", "archive_is_whole"},
    "activity_streams": {"decoder_agreement"},
    "activities": {"no_month_left_behind"},
    "activity_efforts": {"efforts_are_coherent"},
    "activity_metrics": {"numbers_agree_with_the_devices"},
    "threshold_models": {"no_duplicate_carries_a_threshold"},
    "activity_duplicates": {"what_is_kept_is_there"},
    "workout_adaptations": {"every_interval_can_be_finished"},
    "daily_fitness": {"fitness_reaches_today"},
    "prediction_backtest": {"intervals_are_honest"},
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions()


def test_these_are_the_assets_with_their_groups_kinds_and_upstreams(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    nodes = {key.to_user_string(): graph.get(key) for key in graph.get_all_asset_keys()}
    nodes = {name: node for name, node in nodes.items() if name not in PROJECT.models}
    assert {
        name: (node.group_name, set(node.kinds), {parent.to_user_string() for parent in node.parent_keys})
        for name, node in nodes.items()
    } == ASSETS
    assert set(STAGE_ORDER) == set(ASSETS)


def test_every_stage_comes_after_what_feeds_it() -> None:
    for stage, (_, _, upstream) in ASSETS.items():
        assert all(STAGE_ORDER.index(other) < STAGE_ORDER.index(stage) for other in upstream)


def test_every_asset_is_owned_described_and_partitioned_by_athlete(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.owners == ["team:perf-pipeline"]
        if key.to_user_string() in PROJECT.models:
            assert node.partitions_def is None
            continue
        assert len(node.description or "") > 20
        assert node.partitions_def.name == "athletes"
        assert node.backfill_policy.max_partitions_per_run == 200


def test_every_table_asset_shows_its_columns_with_their_meanings(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for name in set(ASSETS) - {*PARQUET, "athlete_report"}:
        metadata = graph.get(dg.AssetKey(name)).metadata
        columns = {column.name: column for column in metadata["dagster/column_schema"].columns}
        assert list(columns) == [column.name for column in METADATA.tables[TABLES.get(name, name)].columns]
        assert all(columns[n].description for n in columns if n != "id")


def test_every_parquet_asset_shows_its_columns_with_their_meanings_and_units(definitions: dg.Definitions) -> None:
    graph = definitions.resolve_asset_graph()
    for name, schema in PARQUET.items():
        columns = graph.get(dg.AssetKey(name)).metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == schema.names
        assert all(column.description for column in columns)
        assert any(column.description.endswith(" (W)") for column in columns)


def test_these_are_the_checks(definitions: dg.Definitions) -> None:
    found: dict[str, set[str]] = {}
    for check in definitions.resolve_asset_graph().asset_check_keys:
        found.setdefault(check.asset_key.to_user_string(), set()).add(check.name)
    models = {name: {test.name for test in model.tests} for name, model in PROJECT.models.items() if model.tests}
    for asset in CHECKED_ASSETS:
        assert "rows_meet_expectations" in found[asset]
        found[asset].remove("rows_meet_expectations")
    found = {asset: names for asset, names in found.items() if names}
    assert found == {**CHECKS, **models}
    assert sum(map(len, models.values())) == sum(len(model.tests) for model in PROJECT.models.values())


def test_these_are_the_jobs_sensors_and_schedules(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    jobs = {"__ASSET_JOB", "athlete_job", "calendar_job", "quality_job", "archive_job", "marts_job"}
    assert {job.name for job in repository.get_all_jobs()} == jobs
    assert {sensor.name: sensor.default_status for sensor in repository.sensor_defs} == dict.fromkeys(
        ("inbox_sensor", "alert_on_failure", "alert_on_faults"), dg.DefaultSensorStatus.RUNNING
    )
    assert {s.name: (s.cron_schedule, s.default_status) for s in repository.schedule_defs} == {
        "new_day": ("10 0 * * *", dg.DefaultScheduleStatus.RUNNING),
        "nightly_archive": ("20 2 * * *", dg.DefaultScheduleStatus.RUNNING),
        "marts_refresh": ("25 */6 * * *", dg.DefaultScheduleStatus.RUNNING),
        "nightly_quality": ("40 3 * * *", dg.DefaultScheduleStatus.RUNNING),
    }


def test_a_run_that_is_tried_again_begins_with_its_first_step(definitions: dg.Definitions) -> None:
    for name in ("athlete_job", "calendar_job"):
        assert definitions.resolve_job_def(name).tags["dagster/retry_strategy"] == "ALL_STEPS"


@pytest.mark.parametrize(
    "scope",
    [
        {},
        {"athletes": ["ann"], "full_refresh": True},
        {"since": "2026-01", "until": "2026-05", "take_in_at_once": True, "today": "2026-06-01"},
    ],
)
def test_the_scope_of_a_run_is_set_in_the_launchpad(definitions: dg.Definitions, scope: dict[str, object]) -> None:
    for name in ("athlete_job", "calendar_job"):
        job = definitions.resolve_job_def(name)
        told = dg.validate_run_config(job, {"resources": {"scope": {"config": scope}}})
        assert {key: told["resources"]["scope"]["config"][key] for key in scope} == scope
        assert dg.validate_run_config(job, {})["resources"]["scope"]["config"]["full_refresh"] is False


@pytest.mark.parametrize("scope", [{"full_refresh": "maybe"}, {"athletes": "ann"}, {"everything": True}])
def test_a_scope_that_makes_no_sense_is_refused(definitions: dg.Definitions, scope: dict[str, object]) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(definitions.resolve_job_def("athlete_job"), {"resources": {"scope": {"config": scope}}})
