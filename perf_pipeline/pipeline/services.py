"""What every stage works with: storage, database and workers, opened once a run from the settings."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Self
from uuid import UUID

from perf_pipeline.pipeline import layout
from perf_pipeline.pipeline.compute import Executor, ProcessExecutor, make_executor
from perf_pipeline.pipeline.few_tasks import Attempts, FewHereExecutor
from perf_pipeline.pipeline.restore import journalled, restore
from perf_pipeline.settings import Settings
from perf_pipeline.storage import embedded_postgres
from perf_pipeline.storage.ids import profile_id_of
from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.warehouse import Lease, Warehouse

LEASE_WAIT_SECONDS = 600.0
"""How long a run waits for another that works on the same athlete. Dagster's queue normally spares the waiting."""


class HandleError(ValueError):
    """The text may not name an athlete."""

    def __init__(self, handle: str) -> None:
        super().__init__(
            f"'{handle}' may not name an athlete: use 1 to 63 of a-z, 0-9, '.', '_' and '-', a letter or digit first"
        )


def warehouse_url(settings: Settings) -> str:
    """URL of the tables' database; starts the embedded server where none is configured."""
    return settings.database_url or embedded_postgres.ensure_running(settings.home)


def dagster_url(settings: Settings) -> str:
    """URL of Dagster's own storage: a database beside the tables' one where nothing else is configured.

    The driver is named, because SQLAlchemy's default one breaks dagster-postgres.
    """
    if settings.dagster_database_url or settings.database_url:
        url = settings.dagster_database_url or settings.database_url or ""
    else:
        embedded_postgres.ensure_running(settings.home)
        url = embedded_postgres.dagster_url(settings.home)
    return "postgresql+psycopg2://" + url.split("://", 1)[1]


@dataclass
class Services:
    """Storage, database and workers of one run. Each is opened at its first use; `close` ends them."""

    settings: Settings
    _settled: set[str] = field(default_factory=set, init=False)

    @cached_property
    def store(self) -> ObjectStore:
        store = ObjectStore.from_url(self.settings.resolved_storage_url)
        if self.settings.storage_url is None:
            # The default folder is ours to make. One that somebody configured and that is not there is a mount gone
            # missing, and must not look like an empty store.
            store.prepare()
        return store

    @cached_property
    def warehouse(self) -> Warehouse:
        from perf_pipeline.pipeline.sql_models.building import ensure_models

        warehouse = Warehouse.connect(warehouse_url(self.settings))
        warehouse.migrate()
        # Views are there as soon as their tables are; where nothing has changed this is one query.
        ensure_models(warehouse.engine)
        return warehouse

    @cached_property
    def executor(self) -> Executor:
        executor = make_executor(self.settings.compute, self.settings.workers)
        return FewHereExecutor(executor, self._attempts) if isinstance(executor, ProcessExecutor) else executor

    @cached_property
    def _attempts(self) -> Attempts:
        return Attempts(lambda: self.store)

    @contextmanager
    def athlete(self, handle: str, run: str, stage: str | None = None) -> Iterator[Lease]:
        """The athlete's lease, held until the end: nobody else works on the athlete meanwhile.

        What its transactions change of what cannot be derived is journalled; an athlete whom this database does not
        know is first restored from the archive, as far as the `stage` at hand needs it. Whom it was seen to know whole
        is not looked for again: nobody erases an athlete whom a run is at work on.

        Raises `HandleError`, or `AthleteBusyError` after `LEASE_WAIT_SECONDS`.
        """
        if not layout.is_handle(handle):
            raise HandleError(handle)
        is_settled = handle in self._settled
        profile_id: UUID = profile_id_of(handle) if is_settled else self.warehouse.ensure_profile(handle)
        holder = f"{socket.gethostname()}:{os.getpid()}:{run}"
        with self._attempts.about(handle), self.warehouse.athlete_lease(profile_id, holder, LEASE_WAIT_SECONDS) as bare:
            lease = journalled(bare, self.store, handle)
            if not is_settled and restore(self.store, lease, handle, stage).all_there:
                self._settled.add(handle)
            yield lease

    def close(self) -> None:
        opened = vars(self)
        if "executor" in opened:
            self.executor.close()
            self._attempts.end()
        if "warehouse" in opened:
            self.warehouse.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
