"""Which column comes from which: read from the compiled SQL, without asking a database.

Parsing is sqlglot's; the walk is ours, because its own does not follow a lateral subquery into what it selects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perf_pipeline.pipeline.sql_models.errors import ModelError
from perf_pipeline.storage.tables import METADATA

if TYPE_CHECKING:
    from perf_pipeline.pipeline.sql_models.project import Model, Project


@dataclass(frozen=True, slots=True, order=True)
class ColumnOf:
    """A column of a model or of a table."""

    relation: str
    column: str


Deps = dict[str, frozenset[ColumnOf]]
"""By column, what it is made of."""


def column_lineage(project: Project) -> dict[str, Deps]:
    """By model and column, the columns of models and tables that it is made of, one step back.

    A column that is made of no other (a label, a literal) comes from the columns that decide whether its row is there.
    Raises `ModelError` for SQL that cannot be followed.
    """
    columns = {table.name: tuple(column.name for column in table.columns) for table in METADATA.tables.values()}
    found: dict[str, Deps] = {}
    for model in project.models.values():
        found[model.name] = _of_model(model, columns)
        columns[model.name] = tuple(found[model.name])
    return found


def leaves(lineage: Mapping[str, Deps], start: ColumnOf) -> frozenset[ColumnOf]:
    """The columns of tables in which a column's lineage ends."""
    if start.relation not in lineage:
        return frozenset({start})
    parents = lineage[start.relation].get(start.column, frozenset())
    return frozenset(leaf for parent in parents for leaf in leaves(lineage, parent))


def _of_model(model: Model, columns: Mapping[str, tuple[str, ...]]) -> Deps:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(model.sql, dialect="postgres")
        walk = _Walk(columns)
        found = walk.outputs(tree, _Names())
    except SqlglotError as error:
        raise ModelError(model.path, 0, f"cannot be parsed: {' '.join(str(error).split())}") from error
    except KeyError as error:
        raise ModelError(
            model.path, 0, f"its lineage cannot be followed: {error.args[0]} comes from nowhere"
        ) from error
    deciding = frozenset(walk.deciding)
    return {name: made_of or deciding for name, made_of in found.items()}


@dataclass
class _Names:
    """What a name means at some place: relations by alias, and those of the queries around it."""

    relations: dict[str, Deps] = field(default_factory=dict)
    named: dict[str, Deps] = field(default_factory=dict)
    outer: _Names | None = None

    def column(self, table: str, name: str) -> frozenset[ColumnOf]:
        """What the column is made of; raises `KeyError` where no relation has it."""
        for alias, columns in self.relations.items():
            if name in columns and table in {"", alias}:
                return columns[name]
        if self.outer is None:
            raise KeyError(f"{table}.{name}" if table else name)
        return self.outer.column(table, name)

    def query(self, name: str) -> Deps | None:
        """The common table expression of this name."""
        return self.named.get(name) or (self.outer.query(name) if self.outer else None)


class _Walk:
    """Walks one model's query. `deciding` collects columns that conditions and groups name."""

    def __init__(self, columns: Mapping[str, tuple[str, ...]]) -> None:
        from sqlglot import exp

        self._exp = exp
        self._columns = columns
        self.deciding: set[ColumnOf] = set()

    def outputs(self, query: Any, around: _Names) -> Deps:
        """The columns that a query gives."""
        exp = self._exp
        if isinstance(query, exp.Subquery):
            return self.outputs(query.this, around)
        here = _Names(outer=around)
        for cte in query.ctes:
            here.named[cte.alias] = self.outputs(cte.this, here)
        if isinstance(query, exp.SetOperation):
            left, right = self.outputs(query.left, here), self.outputs(query.right, here)
            return {name: mine | theirs for (name, mine), theirs in zip(left.items(), right.values(), strict=True)}
        for source in self._sources(query):
            here.relations[source.alias_or_name] = self._relation(source, here)
        self._note_deciding(query, here)
        return dict(self._projections(query, here))

    def _sources(self, query: Any) -> Iterator[Any]:
        if (first := query.args.get("from_") or query.args.get("from")) is not None:
            yield first.this
        for join in query.args.get("joins") or ():
            yield join.this
        yield from query.args.get("laterals") or ()

    def _relation(self, source: Any, here: _Names) -> Deps:
        exp = self._exp
        if isinstance(source, exp.Table):
            query = None if source.db else here.query(source.name)
            if query is not None:
                return query
            return {name: frozenset({ColumnOf(source.name, name)}) for name in self._columns[source.name]}
        if isinstance(source, exp.Lateral) and not isinstance(source.this, exp.Subquery):
            made_of = self._made_of(source.this, here)  # a function that gives rows
            return {column.name: made_of for column in source.args["alias"].columns}
        return self.outputs(source.this, here)

    def _projections(self, query: Any, here: _Names) -> Iterator[tuple[str, frozenset[ColumnOf]]]:
        for projection in query.expressions:
            if projection.is_star:
                alias = getattr(projection, "table", "")
                for name, columns in here.relations.items():
                    if alias in {"", name}:
                        yield from columns.items()
            else:
                yield projection.alias_or_name, self._made_of(projection, here)

    def _made_of(self, expression: Any, here: _Names) -> frozenset[ColumnOf]:
        exp = self._exp
        found: set[ColumnOf] = set()
        inner: set[int] = set()
        for node in expression.walk():
            if node is not expression and isinstance(node, exp.Query) and not self._is_inside(node, inner):
                inner.add(id(node))
                for made_of in self.outputs(node, here).values():
                    found |= made_of
            elif isinstance(node, exp.Column) and not self._is_inside(node, inner):
                found |= here.column(node.table, node.name)
        return frozenset(found)

    def _is_inside(self, node: Any, queries: set[int]) -> bool:
        while node is not None:
            if id(node) in queries:
                return True
            node = node.parent
        return False

    def _note_deciding(self, query: Any, here: _Names) -> None:
        clauses = [query.args.get("where"), *(join.args.get("on") for join in query.args.get("joins") or ())]
        for clause in clauses:
            if clause is not None:
                self.deciding |= self._made_of(clause, here)
