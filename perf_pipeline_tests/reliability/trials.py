"""Trials: a world is broken in one or several ways, resumes, and must end as an undisturbed one did."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg

from perf_pipeline_tests.reliability.proxies import (
    BROKEN,
    CUT,
    DENIED,
    HANG_UP,
    SLOW_DOWN,
    STALL,
    SWALLOW,
    TRUNCATE,
    Switch,
)
from perf_pipeline_tests.reliability.world import DONE, FAULT, TOLD, State, World, in_child, run

SERIALIZATION = "could not serialize access"
_TABLES = ("source_files", "arrivals", "activities", "activity_efforts", "month_outputs", "threshold_models",
           "daily_fitness", "notifications", "journal_pending")  # fmt: skip
_MOST_FAULTS = 4


@dataclass
class Tally:
    """Faults that were survived, by kind, and what went wrong, in words."""

    survived: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass
class Breaker:
    """A world, the proxy before its database, and the state that it must end in."""

    world: World
    proxy_url: str
    switch: Switch
    dice: random.Random
    faults: Sequence[tuple[str, Callable[[Breaker], tuple[int, bool]]]] = ()
    storage: Switch | None = None
    bytes: int = 1
    requests: int = 1
    wanted: State | None = None

    def prepare(self) -> None:
        """An undisturbed run: what it leaves, how long it takes, how many calls and bytes it makes."""
        # Once in this process: what is imported and compiled here, no fork has to.
        self.world.begin()
        if not self.world.is_bucket:
            run(self.world)
            self.world.begin()
        began = time.monotonic()
        for switch in filter(None, (self.switch, self.storage)):
            switch.set(0, 0)
        self.world.count = multiprocessing.Value("q", 0)
        assert in_child(lambda: run(self.world, database_url=self.proxy_url)) == DONE
        self.world.calls, self.world.count = int(self.world.count.value), None
        self.world.seconds = time.monotonic() - began
        self.bytes = max(1, self.switch.seen.value)
        self.requests = max(1, self.storage.seen.value) if self.storage else 1
        self.wanted = self.world.state()
        assert in_child(lambda: run(self.world)) == DONE
        assert self.world.state().unlike(self.wanted) == []

    def trial(self, tally: Tally) -> None:
        """One to four faults, a resumption, and the comparison; the faults count where all of it is equal."""
        assert self.wanted is not None
        self.world.begin()
        struck: list[str] = []
        for _ in range(self.dice.randint(1, _MOST_FAULTS)):
            kind, strike = self.dice.choice(self.faults or FAULTS)
            status, hit = strike(self)
            if status == FAULT:
                tally.failures.append(f"{kind}: an exception that names neither storage nor database")
                return
            if hit:
                struck.append(kind)
        began = time.monotonic()
        status = in_child(lambda: run(self.world))
        if status != DONE:
            tally.failures.append(f"{', '.join(struck)}: the resumption ended with {status}")
            return
        unlike = self.world.state().unlike(self.wanted)
        if unlike:
            tally.failures.append(f"{', '.join(struck)}: {'; '.join(unlike[:5])}")
            return
        if self.dice.random() < 0.1:
            self.world.lose_database()
            if in_child(lambda: run(self.world)) != DONE or (unlike := self.world.state().unlike(self.wanted)):
                tally.failures.append(f"database lost after {', '.join(struck)}: {'; '.join(unlike[:5])}")
                return
            struck.append("database lost")
        # The machine may have become slower or faster: kills shall go on to hit all of the run.
        self.world.seconds = max(0.7 * self.world.seconds, min(1.5 * self.world.seconds, time.monotonic() - began))
        tally.survived.update(struck)

    # --- faults: each tells how the process ended, and whether the fault struck -----------------------------------

    def killed_in_time(self) -> tuple[int, bool]:
        status = in_child(lambda: run(self.world), kill_after=self.dice.uniform(0, self.world.seconds))
        return status, status == -9

    def killed_at_call(self) -> tuple[int, bool]:
        call = self.dice.randint(1, self.world.calls)
        status = in_child(lambda: run(self.world, kill_at=call))
        return status, status == -9

    def disk_full(self) -> tuple[int, bool]:
        room = int(10 ** self.dice.uniform(1.5, 4.5))
        status = in_child(lambda: run(self.world, file_bytes=room))
        return status, status == TOLD

    def connection(self, kind: int) -> tuple[int, bool]:
        self.switch.set(kind, self.dice.randint(1, self.bytes))
        status = in_child(lambda: run(self.world, database_url=self.proxy_url))
        return status, bool(self.switch.clear())

    def request(self, kind: int) -> tuple[int, bool]:
        assert self.storage is not None
        self.storage.set(kind, self.dice.randint(1, self.requests))
        status = in_child(lambda: run(self.world))
        return status, bool(self.storage.clear())

    def statement_timeout(self) -> tuple[int, bool]:
        wait = self.dice.randint(1, 8)
        url = f"{self.world.database_url}?options=-cstatement_timeout%3D{wait}"
        status = in_child(lambda: run(self.world, database_url=url))
        return status, status == TOLD

    def serialization_failure(self) -> tuple[int, bool]:
        with failing_writes(self.world.database_url, self.dice.choice(_TABLES)):
            status = in_child(lambda: run(self.world))
        return status, status == TOLD


@contextmanager
def failing_writes(url: str, table: str) -> Iterator[None]:
    """The server refuses every write to the table as it refuses one that cannot be serialized."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"""
            create function refuse() returns trigger language plpgsql as
            $$ begin raise exception '{SERIALIZATION}' using errcode = '40001'; end $$""")
        connection.execute(
            f"create trigger refuse before insert or update on {table} for each statement execute function refuse()"
        )
        try:
            yield
        finally:
            connection.execute("drop function refuse cascade")


FAULTS: tuple[tuple[str, Callable[[Breaker], tuple[int, bool]]], ...] = (
    *(("kill -9 at a moment", Breaker.killed_in_time),) * 4,
    *(("kill -9 before a call", Breaker.killed_at_call),) * 4,
    ("no room left", Breaker.disk_full),
    ("connection dropped", lambda breaker: breaker.connection(CUT)),
    ("connection dropped after the server was told", lambda breaker: breaker.connection(SWALLOW)),
    ("connection hangs", lambda breaker: breaker.connection(STALL)),
    ("statement timeout", Breaker.statement_timeout),
    ("serialization failure", Breaker.serialization_failure),
)
"""Kills outweigh the others: they hit everywhere."""
S3_FAULTS: tuple[tuple[str, Callable[[Breaker], tuple[int, bool]]], ...] = (
    ("kill -9 at a moment (S3)", Breaker.killed_in_time),
    ("kill -9 before a call (S3)", Breaker.killed_at_call),
    ("503 SlowDown", lambda breaker: breaker.request(SLOW_DOWN)),
    ("500", lambda breaker: breaker.request(BROKEN)),
    ("answer cut short", lambda breaker: breaker.request(TRUNCATE)),
    ("no answer", lambda breaker: breaker.request(HANG_UP)),
    ("access denied", lambda breaker: breaker.request(DENIED)),
)
