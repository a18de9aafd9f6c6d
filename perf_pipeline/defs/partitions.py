"""Partitions: one dynamic partition an athlete, or a bucket of athletes where there are too many for that.

Dagster advises at most 100,000 partitions an asset. With `PERF_COHORTS=1024` a partition is a cohort: the athletes
whose handles have the same hash, modulo 1024. The cohorts are a partition set of their own name, so that switching
there and back loses no history, and nothing in tables or archive knows of them. What is computed a month is inside a
run, not a partition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import dagster as dg

from perf_pipeline.settings import load_settings

COHORTS = load_settings().cohorts
"""How many cohorts there are; 0 where every athlete is a partition."""


def set_name(cohorts: int) -> str:
    """Name of the partition set."""
    return f"cohorts_{cohorts}" if cohorts else "athletes"


def key_of(handle: str, cohorts: int | None = None) -> str:
    """The partition that the athlete is in.

    >>> key_of("ann", 0), key_of("ann", 1024), key_of("bob", 1024)
    ('ann', 'cohort-0046', 'cohort-0730')
    """
    cohorts = COHORTS if cohorts is None else cohorts
    if not cohorts:
        return handle
    return _cohort(int.from_bytes(hashlib.sha256(handle.encode()).digest()[:8]) % cohorts, cohorts)


def keys_for(handles: Iterable[str]) -> list[str]:
    """The partitions that must be there for these athletes.

    All cohorts at once, so that their order is that of their numbers, and athletes who are close in it share few.
    """
    if not COHORTS:
        return list(dict.fromkeys(handles))
    return [_cohort(number, COHORTS) for number in range(COHORTS)] if any(True for _ in handles) else []


def _cohort(number: int, cohorts: int) -> str:
    return f"cohort-{number:0{len(str(cohorts))}d}"


ATHLETES = dg.DynamicPartitionsDefinition(name=set_name(COHORTS))
BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=200 if not COHORTS else 8)
"""A run costs seconds and an athlete's work milliseconds: many athletes share a run."""
