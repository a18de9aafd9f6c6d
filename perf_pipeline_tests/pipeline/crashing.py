"""Kills the work at any of its calls to the store or the database."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection

from perf_pipeline.storage.objects import ObjectInfo, ObjectStore
from perf_pipeline.storage.warehouse import Lease


class Killed(BaseException):
    """What no `except Exception` catches, as a kill is caught by nothing."""


@dataclass
class Clock:
    """Counts calls, and kills before the one of that number (0: never)."""

    deadly: int = 0
    calls: list[str] = field(default_factory=list)

    def tick(self, call: str) -> None:
        self.calls.append(call)
        if len(self.calls) == self.deadly:
            raise Killed(call)


class CrashingStore(ObjectStore):
    """Another store, with a tick before each call."""

    def __init__(self, inner: ObjectStore, clock: Clock) -> None:
        self.inner = inner
        self.clock = clock

    def prepare(self) -> None:
        self.inner.prepare()

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        self.clock.tick(f"list {prefix}")
        return self.inner.list(prefix)

    def list_folders(self, prefix: str = "") -> builtins.list[str]:
        self.clock.tick(f"list_folders {prefix}")
        return self.inner.list_folders(prefix)

    def get(self, key: str) -> bytes:
        self.clock.tick(f"get {key}")
        return self.inner.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.clock.tick(f"put {key}")
        self.inner.put(key, data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self.clock.tick(f"put_if_absent {key}")
        return self.inner.put_if_absent(key, data)

    def find(self, key: str) -> ObjectInfo | None:
        self.clock.tick(f"find {key}")
        return self.inner.find(key)

    def delete(self, key: str) -> None:
        self.clock.tick(f"delete {key}")
        self.inner.delete(key)

    def move(self, source: str, target: str) -> None:
        self.clock.tick(f"move {target}")
        self.inner.move(source, target)

    def remove_empty_folders(self, prefix: str) -> None:
        self.inner.remove_empty_folders(prefix)

    def url(self, key: str = "") -> str:
        return self.inner.url(key)


@dataclass(frozen=True)
class CrashingLease(Lease):
    """Another lease, with a tick before a transaction begins, before it is committed, and after."""

    clock: Clock

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        self.clock.tick("begin")
        with Lease.transaction(self) as connection:
            yield connection
            self.clock.tick("commit")
        self.clock.tick("committed")
