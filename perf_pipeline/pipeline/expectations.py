"""Expectations of stored rows, one table of rules, checked by great-expectations on data frames.

Heavy to import: only checks that run by themselves use this room, never an athlete's run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import great_expectations
import pandas as pd
from sqlalchemy import Connection, select

from perf_pipeline.formats.sports import SPORTS
from perf_pipeline.storage.tables import METADATA

gx: Any = great_expectations  # its modules export most names at run time only
gxe: Any = gx.expectations

KEYS = {
    "activities": "id",
    "activity_efforts": "id",
    "activity_metrics": "activity_id",
    "activity_loads": "activity_id",
    "daily_fitness": "date",
}
"""The column that names a row in a report. Never one that holds what a person wrote or where they were."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One expectation on one table: whether it holds, and keys of some rows that break it."""

    table: str
    expectation: str
    column: str
    holds: bool
    broken: int
    sample: tuple[str, ...]


def _rules() -> dict[str, list[Any]]:
    between, in_set, filled = (
        gxe.ExpectColumnValuesToBeBetween,
        gxe.ExpectColumnValuesToBeInSet,
        gxe.ExpectColumnValuesToNotBeNull,
    )
    return {
        "activities": [
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            in_set(column="type", value_set=list(SPORTS)),
            between(column="duration_seconds", min_value=0),
            between(column="moving_seconds", min_value=0),
            between(column="distance_meters", min_value=0, max_value=3_000_000),
            between(column="elevation_gain_meters", min_value=0, max_value=30_000),
            filled(column="fit_file_path"),
            gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                column_A="duration_seconds", column_B="moving_seconds", or_equal=True
            ),
        ],
        "activity_efforts": [
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            in_set(column="unit", value_set=["W", "m/s", "s/km", "s/100m"]),
            in_set(column="grade", value_set=["confirmed", "candidate", "rejected"]),
            between(column="value", min_value=0, strict_min=True),
            between(column="duration_seconds", min_value=1),
        ],
        "activity_metrics": [filled(column="unit"), filled(column="value")],
        "activity_loads": [
            between(column="load", min_value=0, max_value=3_000),
            in_set(column="method", value_set=["power", "pace", "swim", "heart_rate", "duration"]),
        ],
        "daily_fitness": [between(column="ctl", min_value=0), between(column="atl", min_value=0)],
    }


def examine_rows(connection: Connection, profiles: Sequence[UUID]) -> list[Verdict]:
    """Every rule on the rows of these athletes."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("tables")
    verdicts: list[Verdict] = []
    for name, rules in _rules().items():
        table = METADATA.tables[name]
        frame = pd.read_sql(select(table).where(table.c.profile_id.in_(list(profiles))), connection, coerce_float=True)
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows")
        found = batch.get_batch(batch_parameters={"dataframe": frame}).validate(
            gx.ExpectationSuite(name=name, expectations=rules),
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [KEYS[name]]},
        )
        verdicts += [_verdict(name, one) for one in found.results]
    return verdicts


def _verdict(table: str, result: Any) -> Verdict:
    kwargs = result.expectation_config.kwargs
    if result.exception_info.get("raised_exception"):
        raise RuntimeError(f"{result.expectation_config.type} on {table}: {result.exception_info['exception_message']}")
    rows = result.result.get("unexpected_index_list") or []
    return Verdict(
        table,
        result.expectation_config.type,
        kwargs.get("column") or f"{kwargs.get('column_A')}, {kwargs.get('column_B')}",
        bool(result.success),
        int(result.result.get("unexpected_count") or 0),
        tuple(str(row[KEYS[table]]) for row in rows[:5]),
    )
