"""The same files through S3 as through a directory."""

from __future__ import annotations

import gzip
import uuid
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.objects_s3 import S3ObjectStore


@pytest.fixture
def on_s3(tmp_path, s3_environment):
    """A bucket, and the server whose folder holds it."""
    bucket = f"test-{uuid.uuid4().hex}"
    # Through the server: it remembers its folders for minutes.
    S3ObjectStore(bucket, "")._call("create_bucket")
    yield bucket, s3_environment
    embedded_postgres.remove(tmp_path / "s3-home")


def test_a_bucket_gives_the_same_rows_and_objects_as_a_directory(on_s3, fresh_terminal, tmp_path, rides, contents):
    bucket, server = on_s3
    folder = tmp_path / "given"
    folder.mkdir()
    for number in range(3):
        (folder / f"ride {number}.fit").write_bytes(rides[number])
    (folder / "packed.fit.gz").write_bytes(gzip.compress(rides[3]))
    (folder / "again.fit").write_bytes(rides[0])
    (folder / "empty.fit").write_bytes(b"")
    s3 = replace(
        fresh_terminal,
        home=tmp_path / "s3-home",
        variables={
            "PERF_STORAGE_URL": f"s3://{bucket}/some/prefix", "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        },
    )  # fmt: skip
    expected = {"given": 6, "archived": 4, "duplicate": 1, "quarantined": 1, "not_an_activity": 0}
    for terminal in (fresh_terminal, s3):
        counts = terminal.ok("ingest", folder, "-a", "ann", "--json").json
        assert {name: counts[name] for name in expected} == expected

    assert differences(fresh_terminal.tables(), s3.tables()) == []
    objects = contents(server.folder / bucket / "some" / "prefix")
    at_home = contents(fresh_terminal.storage)
    kept = ("archive/", "quarantine/", "streams/", "sessions/")
    # The journal and the notes of the quarantine hold the time of arrival, which differs.
    names = [name for name in at_home if name.startswith(kept) and "/journal/" not in name]
    assert sorted(name for name in objects if name.startswith(kept) and "/journal/" not in name) == sorted(names)
    assert {name: objects[name] for name in names if not name.endswith((".json", ".parquet"))} == {
        name: at_home[name] for name in names if not name.endswith((".json", ".parquet"))
    }
    streams = [server.folder / bucket / "some/prefix" / name for name in names if name.startswith("streams/")]
    assert sum(pq.read_table(path).num_rows for path in streams) == 4 * 1200

    report = s3.ok("status", "--json").json
    assert (report["files"], report["inbox"], report["last_run"]["status"]) == (6, 0, "success")
    before = s3.tables()
    s3.ok("rebuild", "--full-refresh")
    assert differences(before, s3.tables()) == []
    assert not (s3.home / "storage").exists()
