"""A reader in a process of its own that polls tables and Parquet while everything is rebuilt under it."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow.parquet as pq

from perf_pipeline.storage.objects import ObjectStore
from perf_pipeline.storage.tables import METADATA
from perf_pipeline_tests.reliability.world import ENDS_WITHIN, Child, World

TABLES = (
    "activities", "activity_efforts", "activity_metrics", "profile_metrics", "threshold_models", "activity_loads",
    "daily_fitness", "notifications", "month_outputs", "source_files", "arrivals",
)  # fmt: skip
_FORK = multiprocessing.get_context("fork")


@dataclass
class Seen:
    """What a reader met: how often it looked, and how many rows and Parquet records were not there when it did."""

    looks: int
    missing: int


@contextmanager
def polling(world: World) -> Iterator[list[Seen]]:
    """Polls until the end of the block; the list then has what was seen."""
    with _connect(world) as connection:
        wanted = _look(world, connection, ObjectStore.from_url(world.store_url))
    assert all(wanted[name] for name in ("activities", "parquet")), "there is nothing to miss"
    looks, missing, stop = (_FORK.Value("q", 0) for _ in range(3))
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            connection, store = _connect(world), ObjectStore.from_url(world.store_url)
            while not stop.value:
                now = _look(world, connection, store)
                missing.value += sum(max(0, count - now[name]) for name, count in wanted.items())
                looks.value += 1
            status = 0
        finally:
            os._exit(status)
    seen: list[Seen] = []
    try:
        deadline = time.monotonic() + ENDS_WITHIN
        while not looks.value and time.monotonic() < deadline:
            time.sleep(0.01)
        yield seen
    finally:
        stop.value = 1
        status = Child(pid)()
    if status:
        raise RuntimeError(f"the reader ended with {status}: something was not readable")
    seen.append(Seen(looks.value, missing.value))


def _connect(world: World) -> psycopg.Connection[Any]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return psycopg.connect(world.database_url, autocommit=True)


def _look(world: World, connection: psycopg.Connection[Any], store: ObjectStore) -> dict[str, int]:
    """Rows by table, and records in all Parquet objects: each is whole, or reading it fails."""
    counts = {}
    for name in TABLES:
        assert name in METADATA.tables
        counts[name] = connection.execute(f"select count(*) from {name}").fetchone()[0]  # type: ignore[index, arg-type]
    counts["parquet"] = 0
    for top in ("streams", "sessions"):
        for item in store.list(top):
            with io.BytesIO(store.get(item.key)) as data:
                counts["parquet"] += pq.read_table(data).num_rows
    return counts
