"""Verdicts on stored rows by great-expectations, and its Data Docs site on demand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
from sqlalchemy import Connection, Table

from perf_pipeline.pipeline.expectations.frames import (
    MONTHS,
    derived_columns,
    key_of,
    known_tables,
    read_months,
    read_rows,
)
from perf_pipeline.pipeline.expectations.suites import FRESHNESS, gx, suite_of, suite_of_months

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """One expectation on one table: whether it holds, and keys of some rows that break it."""

    table: str
    expectation: str
    column: str
    holds: bool
    broken: int
    sample: tuple[str, ...]
    severity: str

    @property
    def is_warning(self) -> bool:
        return self.severity == "warning"


def examine_rows(
    connection: Connection, profiles: Sequence[UUID], only: Collection[str] = (), docs: Path | None = None
) -> list[Verdict]:
    """The expectations on these athletes' rows of the tables named, or of all, and on their months (`MONTHS`).

    With `docs`, the Data Docs site is written into that folder.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("tables")
    if docs is not None:
        context.add_data_docs_site(site_name="docs", site_config=_site(docs))
    verdicts: list[Verdict] = []
    for table in (table for table in known_tables() if not only or table.name in only):
        frame = _frame(connection, table, profiles)
        verdicts += _verdicts(context, source, table.name, key_of(table), frame, suite_of(table))
    if not only or MONTHS in only:
        months = pd.DataFrame(read_months(connection, profiles), columns=["month", *FRESHNESS], dtype=object)
        verdicts += _verdicts(context, source, MONTHS, "month", months, suite_of_months())
    if docs is not None:
        context.build_data_docs()
    return verdicts


def _frame(connection: Connection, table: Table, profiles: Sequence[UUID]) -> pd.DataFrame:
    rows = read_rows(connection, table, profiles)
    columns = {column.name: [row[column.name] for row in rows] for column in table.columns}
    # Objects: what the database says, not what pandas makes of it.
    return pd.DataFrame({**columns, **derived_columns(connection, table, rows, profiles)}, dtype=object)


def _verdicts(
    context: Any, source: Any, name: str, key: str, frame: pd.DataFrame, suite: Sequence[Any]
) -> list[Verdict]:
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows")
    stored = context.suites.add(gx.ExpectationSuite(name=name, expectations=list(suite)))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=stored))
    found = definition.run(
        batch_parameters={"dataframe": frame},
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [key]},
    )
    return [_verdict(name, key, one) for one in found.results]


def _verdict(table: str, key: str, result: Any) -> Verdict:
    config = result.expectation_config
    if result.exception_info.get("raised_exception"):
        raise RuntimeError(f"{config.type} on {table}: {result.exception_info['exception_message']}")
    rows = result.result.get("unexpected_index_list") or []
    return Verdict(
        table,
        config.type,
        config.kwargs.get("column") or ", ".join(config.kwargs["column_list"]),
        bool(result.success),
        int(result.result.get("unexpected_count") or 0),
        tuple(str(row[key]) for row in rows[:SAMPLE]),
        str(getattr(config.severity, "value", config.severity)),
    )


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.absolute()),
        },
    }  # fmt: skip
