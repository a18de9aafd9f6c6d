"""Models into the database: what is new or has changed is put in place without a gap for readers.

A view is replaced where PostgreSQL allows it (columns only added at its end). Whatever else changes is built beside
the old one, with all that reads it, and takes over its name in one transaction at the end. Materialized views are
refreshed concurrently; a table's rows are replaced in one transaction.
Views run with the rights of who asks (`security_invoker`), so that row-level security holds through them.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, InternalError, NotSupportedError, OperationalError, ProgrammingError

from perf_pipeline.pipeline.sql_models.errors import ModelError
from perf_pipeline.pipeline.sql_models.project import Model, Project, Target, fingerprint, load_project
from perf_pipeline.pipeline.sql_models.registry import ATHLETE, WHOLE, Registry
from perf_pipeline.pipeline.sql_models.relations import (
    WORDS,
    count_rows,
    describe,
    grant,
    grants_of,
    quoted,
    relation_kinds,
    run_sql,
)
from perf_pipeline.pipeline.sql_models.rendering import NEW, renamed

BUILD_LOCK = 0x70657267
"""Key of the advisory lock under which one process at a time builds."""
LOCK_TIMEOUT = "500ms"
"""Shorter than the server's deadlock_timeout (1 s): where a reader and we wait for each other, we give way."""
_ATTEMPTS = 20
_REFUSED = (ProgrammingError, NotSupportedError, InternalError)

T = TypeVar("T")
log = logging.getLogger("perf_pipeline.sql_models")


@dataclass(frozen=True, slots=True)
class Built:
    """What was done to a model: created, replaced, refreshed or unchanged. `rows` of what is stored."""

    model: str
    action: str
    seconds: float = 0.0
    rows: int | None = None


def ensure_models(engine: Engine) -> bool:
    """Puts the views in place where the folder of models has changed since; says whether there was anything to do.

    One query where nothing has. A materialized view or table that is there keeps contents and definition until the
    job that refreshes them. Where the database does not let us, that is logged and all else goes on: models are for
    readers, no stage needs them.
    """
    current = fingerprint()
    with engine.connect() as connection:
        if Registry(Target()).recorded(connection).get(WHOLE) == current:
            return False
    try:
        build(engine, load_project(), refresh=False)
    except (ModelError, DBAPIError) as error:
        log.warning("the SQL models cannot be put in place: %s", " ".join(str(error).split())[:500])
        return False
    return True


def build(engine: Engine, project: Project, only: Iterable[str] | None = None, *, refresh: bool = True) -> list[Built]:
    """Brings the models named (all where none is) to their definitions; `refresh` renews stored contents as well.

    Raises `ModelError` naming the file for SQL that PostgreSQL refuses.
    """
    chosen = set(project.models if only is None else only)
    registry = Registry(project.target)
    with _alone(engine):
        with engine.begin() as connection:
            registry.prepare(connection, project)
        done = {one.model: one for one in _put_in_place(engine, project, registry, chosen, refresh=refresh)}
        for model in project.models.values():
            if model.name in chosen and model.name not in done:
                renews = refresh and model.materialized != "view"
                done[model.name] = _refresh(engine, registry, model) if renews else Built(model.name, "unchanged")
        _retried(lambda: _open_to_readers(engine, project, registry))
        if only is None:
            _finish(engine, project, registry)
    return [done[name] for name in project.models if name in done]


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": BUILD_LOCK})
        try:
            yield
        finally:
            # A connection that was lost took its lock with it.
            with suppress(DBAPIError):
                guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": BUILD_LOCK})


def _put_in_place(
    engine: Engine, project: Project, registry: Registry, chosen: set[str], *, refresh: bool
) -> list[Built]:
    with engine.connect() as connection:
        held = registry.recorded(connection)
        kinds = relation_kinds(connection, project)
    stale = [
        model
        for model in project.models.values()
        if model.name in chosen
        and (held.get(model.name) != model.definition or kinds.get(model.name) != model.materialized)
    ]
    if not refresh:
        # Heavy to build: what is there stays until the job of the models.
        stale = [model for model in stale if model.materialized == "view" or model.name not in kinds]
    if not stale:
        return []
    done, left = _retried(lambda: _replace_views(engine, registry, stale, kinds))
    if left:
        names = project.downstream({model.name for model in left})
        swapped = [model for model in project.models.values() if model.name in names]
        done += _retried(lambda: _swap(engine, registry, swapped, kinds))
    return done


def _replace_views(
    engine: Engine, registry: Registry, stale: Sequence[Model], kinds: Mapping[str, str]
) -> tuple[list[Built], list[Model]]:
    """Creates or replaces the views that PostgreSQL lets us; (what was done, what has to be swapped)."""
    done: list[Built] = []
    left: list[Model] = []
    with _transaction(engine) as connection:
        for model in stale:
            if model.materialized != "view" or kinds.get(model.name, "view") != "view":
                left.append(model)
                continue
            began = time.perf_counter()
            savepoint = connection.begin_nested()
            try:
                run_sql(connection, _create(model, model.name, model.sql, or_replace=True))
            except _REFUSED:
                # Other columns, or a column that only the new version of another model has.
                savepoint.rollback()
                left.append(model)
                continue
            savepoint.commit()
            describe(connection, model)
            registry.record(connection, model)
            action = "replaced" if model.name in kinds else "created"
            done.append(Built(model.name, action, time.perf_counter() - began))
    return done, left


def _swap(engine: Engine, registry: Registry, models: Sequence[Model], kinds: Mapping[str, str]) -> list[Built]:
    """Builds the models beside the old ones, then lets them take over the names: locks are held for the last part."""
    relations = {model.name: model.schema for model in models}
    done: list[Built] = []
    with _transaction(engine) as connection:
        for model in models:
            began = time.perf_counter()
            with _named(model):
                run_sql(connection, _create(model, model.name + NEW, renamed(model.sql, relations)))
                for statement in _indexes(model):
                    run_sql(connection, statement)
            rows = None if model.materialized == "view" else count_rows(connection, model, NEW)
            action = "replaced" if model.name in kinds else "created"
            done.append(Built(model.name, action, time.perf_counter() - began, rows))
        _retried(lambda: _take_over(connection, registry, models, kinds))
    return done


def _take_over(connection: Connection, registry: Registry, models: Sequence[Model], kinds: Mapping[str, str]) -> None:
    """Old ones dropped, new ones renamed. A savepoint: where a reader is in the way, what was built is kept."""
    with connection.begin_nested():
        rights = {model.name: grants_of(connection, model) for model in models}
        # Readers lock a view before what it reads: the same order as theirs.
        for model in reversed(models):
            if model.name in kinds:
                with _named(model):
                    run_sql(connection, f"DROP {WORDS[kinds[model.name]]} {quoted(model)}")
        for model in models:
            renaming = f'{WORDS[model.materialized]} {quoted(model, NEW)} RENAME TO "{model.name}"'
            run_sql(connection, f"ALTER {renaming}")
            # A view that is stored from now on holds the rows of all athletes.
            kept = [(role, right) for role, right in rights[model.name] if role != ATHLETE]
            grant(connection, model, rights[model.name] if model.materialized == "view" else kept)
            describe(connection, model)
            registry.record(connection, model)


def _indexes(model: Model) -> Iterator[str]:
    for number, (columns, unique) in enumerate(model.indexes):
        # The old one's index has its name until the end.
        name = f"{model.name[:40]}_{number}_{time.time_ns()}"
        listed = ", ".join(f'"{column}"' for column in columns)
        yield f'CREATE {"UNIQUE " if unique else ""}INDEX "{name}" ON {quoted(model, NEW)} ({listed})'


def _refresh(engine: Engine, registry: Registry, model: Model) -> Built:
    """Renews what a materialized view or table holds; readers see the old rows until the new ones are all there."""
    began = time.perf_counter()
    with engine.begin() as connection, _named(model):
        if model.materialized == "materialized_view":
            run_sql(connection, f"REFRESH MATERIALIZED VIEW CONCURRENTLY {quoted(model)}")
        else:
            run_sql(connection, f"DELETE FROM {quoted(model)}")  # noqa: S608 - names of our own files
            run_sql(connection, f"INSERT INTO {quoted(model)} {model.sql}")
        registry.record(connection, model)
        rows = count_rows(connection, model)
    return Built(model.name, "refreshed", time.perf_counter() - began, rows)


def _open_to_readers(engine: Engine, project: Project, registry: Registry) -> None:
    with _transaction(engine) as connection:
        registry.open_to_readers(connection, project)


def _finish(engine: Engine, project: Project, registry: Registry) -> None:
    """Drops models that the folder no longer has, and notes that all of it is in place."""
    with _transaction(engine) as connection:
        held = registry.recorded(connection)
        registry.forget(connection, [name for name in held if name not in project.models and name != WHOLE])
        registry.record_all(connection, fingerprint(project.folder))


def _create(model: Model, name: str, sql: str, *, or_replace: bool = False) -> str:
    options = " WITH (security_invoker = true)" if model.materialized == "view" else ""
    verb = "CREATE OR REPLACE" if or_replace else "CREATE"
    return f'{verb} {WORDS[model.materialized]} "{model.schema}"."{name}"{options} AS\n{sql}'


@contextmanager
def _named(model: Model) -> Iterator[None]:
    try:
        yield
    except _REFUSED as error:
        raise ModelError(model.path, 0, f"PostgreSQL refuses it: {' '.join(str(error.orig).split())}") from error


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    """A transaction that rather fails than holds up every reader behind a long one."""
    with engine.begin() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        yield connection


def _retried(work: Callable[[], T]) -> T:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return work()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03" or attempt == _ATTEMPTS:
                raise
            time.sleep(random.uniform(0.5, 1.0) * min(0.05 * 2**attempt, 5.0))  # noqa: S311 - jitter, not a secret
    raise AssertionError
