"""The folder of models, read: SQL rendered by Jinja, order from `ref()`, meanings and tests from `schema.yml`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

import perf_pipeline
from perf_pipeline.pipeline.sql_models.errors import ModelError
from perf_pipeline.pipeline.sql_models.rendering import Rendered, Renderer, line_of
from perf_pipeline.storage.tables import METADATA

Materialized = Literal["view", "table", "materialized_view"]
MATERIALIZATIONS = ("view", "table", "materialized_view")
SOURCE = "warehouse"
"""The one source: the tables that the pipeline writes."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where models go and sources are. `prefix` keeps another build apart from the one that people read."""

    prefix: str = ""
    source_schema: str = "public"

    def schema(self, name: str) -> str:
        return f"{self.prefix}{name}"


@dataclass(frozen=True, slots=True)
class DataTest:
    """One assertion about a model; `arguments` are those of its kind, `column` is None for tests of whole rows."""

    model: str
    kind: str
    column: str | None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    severity: Literal["error", "warn"] = "error"

    @property
    def name(self) -> str:
        """A name that is unique within the model and fit for a check."""
        words = [self.kind, self.column or ""]
        if self.kind in {"expression", "unique_together"}:
            words.append(hashlib.sha256(json.dumps(self.arguments, sort_keys=True).encode()).hexdigest()[:6])
        return "_".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `sql` is compiled; `refs` and `sources` are names of models and tables, in order of first use."""

    name: str
    path: str
    schema: str
    materialized: Materialized
    sql: str
    refs: tuple[str, ...]
    sources: tuple[str, ...]
    unique_key: tuple[str, ...]
    indexes: tuple[tuple[tuple[str, ...], bool], ...]
    description: str
    columns: Mapping[str, str]
    tests: tuple[DataTest, ...]
    template: str

    @property
    def definition(self) -> str:
        """Hash of all that decides what the database holds."""
        told = [self.sql, self.materialized, self.unique_key, self.indexes, self.description, dict(self.columns)]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Project:
    """The models by name, each after those that it refers to."""

    models: Mapping[str, Model]
    target: Target
    folder: Path

    def downstream(self, names: set[str]) -> set[str]:
        """The models named and all that refer to them, directly or not."""
        found = set(names)
        for model in self.models.values():
            if found.intersection(model.refs):
                found.add(model.name)
        return found

    def upstream(self, names: set[str]) -> set[str]:
        """The models named and all that they refer to, directly or not."""
        found = set(names)
        for model in reversed(list(self.models.values())):
            if model.name in found:
                found.update(model.refs)
        return found


def models_folder() -> Path:
    """`dbt_like_sql`: beside the package, in a checkout as where it is installed."""
    return Path(perf_pipeline.__file__).resolve().parent.parent / "dbt_like_sql"


def fingerprint(folder: Path | None = None) -> str:
    """Hash of every file of the folder: while it holds, no model has changed."""
    base = folder or models_folder()
    digest = hashlib.sha256()
    for path in sorted(base.rglob("*")):
        if path.suffix in {".sql", ".yml"} and path.is_file():
            digest.update(f"{path.relative_to(base)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:32]


def load_project(folder: Path | None = None, target: Target | None = None) -> Project:
    """The models of the folder, compiled for the target.

    Raises `ModelError`, which names file and line, for a model, reference or setting that makes no sense.
    """
    return _load(folder or models_folder(), target or Target())


@cache
def _load(base: Path, target: Target) -> Project:
    paths = {path.stem: path for path in sorted((base / "models").rglob("*.sql"))}
    if not paths:
        raise ModelError(str(base), 0, "there is no model in it")
    documents = _documents(base)
    settings = _folder_settings(base)
    schemas = {name: target.schema(_setting(settings, base, path, "schema", "")) for name, path in paths.items()}
    renderer = Renderer(base, schemas, {SOURCE: (target.source_schema, frozenset(METADATA.tables))})
    models = {}
    for name, path in paths.items():
        rendered = renderer.render(path)
        default = _setting(settings, base, path, "materialized", "view")
        models[name] = _model(base, path, schemas[name], rendered, default, documents.pop(name, {}))
    if documents:
        name, document = next(iter(documents.items()))
        raise ModelError(document["__path__"], 0, f"describes {name!r}, which is no model")
    return Project(_ordered(models), target, base)


def _model(base: Path, path: Path, schema: str, rendered: Rendered, default: str, document: Mapping[str, Any]) -> Model:
    where = str(path.relative_to(base))
    materialized = rendered.config.get("materialized", default)
    if materialized not in MATERIALIZATIONS:
        listed = ", ".join(MATERIALIZATIONS)
        line = line_of(rendered.template, "materialized")
        raise ModelError(where, line, f"materialized={materialized!r} is none of {listed}")
    key = rendered.config.get("unique_key", ())
    indexes = [(tuple(i["columns"]), bool(i.get("unique", False))) for i in rendered.config.get("indexes", ())]
    if materialized == "materialized_view" and not any(unique for _, unique in indexes):
        raise ModelError(where, line_of(rendered.template, "config"), "concurrent refresh needs a unique index")
    return Model(
        name=path.stem,
        path=where,
        schema=schema,
        materialized=materialized,
        sql=rendered.sql,
        refs=rendered.refs,
        sources=rendered.sources,
        unique_key=(key,) if isinstance(key, str) else tuple(key),
        indexes=tuple(indexes),
        description=" ".join(document.get("description", "").split()),
        columns={
            column["name"]: " ".join(column.get("description", "").split()) for column in document.get("columns", ())
        },
        tests=tuple(_tests(path.stem, document)),
        template=rendered.template,
    )


def _ordered(models: Mapping[str, Model]) -> dict[str, Model]:
    try:
        order = list(TopologicalSorter({name: sorted(model.refs) for name, model in models.items()}).static_order())
    except CycleError as error:
        circle = list(reversed(error.args[1]))  # each refers to the next
        first, second = models[circle[0]], circle[1]
        reason = f"the models refer to each other in a circle: {' -> '.join(circle)}"
        raise ModelError(first.path, line_of(first.template, "ref", second), reason) from None
    return {name: models[name] for name in order}


def _tests(model: str, document: Mapping[str, Any]) -> list[DataTest]:
    told = [(None, test) for test in document.get("data_tests", ())]
    for column in document.get("columns", ()):
        told += [(column["name"], test) for test in column.get("data_tests", ())]
    found = []
    for column_name, test in told:
        kind, options = (test, {}) if isinstance(test, str) else next(iter(test.items()))
        severity = options.get("config", {}).get("severity", "error")
        found.append(DataTest(model, kind, column_name, options.get("arguments", {}), severity))
    return found


def _documents(base: Path) -> dict[str, dict[str, Any]]:
    """What the YAML files beside the models say of each of them."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((base / "models").rglob("*.yml")):
        where = str(path.relative_to(base))
        for document in _yaml(path, where).get("models", ()):
            found[document["name"]] = {**document, "__path__": where}
    return found


def _folder_settings(base: Path) -> Mapping[str, Any]:
    project = _yaml(base / "dbt_project.yml", "dbt_project.yml")
    settings: Mapping[str, Any] = project.get("models", {}).get(project["name"], {})
    return settings


def _setting(settings: Mapping[str, Any], base: Path, path: Path, name: str, default: str) -> str:
    """The setting of the innermost folder that has one, as dbt reads them."""
    here: Any = settings
    value = settings.get(f"+{name}", default)
    for part in path.relative_to(base / "models").parts[:-1]:
        here = here.get(part, {})
        value = here.get(f"+{name}", value)
    return str(value)


def _yaml(path: Path, where: str) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_text(), Loader=loader) or {}  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ModelError(where, line, f"is no YAML: {error.problem}") from None


def named(project: Project, names: Sequence[str]) -> set[str]:
    """The names given, or all where none is; raises `ModelError` for one that is no model."""
    unknown = [name for name in names if name not in project.models]
    if unknown:
        raise ModelError(unknown[0], 0, "there is no such model")
    return set(names) or set(project.models)
