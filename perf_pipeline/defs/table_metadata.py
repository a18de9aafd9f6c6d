"""What the UI shows of a table: its columns with types and meanings, straight from the schema."""

from __future__ import annotations

from typing import Any

import dagster as dg
from sqlalchemy import Table

OWNER = "team:perf-pipeline"


def table_metadata(table: Table) -> dict[str, Any]:
    """Dagster's column schema and the table's name, from the SQLAlchemy table."""
    columns = [
        dg.TableColumn(
            name=column.name,
            type=str(column.type.compile()) if column.type.__class__.__name__ != "JSONB" else "JSONB",
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable), unique=bool(column.unique)),
        )
        for column in table.columns
    ]
    return {
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "dagster/table_name": f"public.{table.name}",
    }


def lineage(table: Table, **sources: tuple[str, str]) -> dict[str, Any]:
    """Column lineage: `column=(upstream asset, its column)`."""
    known = {column.name for column in table.columns}
    deps = {
        name: [dg.TableColumnDep(asset_key=dg.AssetKey(asset), column_name=column)]
        for name, (asset, column) in sources.items()
        if name in known
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps)}
