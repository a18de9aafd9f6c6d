"""A small world to break: an athlete with an inbox, a store and a database, and a process that brings all up to date.

The process is a fork of this one, so that a trial costs milliseconds and not an interpreter's start; it is killed for
real. What it leaves is compared with what an undisturbed one left: every table, every object, and every row of the
journal.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import text

from perf_pipeline.pipeline.compute import InlineExecutor
from perf_pipeline.pipeline.history.thresholds import update_thresholds
from perf_pipeline.pipeline.journal import KINDS, newest_rows
from perf_pipeline.pipeline.second_chance import try_again
from perf_pipeline.pipeline.snapshots import differences
from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.errors import StorageError
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.objects_local import LocalObjectStore
from perf_pipeline.storage.tables import BOOKKEEPING_COLUMNS
from perf_pipeline.storage.warehouse import Warehouse
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import LONG_AGO, Athlete
from perf_pipeline_tests.pipeline.crashing import Clock, CrashingStore
from perf_pipeline_tests.s3_serving import S3Server

TODAY = date(2026, 6, 10)
ENDS_WITHIN = 120.0
DONE, TOLD, FAULT = 0, 3, 4
"""How the process ends: well; with an error that names storage or database; with a fault of ours."""


def files() -> dict[str, bytes]:
    """A week of a small athlete: two months, three formats, a copy, a sidecar, a profile, two that cannot be read."""
    best = making.fit(making.powers("2026-05-04", (180, 330), (300, 300), (720, 270), rest=30))
    return {
        "a.fit": best, "again.fit.gz": making.gzipped(best), "b.gpx": making.gpx(making.run("2026-05-05", 3)),
        "c.tcx": making.tcx(making.ride("2026-06-01", 2)), "a.yaml": b"name: Test\n", "profile.yaml": b"sex: f\n",
        "broken.fit": making.corrupt(best), "note.txt": b"?",
        "d.zip": making.zipped({"d.fit": making.fit(making.powers("2026-06-08", (180, 350), (300, 320), rest=30))}),
    }  # fmt: skip


@dataclass(frozen=True)
class State:
    """What a run leaves: rows without bookkeeping, objects but for the journal, the journal's rows."""

    rows: dict[str, list[dict[str, Any]]]
    objects: dict[str, bytes]
    journal: dict[str, dict[str, dict[str, Any]]]

    def unlike(self, other: State) -> list[str]:
        """What differs, in words."""
        found = differences(other.rows, self.rows)
        for what, mine, theirs in (("object", self.objects, other.objects), ("journal", self.journal, other.journal)):
            found += [f"{what} {key}" for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key)]
        return found


@dataclass
class World:
    """The athlete `ann` in a folder (or bucket) and a database of their own."""

    root: Path
    store_url: str
    database_url: str
    inputs: Mapping[str, bytes]
    seconds: float = 1.0
    calls: int = 100
    count: Any = None

    def begin(self) -> None:
        """Back to the day on which nothing had been taken in, and the inbox was full."""
        if self.is_bucket:
            # The client of a bucket does not like to be forked: this process has none.
            assert in_child(self._begin) == DONE
        else:
            self._begin()

    def _begin(self) -> None:
        athlete = self.athlete()
        with athlete.warehouse as warehouse:
            with warehouse.begin() as connection:
                connection.execute(text("delete from profiles"))
            store = athlete.store
            store.delete_many([item.key for item in store.list()])
            self.fill(store)

    def fill(self, store: ObjectStore) -> None:
        for name, data in self.inputs.items():
            store.put(f"inbox/ann/{name}", data)
            path = self.root / "inbox" / "ann" / name
            if not self.is_bucket:
                os.utime(path, (LONG_AGO, LONG_AGO))

    @property
    def is_bucket(self) -> bool:
        return self.store_url.startswith("s3://")

    def athlete(self, database_url: str | None = None, **changes: Any) -> Athlete:
        store = ObjectStore.from_url(self.store_url)
        name = changes.pop("name", "perf_pipeline")
        warehouse = Warehouse.connect(database_url or self.database_url, application_name=name)
        return Athlete(store, self.root, warehouse, **changes)

    def state(self) -> State:
        athlete = self.athlete()
        athlete.store = LocalObjectStore(self.root)  # the server's own folder, where it is a bucket
        with athlete.warehouse:
            rows, objects = athlete.snapshot(), athlete.contents()
        journal = {}
        for kind in KINDS:
            entries = {key: data for key, data in objects.items() if f"/journal/{kind.name}/" in key}
            told = newest_rows(entries, kind.key)
            journal[kind.name] = {
                key: {name: value for name, value in row.items() if name not in BOOKKEEPING_COLUMNS}
                for key, row in told.items()
            }
        kept = {key: _timeless(key, data) for key, data in objects.items() if "/journal/" not in key}
        return State(rows, kept, journal)

    def lose_database(self) -> None:
        with Warehouse.connect(self.database_url) as warehouse, warehouse.begin() as connection:
            connection.execute(text("delete from profiles"))


def _timeless(key: str, data: bytes) -> bytes:
    """The object without the time of arrival, which a bucket sets anew for each trial."""
    if not (key.startswith("quarantine/") and key.endswith(".json")):
        return data
    return json.dumps({name: value for name, value in json.loads(data).items() if name != "received_at"}).encode()


def bring_up_to_date(athlete: Athlete) -> None:
    """All stages, as a run would do them."""
    with athlete.lease() as lease:
        try_again(athlete.store, athlete.warehouse, lease, "ann", athlete.executor, file_timeout_seconds=60)
    athlete.take_in(settle_seconds=0)
    athlete.months()
    athlete.duplicates()
    athlete.history(TODAY)


@dataclass
class Child:
    """A fork at work; called, it waits for its end and tells the exit status.

    One that does not end in its time is killed, after it has said where it is; that is a `TimeoutError`.
    """

    pid: int

    def __call__(self, within_seconds: float = ENDS_WITHIN) -> int:
        deadline = time.monotonic() + within_seconds
        while time.monotonic() < deadline:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)
        os.kill(self.pid, signal.SIGUSR1)
        time.sleep(0.5)
        self.end()
        raise TimeoutError(f"process {self.pid} was not done within {within_seconds:g} s: see its stack on stderr")

    def end(self) -> None:
        """Kills it, stopped or not, if it is still there."""
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def child(work: Callable[[], None]) -> Child:
    """Begins the work in a fork."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        faulthandler.register(signal.SIGUSR1, sys.__stderr__)
        os._exit(_ended(work))
    return Child(pid)


def in_child(work: Callable[[], None], kill_after: float | None = None) -> int:
    """Runs the work in a fork; its exit status, -9 where it was killed (after so many seconds, or by itself)."""
    started = child(work)
    pid = started.pid
    if kill_after is not None:
        deadline = time.monotonic() + kill_after
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
    return started()


def _ended(work: Callable[[], None]) -> int:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - a fork must not go on into its parent's code
        if isinstance(error, (StorageError, psycopg.Error)) or type(error).__module__.startswith("sqlalchemy."):
            return TOLD
        traceback.print_exc()
        return FAULT
    return DONE


class KillingClock(Clock):
    """Kills this process, for real, before the call of that number."""

    def tick(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def run(world: World, *, database_url: str | None = None, kill_at: int = 0, file_bytes: int = 0) -> None:
    """The work of the child. `file_bytes` is the largest file that there is room for."""
    if file_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    athlete = world.athlete(database_url, executor=InlineExecutor())
    clock = KillingClock(kill_at)
    athlete.clock, athlete.store = clock, CrashingStore(athlete.store, clock)
    with athlete.warehouse:
        bring_up_to_date(athlete)
    if world.count is not None:
        world.count.value = len(clock.calls)


def rebuild(world: World) -> None:
    """Everything derived computed again, whether it is up to date or not."""
    athlete = world.athlete()
    with athlete.warehouse:
        athlete.months(full_refresh=True)
        athlete.duplicates(full_refresh=True)
        with athlete.lease() as lease:
            update_thresholds(athlete.warehouse, lease, TODAY, full_refresh=True)
        athlete.history(TODAY)


@contextmanager
def own_database(home: Path) -> Iterator[str]:
    """A database of its own on the home's server, at the head of the schema."""
    server = embedded_postgres.ensure_running(home).rpartition("/")[0]
    name = f"faults_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE perf_pipeline")
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    try:
        yield f"{server}/{name}"
    finally:
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def s3_world(home: Path, server: S3Server, endpoint: str) -> Iterator[World]:
    """A world in a bucket of its own, reached through the endpoint given (that of a proxy)."""
    bucket = f"faults-{uuid.uuid4().hex}"
    (server.folder / bucket).mkdir()
    before = dict(os.environ)
    os.environ.update({**server.variables, "AWS_ENDPOINT_URL": endpoint})
    try:
        with own_database(home) as url:
            yield World(server.folder / bucket / "some", f"s3://{bucket}/some", url, files())
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def local_world(home: Path, folder: Path) -> Iterator[World]:
    """A world in a directory, with the state that an undisturbed run leaves still to be made."""
    root = folder / "storage"
    root.mkdir(parents=True)
    with own_database(home) as url:
        yield World(root, str(root), url, files())
    shutil.rmtree(root)
