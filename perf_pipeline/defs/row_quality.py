"""The check `rows_meet_expectations`: great-expectations over what is stored, once a day and on demand."""

import dagster as dg
from sqlalchemy import select

from perf_pipeline.defs.resources import PipelineResource
from perf_pipeline.storage.tables import profiles


# Not part of an athlete's run: importing great-expectations alone costs more than all of that run's work.
@dg.asset_check(
    asset="daily_fitness",
    description="ranges, units, vocabularies and keys of every stored row, by great-expectations",
)
def rows_meet_expectations(pipeline: PipelineResource) -> dg.AssetCheckResult:
    from perf_pipeline.pipeline.expectations import examine_rows

    broken: dict[str, dict[str, object]] = {}
    asked = 0
    with pipeline.services.warehouse.begin() as connection:
        for profile_id, handle in connection.execute(select(profiles.c.id, profiles.c.handle)).all():
            verdicts = examine_rows(connection, [profile_id])
            asked += len(verdicts)
            for verdict in verdicts:
                if not verdict.holds:
                    name = f"{handle}: {verdict.table}.{verdict.column} {verdict.expectation}"
                    broken[name] = {"rows": verdict.broken, "sample": list(verdict.sample)}
    return dg.AssetCheckResult(
        passed=not broken, metadata={"expectations": asked, "broken": dg.MetadataValue.json(broken)}
    )
