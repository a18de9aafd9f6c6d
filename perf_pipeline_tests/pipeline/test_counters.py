"""Counters for Prometheus: numbers of a small world that can be counted by hand, in the format that it reads."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from perf_pipeline.pipeline.counters import counters, exposition
from perf_pipeline.pipeline.month_work import MONTH_STAGES
from perf_pipeline_tests import making
from perf_pipeline_tests.pipeline.conftest import Athlete

SAMPLE = re.compile(r'perf_pipeline_[a-z_]+(\{[a-z]+="[a-z_]+"\})? -?[0-9.]+(e\+?[0-9]+)?')


def test_counts_are_those_of_the_tables(athlete: Athlete) -> None:
    profile_id = athlete.warehouse.ensure_profile(athlete.handle)
    with athlete.warehouse.begin() as connection:
        for number, status, kind in (
            (1, "archived", "activity"),
            (2, "archived", "activity"),
            (3, "quarantined", "unknown"),
        ):
            connection.execute(
                text(
                    """insert into source_files (profile_id, sha256, bytes, format, kind, status, month, archive_path)
                       values (:p, :sha, 1, 'fit', :kind, :status, '2026-0' || :number, 'a')"""
                ),
                {"p": profile_id, "sha": str(number), "kind": kind, "status": status, "number": str(number)},
            )
        connection.execute(
            text(
                """insert into arrivals (profile_id, name, source_file_id, status, received_at)
                   select profile_id, 'a', id, status, now() - interval '2 hours' from source_files"""
            )
        )
        told = exposition(counters(connection, failed_runs=4))
    lines = told.splitlines()
    assert all(SAMPLE.fullmatch(line) for line in lines if not line.startswith("#"))
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert values['perf_pipeline_files{status="archived"}'] == "2"
    assert values['perf_pipeline_files{status="quarantined"}'] == "1"
    assert float(values["perf_pipeline_quarantine_oldest_age_seconds"]) == pytest.approx(7200, abs=60)
    arrived = datetime.fromtimestamp(float(values["perf_pipeline_last_arrival_timestamp_seconds"]), UTC)
    assert abs((datetime.now(UTC) - arrived).total_seconds() - 7200) < 60
    assert values['perf_pipeline_months_stale{stage="activity_streams"}'] == "2"
    assert values["perf_pipeline_runs_failed_last_day"] == "4"
    assert values["perf_pipeline_athletes"] == "1"


def test_a_month_computed_with_the_code_of_today_is_not_stale(athlete: Athlete) -> None:
    athlete.drop("ride.fit", making.fit(making.powers("2026-06-08T08:00", (600, 250))))
    athlete.take_in()
    before = stale(athlete)
    athlete.months()
    assert set(before) == set(stale(athlete)) == set(MONTH_STAGES) - {"profile_metrics"}
    assert set(before.values()) == {1.0}
    assert set(stale(athlete).values()) == {0.0}
    with athlete.warehouse.begin() as connection:
        connection.execute(text("update month_outputs set code_version = 'older' where stage = 'activities'"))
    assert [stage for stage, count in stale(athlete).items() if count] == ["activities"]


def stale(athlete: Athlete) -> dict[str, float]:
    with athlete.warehouse.begin() as connection:
        (found,) = [one for one in counters(connection, failed_runs=0) if one.name == "months_stale"]
    return {labels["stage"]: value for labels, value in found.samples}
