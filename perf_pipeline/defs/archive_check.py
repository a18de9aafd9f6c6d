"""The check `archive_is_whole`: a slice of the archive is read again every night, and on demand."""

import dagster as dg

from perf_pipeline.defs.resources import PipelineResource
from perf_pipeline.pipeline.archive_care import check_archive


@dg.asset_check(
    asset="source_files",
    description="reads and hashes again the archived files that were not looked at for longest (all of them within "
    "four weeks) and the journals; fails where bytes have changed or are gone",
)
def archive_is_whole(pipeline: PipelineResource) -> dg.AssetCheckResult:
    services = pipeline.services
    report = check_archive(services.store, services.warehouse, services.executor)
    return dg.AssetCheckResult(
        passed=not report.problems,
        metadata={
            "files": report.files,
            "read_again": report.read,
            "journal_entries": report.journal_entries,
            "problems": dg.MetadataValue.json(report.problems),
        },
    )
