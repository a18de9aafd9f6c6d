"""Switching to cohorts and back: the same tables, and each partition set keeps its own history."""

from __future__ import annotations

import psycopg

from perf_pipeline.pipeline.services import dagster_url
from perf_pipeline.pipeline.snapshots import differences


def test_the_switch_changes_partitions_and_nothing_else(terminal, tmp_path, rides):
    for number, variables in enumerate([{}, {"PERF_COHORTS": "8"}, {}]):
        path = tmp_path / f"{number}.fit"
        path.write_bytes(rides[number])
        terminal.ok("ingest", path, "-a", "ann", **variables)
        assert len(terminal.tables()["activities"]) == number + 1
    before = terminal.tables()
    terminal.ok("rebuild", "-a", "ann", PERF_COHORTS="8")
    assert differences(before, terminal.tables()) == []
    with psycopg.connect(dagster_url(terminal.settings).replace("+psycopg2", "")) as connection:
        found = connection.execute(
            "select partitions_def_name, partition from dynamic_partitions order by 1"
        ).fetchall()
    assert sorted(found) == [("athletes", "ann"), *(("cohorts_8", f"cohort-{number}") for number in range(8))]
