"""Which definition of each model is in place: a small table of our own beside the staging models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from perf_pipeline.pipeline.sql_models.project import Model, Project, Target
from perf_pipeline.pipeline.sql_models.relations import WORDS, kind_of, quoted, run_sql

WHOLE = "(all)"
"""The row that tells the fingerprint of the whole folder."""
READER, ATHLETE = "perf_analyst", "perf_athlete"
"""Roles that read all models, and those views that ask for the athlete's own rows; where the database has them."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The table of definitions of one target."""

    target: Target

    @property
    def home(self) -> str:
        return self.target.schema("staging")

    @property
    def table(self) -> str:
        return f'"{self.home}"."_models"'

    def prepare(self, connection: Connection, project: Project) -> None:
        """The schemas, and the table of definitions."""
        for schema in self._schemas(project):
            run_sql(connection, f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        run_sql(
            connection,
            f"""CREATE TABLE IF NOT EXISTS {self.table} (
                name text PRIMARY KEY, schema_name text NOT NULL, definition text NOT NULL,
                built_at timestamptz NOT NULL DEFAULT now())""",
        )

    def open_to_readers(self, connection: Connection, project: Project) -> None:
        """Analysts read every model; athletes every view whose tables are open to them.

        Views ask with the reader's rights, so an athlete's show own rows alone; what is stored holds everybody's, and
        is nothing for athletes. Another build than the one that people read is left closed.
        """
        roles = text("SELECT count(*) FROM pg_roles WHERE rolname = any(:roles)")
        if self.target.prefix or connection.scalar(roles, {"roles": [READER, ATHLETE]}) != 2:
            return
        if connection.scalar(text("SELECT to_regproc('open_to_readers')")) is not None:
            run_sql(connection, "SELECT open_to_readers()")
        for schema in self._schemas(project):
            run_sql(connection, f'GRANT USAGE ON SCHEMA "{schema}" TO {READER}, {ATHLETE}')
            run_sql(connection, f'ALTER DEFAULT PRIVILEGES IN SCHEMA "{schema}" GRANT SELECT ON TABLES TO {READER}')
            run_sql(connection, f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO {READER}')
        for model in project.models.values():
            if self._is_for_athletes(connection, project, model):
                run_sql(connection, f"GRANT SELECT ON {quoted(model)} TO {ATHLETE}")
            elif kind_of(connection, model.schema, model.name):
                run_sql(connection, f"REVOKE ALL ON {quoted(model)} FROM {ATHLETE}")

    def _is_for_athletes(self, connection: Connection, project: Project, model: Model) -> bool:
        read = [project.models[name] for name in project.upstream({model.name})]
        if kind_of(connection, model.schema, model.name) != "view" or any(m.materialized != "view" for m in read):
            return False
        tables = sorted({f'"{project.target.source_schema}"."{table}"' for m in read for table in m.sources})
        query = text("SELECT bool_and(has_table_privilege(:role, t, 'SELECT')) FROM unnest(cast(:tables AS text[])) t")
        return bool(connection.scalar(query, {"role": ATHLETE, "tables": tables}))

    def _schemas(self, project: Project) -> list[str]:
        return sorted({model.schema for model in project.models.values()} | {self.home})

    def recorded(self, connection: Connection) -> dict[str, str]:
        """Definitions in place by model; empty where nothing was ever built."""
        if connection.scalar(text("SELECT to_regclass(:table)"), {"table": self.table}) is None:
            return {}
        query = f"SELECT name, definition FROM {self.table}"  # noqa: S608 - our own name
        return dict(connection.execute(text(query)).all())

    def record(self, connection: Connection, model: Model) -> None:
        """Notes that a model's definition is in place, with the moment of its contents."""
        self._write(connection, model.name, model.schema, model.definition)

    def record_all(self, connection: Connection, fingerprint: str) -> None:
        """Notes that all of the folder is in place."""
        self._write(connection, WHOLE, self.home, fingerprint)

    def _write(self, connection: Connection, name: str, schema: str, definition: str) -> None:
        query = f"""
            INSERT INTO {self.table} (name, schema_name, definition) VALUES (:name, :schema, :definition)
            ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, schema_name = excluded.schema_name,
            built_at = now()"""  # noqa: S608 - our own name
        connection.execute(text(query), {"name": name, "schema": schema, "definition": definition})

    def forget(self, connection: Connection, names: Sequence[str]) -> None:
        """Drops what models of earlier versions left behind; fails where somebody else's view reads it."""
        for name in names:
            query = f"DELETE FROM {self.table} WHERE name = :name RETURNING schema_name"  # noqa: S608 - our own name
            schema = connection.scalar(text(query), {"name": name})
            kind = kind_of(connection, schema, name)
            if kind:
                run_sql(connection, f'DROP {WORDS[kind]} "{schema}"."{name}"')
