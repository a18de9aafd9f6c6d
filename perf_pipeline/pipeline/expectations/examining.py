"""Verdicts on stored rows by great-expectations, and its Data Docs site on demand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
from sqlalchemy import Connection

from perf_pipeline.pipeline.expectations.frames import (
    MONTHS,
    frame_of,
    key_of,
    known_tables,
    read_months,
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
    connection: Connection,
    profiles: Sequence[UUID],
    only: Collection[str] = (),
    docs: Path | None = None,
    since: datetime | None = None,
) -> list[Verdict]:
    """The expectations on these athletes' rows of the tables named, or of all, and on their months (`MONTHS`).

    With `since`, on what was written of their activities from then on. With `docs`, the Data Docs site is written into
    that folder.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("tables")
    if docs is not None:
        context.add_data_docs_site(site_name="docs", site_config=_site(docs))
    verdicts: list[Verdict] = []
    for name, key, frame, suite in _frames(connection, profiles, only, since):
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("rows")
        if docs is None:
            verdicts += _validated(batch, name, key, frame, suite)
        else:
            verdicts += _documented(context, batch, name, key, frame, suite)
    if docs is not None:
        context.build_data_docs()
    return verdicts


def merged(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """One verdict for each expectation, of those on several groups of athletes."""
    found: dict[tuple[str, str, str, str], Verdict] = {}
    for one in verdicts:
        key = one.table, one.expectation, one.column, one.severity
        if (so_far := found.get(key)) is not None:
            sample = (*so_far.sample, *one.sample)[:SAMPLE]
            one = replace(one, holds=so_far.holds and one.holds, broken=so_far.broken + one.broken, sample=sample)  # noqa: PLW2901
        found[key] = one
    return list(found.values())


def _frames(
    connection: Connection, profiles: Sequence[UUID], only: Collection[str], since: datetime | None
) -> Iterator[tuple[str, str, pd.DataFrame, list[Any]]]:
    """By table: its name, the column that names its rows, the rows, and what is expected of them."""
    for table in known_tables():
        if not only or table.name in only:
            yield table.name, key_of(table), frame_of(connection, table, profiles, since), suite_of(table)
    if not only or MONTHS in only:
        months = pd.DataFrame(read_months(connection, profiles), columns=["month", *FRESHNESS], dtype=object)
        yield MONTHS, "month", months, suite_of_months()


def _validated(batch: Any, name: str, key: str, frame: pd.DataFrame, suite: Sequence[Any]) -> list[Verdict]:
    """Asks first whether each expectation holds; which rows, only of those that do not: that is most of the time."""
    if frame.empty:
        return [_verdict_on(name, one.configuration, holds=True) for one in suite]
    rows = batch.get_batch({"dataframe": frame})
    told = rows.validate(gx.ExpectationSuite(name=name, expectations=list(suite)), result_format="BOOLEAN_ONLY")
    if told.success:
        return [_verdict(name, key, one) for one in told.results]
    broken = [one.expectation_config.to_domain_obj() for one in told.results if not one.success]
    again = rows.validate(gx.ExpectationSuite(name=name, expectations=broken), result_format=_every_row(key))
    return [_verdict(name, key, one) for one in [*(one for one in told.results if one.success), *again.results]]


def _documented(
    context: Any, batch: Any, name: str, key: str, frame: pd.DataFrame, suite: Sequence[Any]
) -> list[Verdict]:
    """The same by way of great-expectations' stores, which its site is made from."""
    stored = context.suites.add(gx.ExpectationSuite(name=name, expectations=list(suite)))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=stored))
    found = definition.run(batch_parameters={"dataframe": frame}, result_format=_every_row(key))
    return [_verdict(name, key, one) for one in found.results]


def _every_row(key: str) -> dict[str, Any]:
    return {"result_format": "COMPLETE", "unexpected_index_column_names": [key]}


def _verdict(table: str, key: str, result: Any) -> Verdict:
    config = result.expectation_config
    if result.exception_info.get("raised_exception"):
        raise RuntimeError(f"{config.type} on {table}: {result.exception_info['exception_message']}")
    rows = result.result.get("unexpected_index_list") or []
    broken, sample = int(result.result.get("unexpected_count") or 0), tuple(str(row[key]) for row in rows[:SAMPLE])
    return _verdict_on(table, config, bool(result.success), broken, sample)


def _verdict_on(table: str, config: Any, holds: bool, broken: int = 0, sample: tuple[str, ...] = ()) -> Verdict:  # noqa: FBT001
    column = config.kwargs.get("column") or ", ".join(config.kwargs["column_list"])
    severity = str(getattr(config.severity, "value", config.severity))
    return Verdict(table, config.type, column, holds, broken, sample, severity)


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.absolute()),
        },
    }  # fmt: skip
