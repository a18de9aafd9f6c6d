"""What the UI shows of a table: its columns with types and meanings, straight from the schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg
import pyarrow as pa
from sqlalchemy import Table

from perf_pipeline.physiology.metric import Metric

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


def parquet_schema(schema: pa.Schema) -> dict[str, Any]:
    """Dagster's column schema from that of a Parquet object, whose fields carry unit and description."""

    def told(field: pa.Field) -> str:
        words = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        return f"{words.get('description', '')}{f' ({unit})' if (unit := words.get('unit')) else ''}"

    columns = [dg.TableColumn(name=field.name, type=str(field.type), description=told(field)) for field in schema]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def metric_metadata(metrics: Iterable[Metric[Any]]) -> dict[str, Any]:
    """What each metric is, as a table for the UI."""
    records = [
        dg.TableRecord(
            {
                "metric": one.name, "unit": one.unit, "definition": one.definition, "needs": "; ".join(one.needs),
                "source": one.source,
            }
        )
        for one in metrics
    ]  # fmt: skip
    return {"metrics": dg.MetadataValue.table(records=records)}


def lineage(table: Table, **sources: tuple[str, str]) -> dict[str, Any]:
    """Column lineage: `column=(upstream asset, its column)`."""
    known = {column.name for column in table.columns}
    deps = {
        name: [dg.TableColumnDep(asset_key=dg.AssetKey(asset), column_name=column)]
        for name, (asset, column) in sources.items()
        if name in known
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps)}
