"""An athlete with a store, a database and the stages to run on them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from perf_pipeline.pipeline.compute import Executor, InlineExecutor
from perf_pipeline.pipeline.history.duplicates import update_duplicates
from perf_pipeline.pipeline.history.fitness import update_fitness
from perf_pipeline.pipeline.history.impulse_response import update_impulse_response
from perf_pipeline.pipeline.history.loads import update_loads
from perf_pipeline.pipeline.history.notifications import update_notifications
from perf_pipeline.pipeline.history.relative_metrics import update_relative_metrics
from perf_pipeline.pipeline.history.thresholds import update_thresholds
from perf_pipeline.pipeline.history.wellness import update_wellness
from perf_pipeline.pipeline.intake import IntakeReport, take_in
from perf_pipeline.pipeline.month_work import MONTH_STAGES
from perf_pipeline.pipeline.months import MonthsReport, bring_up_to_date
from perf_pipeline.pipeline.restore import journalled, restore
from perf_pipeline.pipeline.snapshots import snapshot
from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import METADATA
from perf_pipeline.storage.warehouse import Lease, Warehouse
from perf_pipeline_tests.pipeline.crashing import Clock, CrashingLease, CrashingStore, Killed

LONG_AGO = 1_780_000_000.0
"""Modification time of what lies in the inbox unless a test says otherwise (28 May 2026)."""


@dataclass
class Athlete:
    """Everything that a stage is given, with defaults."""

    store: ObjectStore
    root: Path
    warehouse: Warehouse
    handle: str = "ann"
    executor: Executor = field(default_factory=InlineExecutor)
    clock: Clock | None = None
    wait_seconds: float = 0.0

    @property
    def profile_id(self) -> UUID:
        return self.warehouse.ensure_profile(self.handle)

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        with self.warehouse.athlete_lease(self.profile_id, "test", self.wait_seconds) as bare:
            lease: Lease = bare
            if self.clock is not None:
                lease = CrashingLease(bare.profile_id, bare.token, self.warehouse, self.clock)
            lease = journalled(lease, self.store, self.handle)
            restore(self.store, lease, self.handle, "workout_adaptations")
            yield lease

    @contextmanager
    def killed_at(self, call: int) -> Iterator[Clock]:
        """Work inside of the block is killed before that call to store or database (0: only counted)."""
        clock, intact = Clock(call), self.store
        self.clock, self.store = clock, CrashingStore(intact, clock)
        try:
            with suppress(Killed):
                yield clock
        finally:
            self.clock, self.store = None, intact

    def drop(self, name: str, data: bytes, modified: float = LONG_AGO) -> Path:
        """Puts a file into the inbox."""
        path = self.root / "inbox" / self.handle / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (modified, modified))
        return path

    def take_in(self, **changes: Any) -> IntakeReport:
        store = changes.pop("store", self.store)
        executor = changes.pop("executor", self.executor)
        options = {"settle_seconds": 2.0, "file_timeout_seconds": 60.0, **changes}
        with self.lease() as lease:
            return take_in(store, lease, self.handle, executor, **options)

    def months(self, stages: tuple[str, ...] = MONTH_STAGES, **changes: Any) -> MonthsReport:
        store = changes.pop("store", self.store)
        executor = changes.pop("executor", self.executor)
        options = {"stages": frozenset(stages), "file_timeout_seconds": 60.0, **changes}
        with self.lease() as lease:
            return bring_up_to_date(store, self.warehouse, lease, self.handle, executor, **options)

    def duplicates(self, **changes: Any) -> dict[str, int]:
        store = changes.pop("store", self.store)
        executor = changes.pop("executor", self.executor)
        with self.lease() as lease:
            return update_duplicates(
                store, self.warehouse, lease, self.handle, executor, file_timeout_seconds=60.0, **changes
            )

    def relate(self, today: date, **changes: Any) -> dict[str, int]:
        store = changes.pop("store", self.store)
        executor = changes.pop("executor", self.executor)
        with self.lease() as lease:
            return update_relative_metrics(
                store, self.warehouse, lease, self.handle, executor, today, file_timeout_seconds=60.0, **changes
            )

    def impulse_response(self, today: date) -> dict[str, int]:
        with self.lease() as lease:
            return update_impulse_response(self.warehouse, lease, today)

    def history(self, today: date) -> dict[str, dict[str, int]]:
        """All athlete-grain stages in their order."""
        with self.lease() as lease:
            return {
                "wellness": update_wellness(self.warehouse, lease, today),
                "thresholds": update_thresholds(self.warehouse, lease, today),
                "loads": update_loads(self.warehouse, lease, today),
                "fitness": update_fitness(self.warehouse, lease, today),
                "notifications": update_notifications(self.warehouse, lease, today),
            }

    def snapshot(self) -> dict[str, list[dict[str, Any]]]:
        with self.warehouse.begin() as connection:
            return snapshot(connection)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Every row of a table, by its name, in order of primary key."""
        with self.warehouse.begin() as connection:
            chosen = METADATA.tables[table]
            query = chosen.select().order_by(*chosen.primary_key.columns)
            return [dict(row) for row in connection.execute(query).mappings()]

    def keys(self, *prefixes: str) -> list[str]:
        """Keys of all objects below the prefixes (all of the store where none is given)."""
        return [info.key for prefix in prefixes or ("",) for info in self.store.list(prefix)]

    def contents(self, *prefixes: str) -> dict[str, bytes]:
        return {key: self.store.get(key) for key in self.keys(*prefixes)}

    def forget(self) -> None:
        """Empties database and store."""
        with self.warehouse.begin() as connection:
            connection.execute(METADATA.tables["profiles"].delete())
        for key in self.keys():
            self.store.delete(key)


@pytest.fixture(scope="package")
def shared_warehouse(postgres_home: Path) -> Iterator[Warehouse]:
    """One database for all tests of this folder: each begins by emptying it, which is faster than making another."""
    own = embedded_postgres.ensure_running(postgres_home)
    server, name = own.rpartition("/")[0], f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE perf_pipeline")
    with Warehouse.connect(f"{server}/{name}") as connected:
        yield connected


@pytest.fixture
def athlete(tmp_path: Path, shared_warehouse: Warehouse) -> Athlete:
    """An athlete `ann` with an empty directory store and an empty database."""
    root = tmp_path / "storage"
    store = ObjectStore.from_url(str(root))
    store.prepare()
    athlete = Athlete(store, root, shared_warehouse)
    athlete.forget()
    return athlete
