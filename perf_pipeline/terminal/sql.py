"""The command `sql`: the models compiled, built or tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from perf_pipeline.pipeline.services import Services
from perf_pipeline.pipeline.sql_models import load_project
from perf_pipeline.pipeline.sql_models.building import build
from perf_pipeline.pipeline.sql_models.data_tests import run_tests
from perf_pipeline.pipeline.sql_models.project import named


def compile_models(models: Sequence[str], say: Callable[[str], object]) -> None:
    """Prints the SQL that PostgreSQL is given."""
    project = load_project()
    chosen = named(project, models)
    for model in project.models.values():
        if model.name in chosen:
            say(f"-- {model.schema}.{model.name} ({model.materialized})\n{model.sql};\n")


def run_models(services: Services, models: Sequence[str], out: Console) -> None:
    """Builds the models, renewing what is stored; raises `ModelError`."""
    project = load_project()
    chosen = project.upstream(named(project, models)) if models else None
    table = Table("model", "kind", "", "rows", "seconds")
    for one in build(services.warehouse.engine, project, chosen):
        model = project.models[one.model]
        rows = "" if one.rows is None else str(one.rows)
        table.add_row(f"{model.schema}.{model.name}", model.materialized, one.action, rows, f"{one.seconds:.2f}")
    out.print(table)


def test_models(services: Services, models: Sequence[str], out: Console) -> bool:
    """Runs the tests of the models; whether all hold (those that only warn do not count)."""
    project = load_project()
    failed = warned = count = 0
    for result in run_tests(services.warehouse.engine, project, named(project, models)):
        count += 1
        if result.holds:
            continue
        is_warning = result.test.severity == "warn"
        failed, warned = failed + (not is_warning), warned + is_warning
        color = "yellow" if is_warning else "red"
        word = "warning" if is_warning else "failed"
        some = f" ({'; '.join(result.sample)})" if result.sample else ""
        told = f"[{color}]{word}[/] {result.test.model}.{result.test.name}: {result.broken} rows{some}"
        out.print(told, highlight=False, soft_wrap=True)
    out.print(f"{count} tests: {count - failed - warned} hold, {warned} warn, {failed} failed", highlight=False)
    return failed == 0
