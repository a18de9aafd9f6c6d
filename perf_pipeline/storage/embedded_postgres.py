"""PostgreSQL without installing it: the binaries of a wheel, run as a server of this machine alone.

The server belongs to a home folder. Whoever needs it first starts it, under a file lock; it runs detached, until
`stop`. It is found by connecting to it and asking whose data it serves, never by a pid file alone.

`<home>/postgres/` holds `password` (0600), `port`, `server.log`, `lock`, and `data`; or, where the user that the server
runs as cannot reach the home, `data_location`, which names the folder that holds `data`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from perf_pipeline.storage.embedded_account import (
    Account,
    binaries_for,
    reachable,
    reachable_folder,
    server_account,
)
from perf_pipeline.storage.errors import DatabaseUnavailableError

USER = "perf_pipeline"
DATABASE = "perf_pipeline"
DAGSTER_DATABASE = "dagster"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and their details hold personal data: the log tells of errors without them.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LOG_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class _Place:
    """The files of one home's server."""

    folder: Path

    @property
    def password(self) -> Path:
        return self.folder / "password"

    @property
    def port(self) -> Path:
        return self.folder / "port"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def location(self) -> Path:
        return self.folder / "data_location"

    @property
    def data(self) -> Path:
        told = _read(self.location)
        return (Path(told) if told else self.folder) / "data"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time starts or stops the server; the lock goes with the process that holds it."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def ensure_running(home: Path) -> str:
    """The URL of the home's server, which runs when this returns; raises `DatabaseUnavailableError`."""
    place = _place(home)
    with _trouble(place):
        if not _answers(place):
            place.folder.mkdir(parents=True, exist_ok=True)
            with place.locked():
                if not _answers(place):
                    _start(place)
        return _url(place, DATABASE)


def is_running(home: Path) -> bool:
    """Whether the home's own server answers."""
    return _answers(_place(home))


def dagster_url(home: Path) -> str:
    """The URL of Dagster's database on the running server; it names the driver that Dagster needs."""
    place = _place(home)
    with _trouble(place):
        return _url(place, DAGSTER_DATABASE).replace("postgresql://", "postgresql+psycopg2://", 1)


def stop(home: Path) -> bool:
    """Stop the home's server: open sessions are ended, what was committed stays. Says whether there was one."""
    place = _place(home)
    if not place.folder.is_dir():
        return False
    with _trouble(place), place.locked():
        pid = _postmaster(place.data)
        if pid is None:
            return False
        for order in (signal.SIGINT, signal.SIGQUIT):  # fast; then immediate, after which it recovers from its log
            with suppress(ProcessLookupError):
                os.kill(pid, order)
            if _wait_until(lambda: not _serves(pid, place.data), _STOP_SECONDS):
                return True
    raise DatabaseUnavailableError(f"the embedded server (process {pid}) does not stop", f"Look at {place.log}")


def remove(home: Path) -> None:
    """Stop the home's server and delete its data, wherever that is."""
    stop(home)
    place = _place(home)
    with _trouble(place):
        shutil.rmtree(place.data, ignore_errors=True)
        if place.data.parent != place.folder:
            shutil.rmtree(place.data.parent, ignore_errors=True)
        shutil.rmtree(place.folder, ignore_errors=True)


def _place(home: Path) -> _Place:
    return _Place(home.expanduser().absolute() / "postgres")


def _url(place: _Place, database: str) -> str:
    password, port = place.password.read_text().strip(), place.port.read_text().strip()
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{database}"


@contextmanager
def _trouble(place: _Place) -> Iterator[None]:
    """Files that we may not read or write, said in words."""
    try:
        yield
    except PermissionError as error:
        raise DatabaseUnavailableError(
            f"the embedded server of {place.folder.parent} belongs to another user",
            "Run as the user that made it, set PERF_HOME to a folder of your own, or set PERF_DATABASE_URL",
            error,
        ) from error
    except FileNotFoundError as error:
        raise DatabaseUnavailableError(
            f"the embedded server of {place.folder.parent} was never started", "Run `perf-pipeline serve`", error
        ) from error
    except OSError as error:
        raise DatabaseUnavailableError(
            f"the embedded server of {place.folder.parent} cannot be used", f"Look at {place.log}", error
        ) from error


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a small file whole."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "w") as file:  # noqa: PTH123 - opened by descriptor, for its mode
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)


def _answers(place: _Place, database: str = DATABASE) -> bool:
    """Whether a server answers that knows our password and serves our data."""
    if _read(place.password) is None or _read(place.port) is None:
        return False
    try:
        with psycopg.connect(_url(place, database), connect_timeout=3, autocommit=True) as connection:
            row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and Path(str(row[0])) == place.data


def _start(place: _Place) -> None:
    """Start the server, making its data first where there is none. The caller holds the lock."""
    account = server_account(place.data)
    binaries = binaries_for(account)
    if not (place.data / "PG_VERSION").exists():
        _initialise(place, account, binaries)
    elif not reachable(place.data, account):
        raise DatabaseUnavailableError(
            f"{place.data} cannot be reached by the user {account.name!r}, as which the server runs",
            f"Let others pass through the folders above it (chmod o+x), or make {account.name!r} its owner again",
        )
    _run(place, account, binaries)
    _create_databases(place)


def _initialise(place: _Place, account: Account, binaries: Path) -> None:
    folder = place.folder if reachable_folder(place.folder, account) else account.folder_of_its_own()
    if folder != place.folder:
        _write(place.location, f"{folder}\n")
    for left_over in folder.glob("data.new*"):
        shutil.rmtree(left_over)
    fresh = folder / "data.new"
    password = _read(place.password) or secrets.token_urlsafe(24)
    _write(place.password, f"{password}\n", 0o600)
    fresh.mkdir(mode=0o700)
    handed = folder / "data.new.password"
    try:
        _write(handed, f"{password}\n", 0o600)
        account.give(fresh)
        account.give(handed)
        account.run(
            [
                str(binaries / "initdb"),
                f"--pgdata={fresh}",
                f"--username={USER}",
                f"--pwfile={handed}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
                "--data-checksums",
            ],
            "the embedded database cannot be made",
        )
    finally:
        handed.unlink(missing_ok=True)
    # Only data that is whole gets the name that counts.
    fresh.rename(folder / "data")


def _run(place: _Place, account: Account, binaries: Path) -> None:
    """Start the postmaster and wait until it takes connections."""
    if place.log.exists() and place.log.stat().st_size > _LOG_BYTES:
        place.log.replace(place.log.with_suffix(".log.1"))
    deadline = time.monotonic() + _START_SECONDS
    while True:
        pid = _postmaster(place.data)
        if pid is not None:
            # Somebody's start that was killed half-way left a server that is still coming up.
            if _wait_until(lambda: _answers(place, "postgres"), deadline - time.monotonic()):
                return
            raise _does_not_start(place, f"process {pid} serves the data, but does not answer")
        _forget_dead_postmaster(place.data)
        port = _free_port(place)
        _write(place.port, f"{port}\n")
        with place.log.open("ab") as log:
            options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
            started = subprocess.run(
                [
                    str(binaries / "pg_ctl"), "start", f"--pgdata={place.data}", "--silent", "--wait",
                    f"--timeout={int(_START_SECONDS)}", f"--options=-p {port} {options}",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", check=False,
                start_new_session=True, **account.popen_arguments(),
            )  # fmt: skip
        if started.returncode == 0 and _wait_until(lambda: _answers(place, "postgres"), 10):
            return
        # Children of a killed server hold its memory for a moment; a port may have been taken since we looked.
        if time.monotonic() > deadline:
            raise _does_not_start(place, _last_words(place.log))
        time.sleep(0.2)


def _does_not_start(place: _Place, reason: str) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(
        f"the embedded server of {place.folder.parent} does not start",
        f"Look at {place.log}, or set PERF_DATABASE_URL to another server",
        reason,
    )


def _create_databases(place: _Place) -> None:
    """Dagster's database first: where ours answers, both are there."""
    with psycopg.connect(_url(place, "postgres"), connect_timeout=10, autocommit=True) as connection:
        for name in (DAGSTER_DATABASE, DATABASE):
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if known is None:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())


def _free_port(place: _Place) -> int:
    """The port of last time where it is free, else another."""
    told = _read(place.port)
    for wanted in (int(told) if told and told.isdigit() else 0, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", wanted))
            port: int = probe.getsockname()[1]
            return port
    raise DatabaseUnavailableError("no port is free on 127.0.0.1", "Set PERF_DATABASE_URL to another server")


def _told_pid(data: Path) -> int | None:
    """The first line of postmaster.pid, which may be of a process long gone."""
    try:
        first = (data / "postmaster.pid").read_text().split("\n", 1)[0].strip()
    except FileNotFoundError:
        return None
    return int(first) if first.isdigit() else None


def _postmaster(data: Path) -> int | None:
    """The process that serves the data, None where there is none."""
    pid = _told_pid(data)
    return pid if pid is not None and _serves(pid, data) else None


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is alive (not a zombie) and a postmaster of this data folder."""
    status = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            state = status.read_text().rpartition(")")[2].split()[0]
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        told = subprocess.run(
            ["ps", "-ww", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        state, _, command = told.stdout.strip().partition(" ")
    return bool(state) and state[0] not in "ZX" and str(data) in command


def _forget_dead_postmaster(data: Path) -> None:
    """Take away the pid file of a killed server: the number may by now be of another process."""
    (data / "postmaster.pid").unlink(missing_ok=True)


def _wait_until(true: object, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _last_words(log: Path) -> str:
    with suppress(OSError):
        lines = log.read_text(errors="replace").strip().splitlines()
        fatal = [line for line in lines[-20:] if "FATAL" in line or "PANIC" in line]
        return (fatal or lines or ["no word in its log"])[-1]
    return "no word in its log"
