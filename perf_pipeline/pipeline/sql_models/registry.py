"""Which definition of each model is in place: a small table of our own beside the staging models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from perf_pipeline.pipeline.sql_models.project import Model, Project, Target
from perf_pipeline.pipeline.sql_models.relations import WORDS, kind_of, run_sql

WHOLE = "(all)"
"""The row that tells the fingerprint of the whole folder."""
READER = "perf_analyst"
"""The role that reads all models, where the database has it."""


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
        """The schemas, readable by analysts, and the table of definitions."""
        has_reader = connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": READER})
        for schema in sorted({model.schema for model in project.models.values()} | {self.home}):
            run_sql(connection, f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
            if has_reader:
                run_sql(connection, f'GRANT USAGE ON SCHEMA "{schema}" TO {READER}')
                run_sql(connection, f'ALTER DEFAULT PRIVILEGES IN SCHEMA "{schema}" GRANT SELECT ON TABLES TO {READER}')
        run_sql(
            connection,
            f"""CREATE TABLE IF NOT EXISTS {self.table} (
                name text PRIMARY KEY, schema_name text NOT NULL, definition text NOT NULL,
                built_at timestamptz NOT NULL DEFAULT now())""",
        )

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
