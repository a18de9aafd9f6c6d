"""Models as relations of the database: what is there, what its columns are, who may read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

from perf_pipeline.pipeline.sql_models.project import Model, Project
from perf_pipeline.storage.tables import METADATA

WORDS = {"view": "VIEW", "materialized_view": "MATERIALIZED VIEW", "table": "TABLE"}
_RELKINDS = {"v": "view", "m": "materialized_view", "r": "table"}


def run_sql(connection: Connection, sql: str) -> None:
    """A statement exactly as it is written: neither colons nor percent signs are parameters."""
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def quoted(model: Model, ending: str = "") -> str:
    """The model's name in SQL, or that of what is built beside it."""
    return f'"{model.schema}"."{model.name}{ending}"'


def relation_kinds(connection: Connection, project: Project) -> dict[str, str]:
    """What the database holds under the models' names: view, table or materialized_view."""
    query = """
        SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = any(:schemas) AND c.relkind IN ('v', 'm', 'r')"""
    schemas = sorted({model.schema for model in project.models.values()})
    held = {(schema, name): kind for schema, name, kind in connection.execute(text(query), {"schemas": schemas})}
    return {
        model.name: _RELKINDS[held[model.schema, model.name]]
        for model in project.models.values()
        if (model.schema, model.name) in held
    }


def kind_of(connection: Connection, schema: str, name: str) -> str | None:
    """What the database holds under this name."""
    query = "SELECT relkind FROM pg_class WHERE oid = to_regclass(:relation)"
    return _RELKINDS.get(connection.scalar(text(query), {"relation": f'"{schema}"."{name}"'}) or "")


def columns_of(connection: Connection, model: Model) -> dict[str, str]:
    """PostgreSQL's type of each column, in their order."""
    query = """
        SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
        WHERE a.attrelid = to_regclass(:relation) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
    return dict(connection.execute(text(query), {"relation": quoted(model)}).all())


def count_rows(connection: Connection, model: Model, ending: str = "") -> int:
    query = f"SELECT count(*) FROM {quoted(model, ending)}"  # noqa: S608 - names of our own files
    return int(connection.execute(text(query)).scalar_one())


def meanings(model: Model, columns: Iterable[str]) -> dict[str, str]:
    """What each column means: what the model says, else what its tables say of a column of that name."""
    told = {column.name: column.comment or "" for table in model.sources for column in METADATA.tables[table].columns}
    return {name: model.columns.get(name) or told.get(name, "") for name in columns}


def describe(connection: Connection, model: Model) -> None:
    """Writes the meanings beside the columns, where SQL clients show them."""
    statements = [f"COMMENT ON {WORDS[model.materialized]} {quoted(model)} IS {_literal(model.description)}"]
    statements += [
        f'COMMENT ON COLUMN {quoted(model)}."{name}" IS {_literal(meaning)}'
        for name, meaning in meanings(model, columns_of(connection, model)).items()
        if meaning
    ]
    run_sql(connection, ";\n".join(statements))


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def grants_of(connection: Connection, model: Model) -> list[tuple[str, str]]:
    """(role, privilege) pairs that were given on the model, the owner's own left out."""
    query = """
        SELECT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END, g.privilege_type
        FROM pg_class c, aclexplode(c.relacl) g
        WHERE c.oid = to_regclass(:relation) AND g.grantee <> c.relowner"""
    return [(role, right) for role, right in connection.execute(text(query), {"relation": quoted(model)})]


def grant(connection: Connection, model: Model, rights: Sequence[tuple[str, str]]) -> None:
    """Gives the rights again that the model had before it was replaced."""
    for role, right in rights:
        run_sql(connection, f"GRANT {right} ON {quoted(model)} TO {role}")
