"""SQL models as assets: each one hangs on what it refers to, its tests are its checks, PostgreSQL tells its types.

They are built together in one step, in the order of their references, by a job of their own: none of it is part of an
athlete's run. Views need no run to be fresh; they are put in place when the warehouse is first opened.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from perf_pipeline.defs.athletes import STAGE_ORDER
from perf_pipeline.defs.resources import PipelineResource
from perf_pipeline.defs.row_quality import asset_of
from perf_pipeline.defs.table_metadata import OWNER
from perf_pipeline.pipeline.sql_models import DataTest, Model, Project, load_project
from perf_pipeline.pipeline.sql_models.building import Built, build
from perf_pipeline.pipeline.sql_models.data_tests import TestResult, failing_rows, run_tests
from perf_pipeline.pipeline.sql_models.lineage import Deps, column_lineage
from perf_pipeline.pipeline.sql_models.relations import columns_of, meanings

GROUP = "marts"
PROJECT = load_project()


def upstream_assets(model: Model) -> list[str]:
    """The models and stages that a model reads."""
    writers = [asset_of(table) for table in model.sources]
    return [*model.refs, *dict.fromkeys(writer for writer in writers if writer in STAGE_ORDER)]


def _spec(model: Model) -> dg.AssetSpec:
    return dg.AssetSpec(
        model.name, deps=upstream_assets(model), group_name=GROUP, kinds={"sql", "postgres", model.materialized},
        owners=[OWNER], code_version=model.definition[:16], description=model.description, skippable=True,
        metadata={"dagster/table_name": f"{model.schema}.{model.name}", "file": f"dbt_like_sql/{model.path}"},
    )  # fmt: skip


def _check_spec(test: DataTest) -> dg.AssetCheckSpec:
    told = ", ".join(f"{name}: {value}" for name, value in test.arguments.items())
    words = [test.kind.replace("_", " "), f"of {test.column}" if test.column else "", told]
    return dg.AssetCheckSpec(test.name, asset=test.model, description=" ".join(word for word in words if word))


@dg.multi_asset(
    name="sql_models",
    specs=[_spec(model) for model in PROJECT.models.values()],
    check_specs=[_check_spec(test) for model in PROJECT.models.values() for test in model.tests],
    can_subset=True,
)
def sql_models(context: dg.AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
    engine = pipeline.services.warehouse.engine
    chosen = {key.to_user_string() for key in context.selected_asset_keys}
    if chosen:
        built = build(engine, PROJECT, None if chosen == set(PROJECT.models) else chosen)
        lineage = column_lineage(PROJECT)
        with pipeline.services.warehouse.begin() as connection:
            for one in built:
                model = PROJECT.models[one.model]
                yield _materialized(model, one, columns_of(connection, model), lineage)
    checks = {(key.asset_key.to_user_string(), key.name) for key in context.selected_asset_check_keys}
    for result in run_tests(engine, PROJECT, {model for model, _ in checks}):
        if (result.test.model, result.test.name) in checks:
            yield _checked(PROJECT, result)


def _materialized(
    model: Model, built: Built, columns: Mapping[str, str], lineage: Mapping[str, Deps]
) -> dg.MaterializeResult:
    told = meanings(model, columns)
    schema = dg.TableSchema(
        columns=[dg.TableColumn(name=name, type=kind, description=told[name]) for name, kind in columns.items()]
    )
    metadata: dict[str, Any] = {
        "action": built.action,
        "seconds": round(built.seconds, 3),
        "dagster/column_schema": schema,
        "dagster/column_lineage": _lineage(lineage[model.name]),
        "sql": dg.MetadataValue.md(f"```sql\n{model.sql}\n```"),
    }
    if built.rows is not None:
        metadata["dagster/row_count"] = built.rows
    return dg.MaterializeResult(asset_key=model.name, metadata=metadata)


def _lineage(deps: Deps) -> dg.TableColumnLineage:
    assets = {*PROJECT.models, *STAGE_ORDER}
    return dg.TableColumnLineage(
        deps_by_column={
            name: [
                dg.TableColumnDep(asset_key=dg.AssetKey(parent.relation), column_name=parent.column)
                for parent in sorted(parents)
                if parent.relation in assets
            ]
            for name, parents in deps.items()
        }
    )


def _checked(project: Project, result: TestResult) -> dg.AssetCheckResult:
    test = result.test
    severity = dg.AssetCheckSeverity.WARN if test.severity == "warn" else dg.AssetCheckSeverity.ERROR
    sql = failing_rows(project, project.models[test.model], test)
    return dg.AssetCheckResult(
        asset_key=test.model,
        check_name=test.name,
        passed=result.holds,
        severity=severity,
        metadata={
            "broken": result.broken,
            "sample": dg.MetadataValue.json(list(result.sample)),
            "seconds": round(result.seconds, 3),
            "sql": dg.MetadataValue.md(f"```sql\n{sql}\n```"),
        },
    )
