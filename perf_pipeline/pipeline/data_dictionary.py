"""What is generated from the schema and the models: the data dictionary, and the sources that dbt is told of.

`python -m perf_pipeline.pipeline.data_dictionary` (`make docs`) writes both; a test holds them to what is in the code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Enum, Table
from sqlalchemy.dialects import postgresql

from perf_pipeline.pipeline.sql_models import Model, load_project
from perf_pipeline.pipeline.sql_models.lineage import ColumnOf, Deps, column_lineage, leaves
from perf_pipeline.pipeline.sql_models.project import SOURCE, models_folder
from perf_pipeline.pipeline.sql_models.relations import meanings
from perf_pipeline.storage.streams import STREAMS_SCHEMA
from perf_pipeline.storage.tables import METADATA

HEAD = """\
# Data dictionary

Generated from `storage/tables.py`, `storage/streams.py` and `dbt_like_sql/` by `make docs`. Units are in the names, or
in the column `unit`. Tables are in the schema `public`, models in `staging` and `marts`; the same meanings are comments
in the database. Where a column comes from is told for the marts: the columns of tables in which its lineage ends.
"""

_POSTGRES: Any = postgresql.dialect()  # type: ignore[no-untyped-call]


def data_dictionary() -> str:
    """The data dictionary as Markdown."""
    project = load_project()
    lineage = column_lineage(project)
    parts = [HEAD, "## Tables\n"]
    parts += [_table(table) for table in sorted(METADATA.tables.values(), key=lambda table: table.name)]
    parts += ["## Streams (Parquet)\n", _streams()]
    for title, schema in (("Marts", "marts"), ("Staging", "staging")):
        parts.append(f"## {title}\n")
        models = sorted((m for m in project.models.values() if m.schema == schema), key=lambda m: m.name)
        parts += [_model(model, lineage, with_lineage=schema == "marts") for model in models]
    return "\n".join(parts)


def sources_yaml() -> str:
    """The tables as dbt's sources, with their meanings."""
    lines = [
        "# Generated from storage/tables.py by `make docs`.",
        "sources:",
        f"  - name: {SOURCE}",
        "    description: What the pipeline writes. Rebuilt from the archive where a table does not say otherwise.",
        "    schema: public",
        "    tables:",
    ]
    for table in sorted(METADATA.tables.values(), key=lambda table: table.name):
        lines += [f"      - name: {table.name}", f"        description: {_scalar(table.comment or '')}"]
        lines.append("        columns:")
        for column in table.columns:
            lines.append(f"          - name: {column.name}")
            lines.append(f"            description: {_scalar(column.comment or '')}")
    return "\n".join(lines) + "\n"


def files(root: Path) -> Mapping[Path, str]:
    """What is generated, by its place in a checkout."""
    return {
        root / "docs" / "data_dictionary.md": data_dictionary(),
        models_folder() / "models" / "staging" / "sources.yml": sources_yaml(),
    }


def _scalar(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _table(table: Table) -> str:
    rows = []
    for column in table.columns:
        kind = column.type
        told = " / ".join(kind.enums) if isinstance(kind, Enum) else kind.compile(dialect=_POSTGRES).lower()
        marks = ["key" if column.primary_key else "", "" if column.nullable or column.primary_key else "not null"]
        marks += [f"→ {key.column.table.name}" for key in sorted(column.foreign_keys, key=str)]
        rows.append((f"`{column.name}`", told, ", ".join(mark for mark in marks if mark), column.comment or ""))
    return f"### {table.name}\n\n{table.comment}\n\n{_grid(('column', 'type', '', 'meaning'), rows)}"


def _streams() -> str:
    rows = []
    for stream in STREAMS_SCHEMA:
        told = {key.decode(): value.decode() for key, value in (stream.metadata or {}).items()}
        rows.append((f"`{stream.name}`", str(stream.type), told.get("unit", ""), told.get("description", "")))
    where = "`streams/athlete=…/month=YYYY-MM/*.parquet`: one row per record."
    return f"{where}\n\n{_grid(('column', 'type', 'unit', 'meaning'), rows)}"


def _model(model: Model, lineage: Mapping[str, Deps], *, with_lineage: bool) -> str:
    told = meanings(model, lineage[model.name])
    head: tuple[str, ...] = ("column", "meaning")
    rows: list[tuple[str, ...]] = [(f"`{name}`", told[name]) for name in lineage[model.name]]
    if with_lineage:
        head = ("column", "meaning", "comes from")
        rows = [(*row, _ends(lineage, model.name, name)) for row, name in zip(rows, lineage[model.name], strict=True)]
    kind = {"view": "view", "table": "table", "materialized_view": "materialized view"}[model.materialized]
    return f"### {model.schema}.{model.name}\n\n{model.description} ({kind})\n\n{_grid(head, rows)}"


def _ends(lineage: Mapping[str, Deps], model: str, column: str) -> str:
    ends = sorted(leaves(lineage, ColumnOf(model, column)))
    shown = ", ".join(f"{end.relation}.{end.column}" for end in ends[:4])
    return f"{shown}, …" if len(ends) > 4 else shown


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(_lines(head, rows)) + "\n"


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


def main() -> None:
    """Writes what is generated into the checkout that this code is in."""
    for path, told in files(models_folder().parent).items():
        path.write_text(told)


if __name__ == "__main__":
    main()
