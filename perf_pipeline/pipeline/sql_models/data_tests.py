"""Tests of models as SQL: each selects what breaks it, as dbt's own generic tests do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from perf_pipeline.pipeline.sql_models.errors import ModelError
from perf_pipeline.pipeline.sql_models.project import DataTest, Model, Project
from perf_pipeline.pipeline.sql_models.relations import quoted

SAMPLE = 5


@dataclass(frozen=True, slots=True)
class TestResult:
    """Whether a test holds: the number of rows (or groups of rows) that break it, and keys of some."""

    test: DataTest
    broken: int
    sample: tuple[str, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        return self.broken == 0


def run_tests(engine: Engine, project: Project, only: Iterable[str] | None = None) -> Iterator[TestResult]:
    """The tests of the models named (of all where none is), in the order of the models."""
    chosen = set(project.models if only is None else only)
    for model in project.models.values():
        for test in model.tests if model.name in chosen else ():
            yield run_test(engine, project, model, test)


def run_test(engine: Engine, project: Project, model: Model, test: DataTest) -> TestResult:
    """One test; the sample holds keys alone, never what a person wrote."""
    began = time.perf_counter()
    sql = failing_rows(project, model, test)
    keys = _shown(model, test)
    with engine.connect() as connection:
        options = {"no_parameters": True}
        count = f"select count(*) from ({sql}) as broken"  # noqa: S608 - our own models
        broken = int(connection.exec_driver_sql(count, execution_options=options).scalar_one())
        sample: tuple[str, ...] = ()
        if broken and keys:
            listed = ", ".join(f'"{key}"' for key in keys)
            some = f"select {listed} from ({sql}) as broken order by {listed} limit {SAMPLE}"  # noqa: S608 - as above
            rows = connection.exec_driver_sql(some, execution_options=options)
            sample = tuple(" / ".join(str(value) for value in row) for row in rows)
    return TestResult(test, broken, sample, time.perf_counter() - began)


def failing_rows(project: Project, model: Model, test: DataTest) -> str:
    """The test's SQL; raises `ModelError` for a kind of test that we do not have."""
    if test.kind not in _KINDS:
        listed = ", ".join(_KINDS)
        raise ModelError(model.path, 0, f"has a test of the kind {test.kind!r}, which is none of {listed}")
    return _KINDS[test.kind](project, quoted(model), test.column, test.arguments)


def _unique(_: Project, relation: str, column: str | None, __: Mapping[str, Any]) -> str:
    return f'select "{column}" from {relation} where "{column}" is not null group by 1 having count(*) > 1'  # noqa: S608


def _not_null(_: Project, relation: str, column: str | None, __: Mapping[str, Any]) -> str:
    return f'select * from {relation} where "{column}" is null'  # noqa: S608 - our own models


def _accepted(_: Project, relation: str, column: str | None, arguments: Mapping[str, Any]) -> str:
    values = ", ".join("'" + str(value).replace("'", "''") + "'" for value in arguments["values"])
    # Null is no value: dbt's test lets it pass as well.
    return f'select "{column}" from {relation} where "{column}"::text not in ({values}) group by 1'  # noqa: S608


def _related(project: Project, relation: str, column: str | None, arguments: Mapping[str, Any]) -> str:
    named = re.fullmatch(r"ref\(['\"](\w+)['\"]\)", arguments["to"].strip())
    parent = project.models.get(named[1]) if named else None
    if parent is None:
        raise ModelError(relation, 0, f"has a relationship to {arguments['to']}, which is no model")
    return (
        f"select child.* from {relation} as child left join {quoted(parent)} as parent "  # noqa: S608 - our own models
        f'on child."{column}" = parent."{arguments["field"]}" '
        f'where child."{column}" is not null and parent."{arguments["field"]}" is null'
    )


def _expression(_: Project, relation: str, __: str | None, arguments: Mapping[str, Any]) -> str:
    return f"select * from {relation} where not ({arguments['expression']})"  # noqa: S608 - our own models


def _together(_: Project, relation: str, __: str | None, arguments: Mapping[str, Any]) -> str:
    listed = ", ".join(f'"{column}"' for column in arguments["columns"])
    return f"select {listed} from {relation} group by {listed} having count(*) > 1"  # noqa: S608 - our own models


_KINDS: Mapping[str, Callable[[Project, str, str | None, Mapping[str, Any]], str]] = {
    "unique": _unique,
    "not_null": _not_null,
    "accepted_values": _accepted,
    "relationships": _related,
    "expression": _expression,
    "unique_together": _together,
}


def _shown(model: Model, test: DataTest) -> tuple[str, ...]:
    if test.kind == "unique_together":
        return tuple(test.arguments["columns"])
    if test.kind in {"unique", "accepted_values"}:
        return (test.column,) if test.column else ()
    key = next((other.column for other in model.tests if other.kind == "unique" and other.column), None)
    return model.unique_key or ((key,) if key else ())
