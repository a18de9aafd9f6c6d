"""What the inbox asks for: a pure decision over what lies there, who is being worked on, and who failed lately."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from perf_pipeline.pipeline import layout
from perf_pipeline.storage.objects import ObjectInfo

SINGLE_RUNS = 10
"""Up to this many athletes get a run each; more share runs."""
BATCH = 200
BATCHES_PER_TICK = 5
FIRST_BACK_OFF = timedelta(seconds=30)
LONGEST_BACK_OFF = timedelta(hours=1)
LARGEST_CLOCK_ERROR = timedelta(hours=1)
"""A file dated further into the future has a wrong date, and is not being written."""


@dataclass(frozen=True, slots=True)
class Failures:
    """How often in a row an athlete's runs failed, and when the last one did."""

    count: int
    last_at: datetime

    def until(self) -> datetime:
        """The moment from which the athlete may be tried again: doubling waits, up to an hour."""
        wait = FIRST_BACK_OFF * float(2 ** min(self.count - 1, 12))
        return self.last_at + min(wait, LONGEST_BACK_OFF)


@dataclass(frozen=True, slots=True)
class News:
    """What lies in the inbox. `ready` maps athlete to number of settled files."""

    ready: Mapping[str, int]
    growing: int
    misplaced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Runs to ask for. `held` are athletes with news who wait for a run to end or a back-off to pass."""

    single: tuple[str, ...]
    batches: tuple[tuple[str, ...], ...]
    held: tuple[str, ...]


def is_settled(modified: datetime, now: datetime, settle_seconds: float) -> bool:
    """Whether a file of that date has stopped growing (with `settle_seconds` 0 every file has)."""
    age = now - modified
    return settle_seconds <= 0 or age >= timedelta(seconds=settle_seconds) or age < -LARGEST_CLOCK_ERROR


def read_inbox(listing: Iterable[ObjectInfo], now: datetime, settle_seconds: float) -> News:
    """Sorts a listing of the inbox. Folders that may not name an athlete are left in place and named."""
    ready: dict[str, int] = {}
    growing = 0
    misplaced: set[str] = set()
    for item in listing:
        place = layout.split_inbox(item.key)
        if place is None or not layout.is_handle(place[0]):
            misplaced.add(_folder(item.key))
        elif is_settled(item.modified, now, settle_seconds):
            ready[place[0]] = ready.get(place[0], 0) + 1
        else:
            growing += 1
    return News(ready, growing, tuple(sorted(misplaced)))


def _folder(key: str) -> str:
    """The misplaced object's folder below the inbox, or itself where it lies in none; fit for a log."""
    named = "/".join(key.split("/")[:2])
    return named.encode(errors="replace").decode()


def plan_runs(
    news: News,
    busy: Collection[str],
    failures: Mapping[str, Failures],
    now: datetime,
    order: Callable[[str], str] = str,
) -> Plan:
    """Who gets a run now: every athlete with settled news, no unfinished run and no back-off.

    `order` is what brings athletes together who should share a run: their partition, where many have the same.
    """
    free, held = [], []
    for handle in sorted(news.ready, key=lambda handle: (order(handle), handle)):
        failed = failures.get(handle)
        if handle in busy or (failed is not None and now < failed.until()):
            held.append(handle)
        else:
            free.append(handle)
    if len(free) <= SINGLE_RUNS:
        return Plan(tuple(free), (), tuple(held))
    batches = [tuple(free[i : i + BATCH]) for i in range(0, len(free), BATCH)][:BATCHES_PER_TICK]
    return Plan((), tuple(batches), tuple(held))
