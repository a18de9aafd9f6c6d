"""What the outside world gets wrong: each a clear message that names the thing and the remedy, and nothing lost."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import uuid

import psycopg
import pytest

from perf_pipeline.storage import embedded_postgres
from perf_pipeline_tests.beside import beside


@pytest.fixture
def ride(tmp_path, rides):
    path = tmp_path / "ride.fit"
    path.write_bytes(rides[0])
    return path


@pytest.fixture
def closed_port():
    """A port of this machine at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("handle", ["Ann", "../ann", "x" * 64])
def test_a_name_that_may_not_be_an_athlete_is_a_mistake_in_the_command(terminal, ride, handle):
    said = terminal.complaint("ingest", ride, f"--athlete={handle}", status=2)
    assert "may not name an athlete: use 1 to 63 of a-z, 0-9, '.', '_' and '-'" in said


def test_a_path_that_is_not_there_is_a_mistake_in_the_command(terminal, tmp_path):
    said = terminal.complaint("ingest", tmp_path / "nope", "--athlete", "ann", status=2)
    assert "does not exist" in said
    assert "nope" in said


@pytest.mark.parametrize("month", ["2024-1", "2024-13"])
def test_a_month_that_is_none_is_a_mistake_in_the_command(terminal, month):
    assert f"'{month}' is not a month; write YYYY-MM" in terminal.complaint("rebuild", "--since", month, status=2)


def test_months_in_the_wrong_order_are_a_mistake_in_the_command(terminal):
    said = terminal.complaint("rebuild", "--since", "2024-02", "--until", "2024-01", status=2)
    assert "--since 2024-02 lies after --until 2024-01" in said


def test_a_pipe_given_by_name_does_not_hang(terminal, tmp_path):
    os.mkfifo(tmp_path / "pipe.fit")
    said = terminal.run("ingest", tmp_path / "pipe.fit", "--athlete", "ann", timeout=60)
    assert said.status == 1
    assert said.err.strip() == f"not read: {tmp_path / 'pipe.fit'}: a named pipe, not a file"


def test_an_athlete_whom_nobody_knows_cannot_be_rebuilt(terminal):
    assert "no athlete zoe: nothing has been taken in under that name" in terminal.one_line("rebuild", "-a", "zoe")


def test_a_folder_without_files_is_said_to_be_empty(terminal, tmp_path):
    (tmp_path / "empty").mkdir()
    said = terminal.ok("ingest", tmp_path / "empty", "-a", "ann")
    assert said.err.strip() == f"there is no file below {tmp_path / 'empty'}"


def test_a_storage_folder_that_is_not_there_is_a_mount_gone_missing(terminal, ride, tmp_path):
    for command in (["ingest", ride, "-a", "ann"], ["status"]):
        said = terminal.one_line(*command, PERF_STORAGE_URL=str(tmp_path / "mount"))
        assert said.startswith(f"error: the storage directory {tmp_path / 'mount'} is not there. Mount or make it")
    assert not (tmp_path / "mount").exists()


def aws(endpoint, key="anybody", secret="anything"):  # noqa: S107 - deliberately none that opens
    return {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip


def test_an_unreachable_bucket_is_named_with_its_endpoint(terminal, ride, closed_port):
    endpoint = f"http://127.0.0.1:{closed_port}"
    said = terminal.one_line("ingest", ride, "-a", "ann", PERF_STORAGE_URL="s3://bucket/prefix", **aws(endpoint))
    assert said.startswith(f"error: cannot reach s3://bucket/prefix at {endpoint}")
    assert "Check the network and AWS_ENDPOINT_URL, then run again" in said


def test_a_bucket_that_is_not_there_is_named(terminal, ride, s3_server):
    good = aws(s3_server.endpoint, s3_server.access_key, s3_server.secret_key)
    said = terminal.one_line("ingest", ride, "-a", "ann", PERF_STORAGE_URL="s3://nobody/x", **good)
    assert "s3://nobody/x" in said
    assert "Make the bucket, or correct PERF_STORAGE_URL" in said


def test_wrong_credentials_are_named_and_not_shown(terminal, ride, s3_server):
    (s3_server.folder / "bucket").mkdir(exist_ok=True)
    wrong = aws(s3_server.endpoint, s3_server.access_key, "hush-hush")
    said = terminal.one_line("ingest", ride, "-a", "ann", PERF_STORAGE_URL="s3://bucket/x", **wrong)
    assert "Correct the AWS credentials" in said or "Correct AWS_SECRET_ACCESS_KEY" in said
    assert "hush-hush" not in said


def test_a_database_that_is_down_is_named_without_its_password(terminal, closed_port):
    url = f"postgresql://me:hush@127.0.0.1:{closed_port}/perf"
    said = terminal.one_line("status", PERF_DATABASE_URL=url)
    assert said.startswith(f"error: cannot connect to the database 'perf' at 127.0.0.1:{closed_port}")
    assert said.endswith("Start the database, or correct PERF_DATABASE_URL")
    assert "hush" not in said


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PERF_DATABASE_URL", "mysql://u:hush@h/d", "PERF_DATABASE_URL must look like postgresql://user:password@host"),
        ("PERF_DATABASE_URL", "postgresql://h", "the database URL names no database"),
        ("PERF_DATABASE_URL", "postgresql://u:hush@h:port/d", "the database URL cannot be read"),
        ("PERF_STORAGE_URL", "ftp://host/x", "PERF_STORAGE_URL must be a folder, file:///folder or s3://bucket/prefix"),
        ("PERF_STORAGE_URL", "s3:///x", "names no bucket"),
    ],
)
def test_a_wrong_address_is_named_with_the_right_form(terminal, variable, value, message):
    said = terminal.one_line("status", **{variable: value})
    assert message in said
    assert "hush" not in said


def test_a_home_that_is_a_file_is_named(terminal, ride):
    said = terminal.one_line("status", PERF_HOME=str(ride))
    assert str(ride) in said


def test_doctor_goes_on_after_the_first_fault_and_ends_with_1(terminal, tmp_path, closed_port):
    said = terminal.run(
        "doctor", "--json", PERF_STORAGE_URL=str(tmp_path / "gone"),
        PERF_DATABASE_URL=f"postgresql://me:hush@127.0.0.1:{closed_port}/perf",
    )  # fmt: skip
    assert said.status == 1
    assert {finding["what"] for finding in said.json if not finding["ok"]} == {
        "storage", "database", "Dagster's database",
    }  # fmt: skip
    assert "hush" not in said.out + said.err


def test_a_port_that_is_taken_is_named_before_anything_starts(terminal):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = terminal.one_line("serve", "--port", str(port))
    assert f"the UI cannot listen at 127.0.0.1:{port} (Address already in use)" in said


@pytest.fixture
def own_database(terminal):
    """Two databases of this test's own on the module's server: the tables' and Dagster's."""
    server = embedded_postgres.ensure_running(terminal.home).rpartition("/")[0]
    names = [f"own_{uuid.uuid4().hex}", f"own_{uuid.uuid4().hex}"]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
    yield [f"{server}/{name}" for name in names]
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_a_running_database_is_used_where_it_is_named(terminal, own_database, tmp_path, ride):
    """The tables and Dagster's storage may be one database or two; the home then holds no server."""
    home = str(tmp_path / "home")
    variables = {"PERF_DATABASE_URL": own_database[0], "PERF_HOME": home}
    assert terminal.ok("ingest", ride, "-a", "ann", "--json", **variables).json["archived"] == 1
    assert not (tmp_path / "home" / "postgres").exists()
    with psycopg.connect(own_database[0]) as connection:
        assert connection.execute("select count(*) from activities").fetchone() == (1,)


def test_a_database_that_goes_away_in_mid_run_ends_in_a_clear_line(terminal, own_database, tmp_path, rides):
    """All sessions are cut and no new one is let in, as when a server is shut down."""
    folder = tmp_path / "given"
    folder.mkdir()
    for number, data in enumerate(rides[:4]):
        (folder / f"{number}.fit").write_bytes(data)
    variables = {
        "PERF_DATABASE_URL": own_database[0], "PERF_DAGSTER_DATABASE_URL": own_database[1],
        "PERF_HOME": str(tmp_path / "home"),
    }  # fmt: skip
    terminal.ok("status", **variables)
    server, name = own_database[0].rsplit("/", 1)
    stop = threading.Event()

    def cut():
        """Waits for the archive to fill, then pulls the plug."""
        archive = tmp_path / "home" / "storage" / "archive"
        while not stop.is_set() and not any(archive.rglob("*.fit")):
            stop.wait(0.02)
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    try:
        with beside(cut, stop=stop):
            said = terminal.complaint("ingest", folder, "-a", "ann", **variables)
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert "database" in said
    assert "run again" in said.lower() or "PERF_DATABASE_URL" in said
    password = (terminal.home / "postgres" / "password").read_text().strip()
    assert password not in said
    again = terminal.ok("ingest", folder, "-a", "ann", "--json", **variables).json
    assert again["archived"] == 4


def test_a_full_disk_is_said_to_be_full_and_loses_nothing(terminal, tmp_path, rides):
    mount = tmp_path / "small"
    mount.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small file system can only be mounted by root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(mount)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        folder = tmp_path / "given"
        folder.mkdir()
        for number in range(8):
            (folder / f"{number}.fit").write_bytes(rides[number] * 4)
        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        said = terminal.one_line("ingest", folder, "-a", "ann", PERF_STORAGE_URL=str(mount))
        assert "is full" in said or "no room" in said.lower()
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    finally:
        subprocess.run(["umount", str(mount)], check=True, timeout=30)
