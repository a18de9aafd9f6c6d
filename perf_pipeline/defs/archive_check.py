"""The check `archive_is_whole`: a slice of the archive is read again every night, and on demand."""

from collections.abc import Iterator

import dagster as dg

from perf_pipeline.defs.resources import PipelineResource
from perf_pipeline.defs.row_quality import comes_along
from perf_pipeline.pipeline.archive_care import check_archive


@dg.multi_asset_check(
    name="archive_is_whole",
    specs=[
        dg.AssetCheckSpec(
            "archive_is_whole",
            asset="source_files",
            description="reads and hashes again the archived files that were not looked at for longest (all of them "
            "within four weeks) and the journals; fails where bytes have changed or are gone",
        )
    ],
    can_subset=True,
)
def archive_is_whole(
    context: dg.AssetCheckExecutionContext, pipeline: PipelineResource
) -> Iterator[dg.AssetCheckResult]:
    if comes_along(context):
        return
    services = pipeline.services
    report = check_archive(services.store, services.warehouse, services.executor)
    yield dg.AssetCheckResult(
        passed=not report.problems,
        metadata={
            "files": report.files,
            "read_again": report.read,
            "journal_entries": report.journal_entries,
            "problems": dg.MetadataValue.json(report.problems),
        },
    )
