"""A database with two seasons of two athletes and all models in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from perf_pipeline.pipeline.sql_models import Project, load_project
from perf_pipeline.pipeline.sql_models.building import build
from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests.pipeline.sql_models.population import populate


@dataclass
class Marts:
    """A populated warehouse with its models built."""

    warehouse: Warehouse
    project: Project
    athletes: dict[str, UUID]
    url: str

    def rows(self, query: str, **values: Any) -> list[dict[str, Any]]:
        with self.warehouse.begin() as connection:
            return [dict(row) for row in connection.execute(text(query), values).mappings()]


@pytest.fixture(scope="package")
def marts(postgres_home: Path) -> Iterator[Marts]:
    own = embedded_postgres.ensure_running(postgres_home)
    server, name = own.rpartition("/")[0], f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE perf_pipeline")
    with Warehouse.connect(f"{server}/{name}") as warehouse:
        athletes = populate(warehouse)
        project = load_project()
        build(warehouse.engine, project)
        yield Marts(warehouse, project, athletes, f"{server}/{name}")
