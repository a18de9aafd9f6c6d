"""The embedded server survives what happens to servers, and is one, however many ask for it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.errors import DatabaseUnavailableError


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    embedded_postgres.remove(tmp_path)


def told(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def postmaster(home: Path) -> int:
    data = embedded_postgres._place(home).data
    return int((data / "postmaster.pid").read_text().split("\n", 1)[0])


def family(pid: int) -> list[int]:
    """The process and its children, by /proc."""
    found = [pid]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def kill_all(home: Path) -> None:
    """End the postmaster and its children as a crash of the machine would."""
    for pid in family(postmaster(home)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_the_server_starts_serves_both_databases_and_stops(home: Path) -> None:
    assert not embedded_postgres.is_running(home)
    assert not embedded_postgres.stop(home)
    url = embedded_postgres.ensure_running(home)
    assert embedded_postgres.is_running(home)
    assert embedded_postgres.ensure_running(home) == url
    assert told(url, "SELECT current_database()") == "perf_pipeline"
    dagster = embedded_postgres.dagster_url(home)
    assert dagster.startswith("postgresql+psycopg2://")
    assert told(dagster.replace("+psycopg2", ""), "SELECT current_database()") == "dagster"
    assert embedded_postgres.stop(home)
    assert not embedded_postgres.is_running(home)
    assert not embedded_postgres.stop(home)


def test_it_listens_to_this_machine_alone_and_wants_its_password(home: Path) -> None:
    url = embedded_postgres.ensure_running(home)
    assert told(url, "SHOW listen_addresses") == "127.0.0.1"
    assert told(url, "SHOW fsync") == "on"
    assert told(url, "SHOW synchronous_commit") == "on"
    password = home / "postgres" / "password"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password.read_text().strip(), "guessed"))


def test_what_was_committed_survives_a_kill_of_the_whole_server(home: Path) -> None:
    url = embedded_postgres.ensure_running(home)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    kill_all(home)
    assert told(embedded_postgres.ensure_running(home), "SELECT n FROM kept") == 42


def test_children_that_outlive_a_killed_postmaster_are_waited_for(home: Path) -> None:
    url = embedded_postgres.ensure_running(home)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
        os.kill(postmaster(home), signal.SIGKILL)
        assert told(embedded_postgres.ensure_running(home), "SELECT n FROM kept") == 42


def test_a_pid_file_that_names_a_living_stranger_is_not_believed(home: Path) -> None:
    embedded_postgres.ensure_running(home)
    place = embedded_postgres._place(home)
    text = (place.data / "postmaster.pid").read_text()
    owner = place.data.stat()
    kill_all(home)
    time.sleep(0.2)
    # A number is used again after a restart of the machine: here, by a process of the same user.
    switch = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], cwd="/", **switch) as stranger:
        (place.data / "postmaster.pid").write_text(f"{stranger.pid}\n" + text.split("\n", 1)[1])
        assert not embedded_postgres.is_running(home)
        assert not embedded_postgres.stop(home)
        assert told(embedded_postgres.ensure_running(home), "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_a_first_start_that_was_killed_half_way_is_done_again(home: Path) -> None:
    half = home / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert told(embedded_postgres.ensure_running(home), "SELECT 1") == 1


def test_a_port_that_somebody_took_is_left_to_him(home: Path) -> None:
    import socket

    embedded_postgres.ensure_running(home)
    port = int((home / "postgres" / "port").read_text())
    assert embedded_postgres.stop(home)
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.bind(("127.0.0.1", port))
        taker.listen()
        # The taker accepts and says nothing: asking it takes until the time-out of a connection.
        assert told(embedded_postgres.ensure_running(home), "SELECT 1") == 1
    assert int((home / "postgres" / "port").read_text()) != port


def test_processes_that_race_for_the_first_start_get_one_server(home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from perf_pipeline.storage import embedded_postgres as e;"
        "print(e.ensure_running(Path(sys.argv[1])))"
    )
    root = Path(embedded_postgres.__file__).parents[2]
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ}
        )
        for _ in range(3)
    ]
    urls = {racer.communicate(timeout=60)[0].strip() for racer in racers}
    assert len(urls) == 1
    # The server outlives those who started it.
    assert told(urls.pop(), "SELECT 1") == 1


def test_it_is_no_child_of_ours_and_of_a_group_of_its_own(home: Path) -> None:
    embedded_postgres.ensure_running(home)
    pid = postmaster(home)
    assert os.getpgid(pid) != os.getpgid(0)
    assert os.getsid(pid) != os.getsid(0)
    assert pid not in family(os.getpid())


def test_root_hands_the_server_to_an_unprivileged_user(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has privileges to hand away")
    embedded_postgres.ensure_running(home)
    assert Path(f"/proc/{postmaster(home)}").stat().st_uid != 0
    assert embedded_postgres._place(home).data.stat().st_uid != 0


_AS_NOBODY = """
import os, runpy, sys
from pathlib import Path
import psycopg
from perf_pipeline.storage import embedded_postgres as e
from perf_pipeline.storage import embedded_account
warm, own = Path(sys.argv[1]), Path(sys.argv[2])
e.ensure_running(warm); e.remove(warm)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
url = e.ensure_running(own)
with psycopg.connect(url) as connection:
    print(connection.execute("SELECT 40 + 2").fetchone()[0])
print(Path(f"/proc/{(own / 'postgres/data/postmaster.pid').read_text().split()[0]}").stat().st_uid)
e.remove(own)
"""


def test_an_ordinary_user_runs_it_as_himself(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("run by an ordinary user, all the other tests show this")
    import shutil
    import tempfile

    reachable = Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        os.chown(reachable, 65534, 65534)
        done = subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, str(tmp_path / "warm"), str(reachable)],
            capture_output=True, text=True, check=False, timeout=180,
            cwd=Path(embedded_postgres.__file__).parents[2],
        )  # fmt: skip
        assert done.stdout.split() == ["42", "65534"], done.stderr
    finally:
        shutil.rmtree(reachable, ignore_errors=True)


def test_a_start_that_fails_says_where_to_look(home: Path) -> None:
    embedded_postgres.ensure_running(home)
    embedded_postgres.stop(home)
    place = embedded_postgres._place(home)
    (place.data / "global" / "pg_control").unlink()
    original = embedded_postgres._START_SECONDS
    embedded_postgres._START_SECONDS = 1.0
    try:
        with pytest.raises(
            DatabaseUnavailableError, match=r"does not start.*pg_control.*server\.log.*PERF_DATABASE_URL"
        ):
            embedded_postgres.ensure_running(home)
    finally:
        embedded_postgres._START_SECONDS = original
