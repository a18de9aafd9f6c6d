"""Partitions: one dynamic partition an athlete. What is computed a month is inside a run, not a partition."""

from __future__ import annotations

import dagster as dg

ATHLETES = dg.DynamicPartitionsDefinition(name="athletes")
BACKFILL = dg.BackfillPolicy.multi_run(max_partitions_per_run=200)
"""A run costs seconds and an athlete's work milliseconds: many athletes share a run."""
