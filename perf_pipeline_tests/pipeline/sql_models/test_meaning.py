"""Lineage, meanings and tests of the real models."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from perf_pipeline.pipeline.data_dictionary import files
from perf_pipeline.pipeline.sql_models import load_project
from perf_pipeline.pipeline.sql_models.building import build
from perf_pipeline.pipeline.sql_models.data_tests import run_tests
from perf_pipeline.pipeline.sql_models.lineage import ColumnOf, column_lineage, leaves
from perf_pipeline.pipeline.sql_models.project import models_folder
from perf_pipeline.pipeline.sql_models.relations import columns_of, meanings
from perf_pipeline.storage.tables import METADATA
from perf_pipeline_tests.pipeline.sql_models.conftest import Marts


def test_the_lineage_of_every_column_ends_in_columns_of_tables() -> None:
    lineage = column_lineage(load_project())
    for model, columns in lineage.items():
        for column in columns:
            ends = leaves(lineage, ColumnOf(model, column))
            assert ends, f"{model}.{column}"
            assert all(end.column in METADATA.tables[end.relation].c for end in ends)


@pytest.mark.parametrize(
    ("column", "ends"),
    [
        (("power_curve", "watts"), {("activity_efforts", "value")}),
        (("power_curve", "watts_per_kilogram"), {("activity_efforts", "value"), ("daily_wellness", "value")}),
        (("weekly_training", "load"), {("activity_loads", "load")}),
        (("weekly_training", "activities"), {("activities", "id")}),
        (("season_comparison", "best_20_min_change_percent"),
         {("activity_efforts", name) for name in ("value", "effort_type", "duration_seconds")}),
        (("activity_feed", "normalized_power_watts"), {("activity_metrics", "value")}),
        (("data_quality", "example"),
         {("source_files", "id"), ("activities", "id"), ("activity_efforts", "id"), ("threshold_models", "id"),
          ("month_outputs", "month"), ("capability_predictions", "id")}),
    ],
)  # fmt: skip
def test_some_lineages_by_hand(column: tuple[str, str], ends: set[tuple[str, str]]) -> None:
    found = {(end.relation, end.column) for end in leaves(column_lineage(load_project()), ColumnOf(*column))}
    assert found == ends


def test_the_database_has_the_columns_that_the_lineage_knows_and_each_has_a_meaning(marts: Marts) -> None:
    lineage = column_lineage(marts.project)
    with marts.warehouse.begin() as connection:
        for model in marts.project.models.values():
            columns = columns_of(connection, model)
            assert list(columns) == list(lineage[model.name]), model.name
            assert set(model.columns) <= set(columns), model.name
            assert model.description, model.name
            missing = [name for name, meaning in meanings(model, columns).items() if not meaning]
            assert not missing, f"{model.name}: {missing}"


def test_what_was_generated_is_what_the_schema_and_the_models_say() -> None:
    for path, told in files(models_folder().parent).items():
        assert path.read_text() == told, f"{path.name} has drifted: make docs"


def test_the_models_hold_what_they_say(marts: Marts) -> None:
    results = list(run_tests(marts.warehouse.engine, marts.project))
    assert len(results) > 90
    assert [(r.test.model, r.test.name, r.broken) for r in results if not r.holds] == []


BREAKAGES = {
    "unique": ("update profiles set handle = 'ann'", ["alter table profiles drop constraint uq_profiles_handle"]),
    "not_null": (
        "update profiles set handle = null where handle = 'ann'",
        ["alter table profiles alter handle drop not null"],
    ),
    "accepted_values": ("update activity_efforts set grade = 'sure' where grade = 'candidate'", []),
    "relationships": (
        "update activities set source_file_id = gen_random_uuid()",
        ["alter table activities drop constraint fk_activities_source_file_id"],
    ),
    "expression": ("update threshold_models set threshold_high = threshold_low - 1", []),
    "unique_together": ("update threshold_models set version = 0", []),
}


@pytest.mark.parametrize("kind", BREAKAGES)
def test_a_test_of_each_kind_finds_what_breaks_it(marts: Marts, kind: str) -> None:
    breakage, preparations = BREAKAGES[kind]
    with marts.warehouse.engine.connect() as connection, connection.begin() as transaction:
        for statement in [*preparations, breakage]:
            connection.execute(text(statement))
        found = [r for r in run_tests(_Same(connection), marts.project) if not r.holds and r.test.kind == kind]  # type: ignore[arg-type]
        transaction.rollback()
    assert found
    assert all(result.broken > 0 for result in found)
    assert any(result.sample for result in found)


class _Same:
    """An engine that gives one connection, so that a test's changes are seen and then undone."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def connect(self) -> _Same:
        return self

    def __enter__(self) -> object:
        return self._connection

    def __exit__(self, *_: object) -> None:
        pass


def test_every_mart_is_the_same_to_the_last_digit_however_its_rows_lie(marts: Marts) -> None:
    def contents() -> dict[str, list[str]]:
        build(marts.warehouse.engine, marts.project)
        names = [f"{model.schema}.{model.name}" for model in marts.project.models.values() if model.schema == "marts"]
        return {
            name: sorted(row["told"] for row in marts.rows(f"select m::text as told from {name} as m"))
            for name in names
        }

    before = contents()
    for seed in range(3):
        with marts.warehouse.begin() as connection:
            for table, key in (("activities", "id"), ("activity_loads", "activity_id"), ("activity_efforts", "id")):
                connection.execute(text(f"create index shuffled on {table} (md5({key}::text || '{seed}'))"))
                connection.execute(text(f"cluster {table} using shuffled"))
                connection.execute(text("drop index shuffled"))
        assert contents() == before
