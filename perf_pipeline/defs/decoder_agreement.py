"""The check `decoder_agreement`: independent readers read a sample of the run's files as well."""

import dagster as dg
from sqlalchemy import select

from perf_pipeline.defs.resources import PipelineResource, RunScope
from perf_pipeline.pipeline.second_reading import read_again, sample
from perf_pipeline.storage.tables import source_files


# After the notifications: fitparse takes a second a file, and nobody should wait for it.
@dg.asset_check(
    asset="activity_streams",
    additional_deps=["notifications"],
    description="fitparse, gpxpy or tcxreader read a sample of the run's files; warns of differences nobody explains",
)
def decoder_agreement(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource, scope: RunScope
) -> dg.AssetCheckResult:
    services = pipeline.services
    candidates = _archived(pipeline) if pipeline.decoded is None else pipeline.decoded
    paths = sample(candidates, scope.agreement_sample, context.run.run_id)
    readings = read_again(services.store, paths, services.executor, services.settings.file_timeout_seconds)
    wrong = {reading.path: reading.words() for reading in readings if reading.unexplained}
    return dg.AssetCheckResult(
        passed=not wrong,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "files": len(readings),
            "explained_differences": sum(len(r.differences) - len(r.unexplained) for r in readings),
            "unexplained": dg.MetadataValue.json(wrong),
            "not_read_again": dg.MetadataValue.json({r.path: r.lost for r in readings if r.lost}),
        },
    )


def _archived(pipeline: PipelineResource) -> list[str]:
    """Every archived activity file: what the check draws from when it is run by itself."""
    table = source_files.c
    with pipeline.services.warehouse.begin() as connection:
        query = select(table.archive_path).where(table.kind == "activity", table.status == "archived")
        return list(connection.scalars(query))
