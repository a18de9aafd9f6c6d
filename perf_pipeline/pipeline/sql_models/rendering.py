"""Jinja: a model's text to SQL, noting what it refers to."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perf_pipeline.pipeline.sql_models.errors import ModelError

NEW = "__new"
"""Ending of what is built beside the model that it will replace."""


@dataclass(slots=True)
class Rendered:
    """A model's text and what came of it."""

    template: str
    sql: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    refs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


class Renderer:
    """Renders the models of one folder. `schemas`: by model; `sources`: name -> (schema, its tables)."""

    def __init__(
        self, base: Path, schemas: Mapping[str, str], sources: Mapping[str, tuple[str, frozenset[str]]]
    ) -> None:
        import jinja2

        self._base = base
        self._schemas = schemas
        self._sources = sources
        self._jinja = jinja2
        # SQL is not HTML, and what comes out is run with the rights of whoever wrote the models.
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(base),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # noqa: S701
        )
        for path in sorted((base / "macros").glob("*.sql")):
            module = self._guarded(path, lambda name: self._environment.get_template(name).module)
            macros = {name: value for name, value in vars(module).items() if isinstance(value, jinja2.runtime.Macro)}
            self._environment.globals.update(macros)

    def render(self, path: Path) -> Rendered:
        """The model rendered; raises `ModelError`."""
        rendered = Rendered(path.read_text())
        where = str(path.relative_to(self._base))
        refs: dict[str, None] = {}
        sources: dict[str, None] = {}

        def ref(name: str) -> str:
            if name not in self._schemas:
                reason = f"ref({name!r}) names no model"
                raise ModelError(where, line_of(rendered.template, "ref", name), reason)
            refs[name] = None
            return f'"{self._schemas[name]}"."{name}"'

        def source(group: str, name: str) -> str:
            schema, tables = self._sources.get(group, ("", frozenset()))
            if name not in tables:
                reason = f"source({group!r}, {name!r}) names no table"
                raise ModelError(where, line_of(rendered.template, "source", name), reason)
            sources[name] = None
            return f'"{schema}"."{name}"'

        def config(**options: Any) -> str:
            rendered.config.update(options)
            return ""

        told = {"ref": ref, "source": source, "config": config}
        sql = self._guarded(path, lambda name: self._environment.get_template(name, globals=told).render())
        rendered.sql = sql.strip()
        rendered.refs, rendered.sources = tuple(refs), tuple(sources)
        return rendered

    def _guarded(self, path: Path, work: Any) -> Any:
        where = str(path.relative_to(self._base))
        try:
            return work(where)
        except self._jinja.TemplateSyntaxError as error:
            raise ModelError(where, error.lineno, str(error.message)) from None
        except self._jinja.TemplateError as error:
            frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(where)]
            line = frames[-1].lineno if frames else 0
            raise ModelError(where, line or 0, str(error.message)) from None


def line_of(template: str, word: str, name: str = "") -> int:
    """The first line that uses the word as a call (of this name, where one is given), counted from 1; 0 for none."""
    pattern = rf"\b{word}\b" if not name else rf"\b{word}\([^)]*['\"]{re.escape(name)}['\"]"
    found = re.search(pattern, template)
    return template.count("\n", 0, found.start()) + 1 if found else 0


def renamed(sql: str, relations: Mapping[str, str]) -> str:
    """Compiled SQL that reads the relations' new versions: `relations` maps a model's name to its schema."""
    for name, schema in relations.items():
        sql = sql.replace(f'"{schema}"."{name}"', f'"{schema}"."{name}{NEW}"')
    return sql
