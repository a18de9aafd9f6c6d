"""The real dbt builds the same folder into schemas of its own: every model and every test must come out the same."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from perf_pipeline.pipeline.sql_models import load_project
from perf_pipeline.pipeline.sql_models.building import build
from perf_pipeline.pipeline.sql_models.data_tests import run_tests
from perf_pipeline.pipeline.sql_models.project import models_folder
from perf_pipeline.pipeline.sql_models.relations import columns_of
from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests.pipeline.sql_models.population import populate

DBT = models_folder().parent / ".venv-dbt" / "bin" / "dbt"
PREFIX = "dbt_"


@pytest.fixture(scope="module")
def database(postgres_home: Path) -> str:
    """URL of a database with two seasons in it, some of them wrong on purpose."""
    if not DBT.exists():
        pytest.skip("the real dbt is not there to compare with: make dbt")
    own = embedded_postgres.ensure_running(postgres_home)
    server, name = own.rpartition("/")[0], f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE perf_pipeline")
    with Warehouse.connect(f"{server}/{name}") as warehouse:
        populate(warehouse)
        with warehouse.begin() as connection:
            # What tests of several kinds must find, and count alike.
            for statement in (
                "update activities set moving_seconds = 9999 where session_index = 0 and name like '%7'",
                "alter table activities drop constraint fk_activities_source_file_id",
                "update activities set source_file_id = gen_random_uuid() where name like '%4'",
                "update threshold_models set version = 0 where version = 1 and threshold is not null",
                "update activity_loads set method = 'guess' where load > 60",
            ):
                connection.execute(text(statement))
    return f"{server}/{name}"


def run_dbt(database: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """What dbt's own report says, by its short name of a model or test."""
    url = make_url(database)
    profile = {
        "type": "postgres", "host": url.host, "port": url.port, "user": url.username, "dbname": url.database,
        "password": "{{ env_var('DBT_ENV_SECRET_PASSWORD') }}", "schema": PREFIX.rstrip("_"), "threads": 2,
    }  # fmt: skip
    outputs = {"perf_pipeline": {"target": "oracle", "outputs": {"oracle": profile}}}
    (folder / "profiles.yml").write_text(json.dumps(outputs))
    environment = {
        **os.environ, "DBT_ENV_SECRET_PASSWORD": url.password or "", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1", "NO_COLOR": "1", "HOME": str(folder),
    }  # fmt: skip
    command = [
        str(DBT), "--warn-error-options", '{"error": ["Deprecations"]}', *arguments, "--project-dir",
        str(models_folder()), "--profiles-dir", str(folder), "--target-path", str(folder / "target"), "--log-path",
        str(folder / "logs"),
    ]  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in {0, 1}, done.stdout[-3000:] + done.stderr[-3000:]
    report = json.loads((folder / "target" / "run_results.json").read_text())
    return {result["unique_id"]: result for result in report["results"]}


def test_dbt_parses_runs_and_finds_the_same(database: str, tmp_path: Path) -> None:
    project = load_project()
    with Warehouse.connect(database) as warehouse:
        build(warehouse.engine, project)
        models = run_dbt(database, tmp_path, "run")
        assert {id_.split(".")[-1]: r["status"] for id_, r in models.items()} == dict.fromkeys(
            project.models, "success"
        )
        with warehouse.begin() as connection:
            for model in project.models.values():
                ours, theirs = f'"{model.schema}"."{model.name}"', f'"{PREFIX}{model.schema}"."{model.name}"'
                query = f"""
                    select (select count(*) from (select * from {ours} except all select * from {theirs}) a),
                           (select count(*) from (select * from {theirs} except all select * from {ours}) b),
                           (select count(*) from {ours})"""
                missing, added, count = connection.execute(text(query)).one()
                assert (missing, added) == (0, 0), model.name
                if model.schema == "marts":
                    assert count, model.name
            types = """select attname, format_type(atttypid, atttypmod) from pg_attribute
                where attrelid = to_regclass(:name) and attnum > 0 and not attisdropped"""
            for model in project.models.values():
                theirs = dict(connection.execute(text(types), {"name": f"{PREFIX}{model.schema}.{model.name}"}).all())
                assert theirs == columns_of(connection, model), model.name
        ours = sorted((r.test.model, r.test.kind, r.broken) for r in run_tests(warehouse.engine, project))
        theirs = sorted(_told(result) for result in run_dbt(database, tmp_path, "test").values())
    assert theirs == ours
    assert {kind for _, kind, broken in ours if broken} >= {"expression", "relationships", "unique_together"}


def _told(result: dict[str, Any]) -> tuple[str, str, int]:
    name = result["unique_id"].split(".")[2]
    kind = next(k for k in KINDS if name.startswith(f"{k}_"))
    rest = name.removeprefix(f"{kind}_")
    model = max((m for m in load_project().models if rest.startswith(f"{m}_")), key=len)
    return model, kind, int(result["failures"] or 0)


KINDS = ("unique_together", "unique", "not_null", "accepted_values", "relationships", "expression")
