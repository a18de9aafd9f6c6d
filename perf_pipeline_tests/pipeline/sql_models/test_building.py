"""Models into a database: nothing is done twice, no reader misses anything, rights and dependents survive."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from perf_pipeline.pipeline.sql_models import ModelError, Project, load_project
from perf_pipeline.pipeline.sql_models.building import Built, build, ensure_models
from perf_pipeline.pipeline.sql_models.registry import Registry
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests.beside import at_once, beside

PROJECT = (
    "name: perf_pipeline\nmodels:\n  perf_pipeline:\n    staging: {+schema: staging}\n    marts: {+schema: marts}\n"
)


class Folder:
    """A small folder of models that a test edits."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.version = 0
        (base / "models" / "staging").mkdir(parents=True)
        (base / "models" / "marts").mkdir()
        (base / "dbt_project.yml").write_text(PROJECT)
        self.write("staging/handles", "select id, handle from {{ source('warehouse', 'profiles') }}")
        self.write("marts/letters", "select handle, length(handle) as letters from {{ ref('handles') }}")
        self.write(
            "marts/stored",
            "{{ config(materialized='materialized_view', indexes=[{'columns': ['handle'], 'unique': True}]) }}"
            "select handle, 100 % 7 as seven from {{ ref('handles') }}",
        )
        self.write("marts/copied", "{{ config(materialized='table') }}select handle from {{ ref('handles') }}")

    def write(self, name: str, sql: str) -> None:
        (self.base / "models" / f"{name}.sql").write_text(sql)

    @property
    def project(self) -> Project:
        load_project.__globals__["_load"].cache_clear()
        return load_project(self.base)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "models")


def actions(built: list[Built]) -> dict[str, str]:
    return {one.model: one.action for one in built}


def column(warehouse: Warehouse, query: str) -> list[object]:
    with warehouse.begin() as connection:
        return list(connection.scalars(text(query)))


def test_what_is_in_place_is_left_alone_and_stored_rows_are_renewed(warehouse: Warehouse, folder: Folder) -> None:
    assert set(actions(build(warehouse.engine, folder.project)).values()) == {"created"}
    warehouse.ensure_profile("ann")
    assert column(warehouse, "select letters from marts.letters") == [3]
    assert column(warehouse, "select handle from marts.stored union all select handle from marts.copied") == []
    again = build(warehouse.engine, folder.project)
    assert actions(again) == {
        "handles": "unchanged",
        "letters": "unchanged",
        "stored": "refreshed",
        "copied": "refreshed",
    }
    assert {one.model: one.rows for one in again} == {"handles": None, "letters": None, "stored": 1, "copied": 1}
    assert column(warehouse, "select handle from marts.stored union all select handle from marts.copied") == ["ann"] * 2


def test_an_edited_view_is_replaced_and_what_others_built_on_it_stays(warehouse: Warehouse, folder: Folder) -> None:
    build(warehouse.engine, folder.project)
    warehouse.ensure_profile("ann")
    with warehouse.begin() as connection:
        connection.execute(text("create view public.theirs as select letters from marts.letters"))
    folder.write("marts/letters", "select handle, 10 * length(handle) as letters, 1 as more from {{ ref('handles') }}")
    assert actions(build(warehouse.engine, folder.project))["letters"] == "replaced"
    assert column(warehouse, "select letters from public.theirs") == [30]


def test_a_view_with_other_columns_is_swapped_with_all_that_reads_it(warehouse: Warehouse, folder: Folder) -> None:
    build(warehouse.engine, folder.project)
    warehouse.ensure_profile("ann")
    with warehouse.begin() as connection:
        connection.execute(text("create role reader_of_letters"))
        connection.execute(text("grant select on marts.letters to reader_of_letters"))
    try:
        folder.write("staging/handles", "select upper(handle) as handle from {{ source('warehouse', 'profiles') }}")
        done = actions(build(warehouse.engine, folder.project))
        assert done == dict.fromkeys(["handles", "letters", "stored", "copied"], "replaced")
        assert column(warehouse, "select handle from marts.letters") == ["ANN"]
        assert column(warehouse, "select handle from marts.stored") == ["ANN"]
        rights = "select has_table_privilege('reader_of_letters', 'marts.letters', 'select')"
        assert column(warehouse, rights) == [True]
        assert column(warehouse, "select relname from pg_class where relname like '%\\_\\_new'") == []
        # A second edit of this kind meets the leftovers of the first.
        folder.write("staging/handles", "select handle from {{ source('warehouse', 'profiles') }}")
        build(warehouse.engine, folder.project)
        assert column(warehouse, "select handle from marts.stored") == ["ann"]
    finally:
        with warehouse.begin() as connection:
            connection.execute(text("drop owned by reader_of_letters"))
            connection.execute(text("drop role reader_of_letters"))


def test_a_model_becomes_another_kind_of_thing(warehouse: Warehouse, folder: Folder) -> None:
    build(warehouse.engine, folder.project)
    folder.write("marts/copied", "select handle from {{ ref('handles') }}")
    folder.write("marts/letters", "{{ config(materialized='table') }}select handle from {{ ref('handles') }}")
    build(warehouse.engine, folder.project)
    kinds = "select relkind::text from pg_class where relname in ('copied', 'letters') order by relname"
    assert column(warehouse, kinds) == ["v", "r"]


def test_readers_find_every_model_at_every_moment(warehouse: Warehouse, folder: Folder) -> None:
    build(warehouse.engine, folder.project)
    warehouse.ensure_profile("ann")
    build(warehouse.engine, folder.project)
    seen: list[int] = []
    failures: list[Exception] = []
    stop = threading.Event()

    def read() -> None:
        query = text("select (select count(*) from marts.letters) + (select count(*) from marts.stored) "
                     "+ (select count(*) from marts.copied)")  # fmt: skip
        with warehouse.engine.connect() as connection:
            while not stop.is_set():
                try:
                    with connection.begin():
                        seen.append(connection.scalar(query))
                except Exception as error:  # noqa: BLE001 - that none comes is the test
                    failures.append(error)

    with beside(read, stop=stop):
        for name in ("handle", "upper(handle) as handle", "handle, 1 as one", "lower(handle) as handle"):
            folder.write("staging/handles", f"select {name} from {{{{ source('warehouse', 'profiles') }}}}")
            build(warehouse.engine, folder.project)
            build(warehouse.engine, folder.project)
    assert failures == []
    assert set(seen) == {3}


def test_sql_that_postgresql_refuses_names_its_file_and_changes_nothing(warehouse: Warehouse, folder: Folder) -> None:
    build(warehouse.engine, folder.project)
    folder.write("marts/letters", "select handle, no_such_function(handle) as letters from {{ ref('handles') }}")
    with pytest.raises(ModelError, match=r"^models/marts/letters\.sql: PostgreSQL refuses it: .*no_such_function"):
        build(warehouse.engine, folder.project)
    assert column(warehouse, "select letters from marts.letters") == []


def test_a_model_that_has_gone_is_dropped(warehouse: Warehouse, folder: Folder) -> None:
    build(warehouse.engine, folder.project)
    (folder.base / "models" / "marts" / "stored.sql").unlink()
    build(warehouse.engine, folder.project)
    assert column(warehouse, "select to_regclass('marts.stored')::text") == [None]
    with warehouse.engine.connect() as connection:
        assert "stored" not in Registry(folder.project.target).recorded(connection)


def test_views_ask_with_the_rights_of_who_asks(warehouse: Warehouse, folder: Folder) -> None:
    build(warehouse.engine, folder.project)
    options = """select distinct reloptions::text from pg_class c join pg_namespace n on n.oid = relnamespace
        where nspname in ('marts', 'staging') and relkind = 'v'"""
    assert column(warehouse, options) == ["{security_invoker=true}"]


def test_models_are_there_once_asked_for_and_then_cost_one_query(warehouse: Warehouse) -> None:
    assert ensure_models(warehouse.engine)
    assert not ensure_models(warehouse.engine)
    assert column(warehouse, "select count(*) from marts.power_curve") == [0]


def test_of_many_that_start_at_once_all_find_the_models(warehouse: Warehouse) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            ensure_models(warehouse.engine)
            column(warehouse, "select count(*) from marts.athlete_summary")
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    at_once(*[start] * 3)
    assert failures == []


def test_meanings_are_beside_the_columns(warehouse: Warehouse) -> None:
    ensure_models(warehouse.engine)
    query = """select col_description('marts.power_curve'::regclass, attnum) from pg_attribute
        where attrelid = 'marts.power_curve'::regclass and attname = 'watts'"""
    assert column(warehouse, query) == ["best mean power over the window"]
