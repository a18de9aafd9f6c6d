"""What the athlete hears of: the evidence of a record, milestones, and recovery alerts that open and close."""

from __future__ import annotations

import io
import random
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import text

from perf_pipeline.pipeline.history.notifications import update_notifications
from perf_pipeline.pipeline.overview import athlete_summary
from perf_pipeline.storage.ids import content_id
from perf_pipeline.storage.tables import METADATA
from perf_pipeline.terminal.printing import print_summary
from perf_pipeline_tests.pipeline.conftest import Athlete
from perf_pipeline_tests.pipeline.test_history import MONDAY, Diary, curve


@pytest.fixture
def diary(athlete: Athlete) -> Diary:
    return Diary(athlete, count(1))


def told(diary: Diary, kind: str) -> list[dict[str, Any]]:
    rows = [row for row in diary.athlete.rows("notifications") if row["type"] == kind]
    return sorted(rows, key=lambda row: (row["occurred_at"], row["title"]))


def measure(diary: Diary, day: date, value: float, metric: str = "hrv_ms") -> None:
    diary.insert(
        "profile_metrics", id=content_id(metric, day), profile_id=diary.athlete.profile_id, metric_type=metric,
        value=value, unit="ms", recorded_at=datetime(day.year, day.month, day.day, 6, tzinfo=UTC), source="watch",
    )  # fmt: skip


def test_a_record_carries_its_evidence(diary: Diary) -> None:
    spike = {
        "kind": "spike",
        "channel": "power_watts",
        "first_second": 3010,
        "last_second": 3011,
        "decision": "left out",
    }
    elsewhere = {**spike, "first_second": 9000, "last_second": 9001}
    diary.note(MONDAY, power={300: 250.0})
    better = diary.note(MONDAY + timedelta(days=7), power={300: 300.0}, anomalies=[spike, elsewhere])
    diary.insert(
        "month_outputs", profile_id=diary.athlete.profile_id, month="2026-05", stage="activity_efforts",
        fingerprint="f", code_version="c0de", output_hash="o",
    )  # fmt: skip
    diary.athlete.history(MONDAY + timedelta(days=7))
    (row,) = told(diary, "personal_record")
    (record,) = row["data"]["records"]
    (source,) = (s for s in diary.athlete.rows("source_files") if row["data"]["source"]["file_sha256"] == s["sha256"])
    (activity,) = (a for a in diary.athlete.rows("activities") if a["id"] == better)
    assert activity["source_file_id"] == source["id"]
    assert row["data"]["source"] == {
        "file_sha256": source["sha256"], "session_index": 0, "efforts_code_version": "c0de",
    }  # fmt: skip
    assert (record["first_second"], record["last_second"]) == (3000, 3300)
    assert record["cleaned"] == [spike]
    assert (record["grade"], record["gain_percent"], record["scopes"][0]["earlier_efforts"]) == ("confirmed", 20.0, 1)


def test_the_first_marathon_is_a_milestone_once(diary: Diary) -> None:
    diary.note(MONDAY, sport="run", distance_meters=42_300, seconds=4 * 3600)
    diary.note(MONDAY + timedelta(days=7), sport="run", distance_meters=42_300, seconds=4 * 3600)
    diary.athlete.history(MONDAY + timedelta(days=8))
    titles = [row["title"] for row in told(diary, "milestone")]
    assert titles == [
        "Milestone: first activity", "Milestone: first half marathon", "Milestone: first marathon",
    ]  # fmt: skip


def test_low_variability_opens_one_alert_that_closes_when_it_is_back(diary: Diary) -> None:
    first = date(2026, 3, 1)
    for n in range(60):
        measure(diary, first + timedelta(days=n), 60.0 + n % 5)
    for n in range(60, 66):
        measure(diary, first + timedelta(days=n), 45.0)
    low = first + timedelta(days=65)
    diary.athlete.history(low)
    (alert,) = told(diary, "recovery_alert")
    assert (alert["data"]["rule"], alert["data"]["closed_on"]) == ("hrv", None)
    assert alert["data"]["inputs"]["week_ln_rmssd"] < alert["data"]["inputs"]["usual_low"]
    assert "ln RMSSD between" in alert["data"]["clears"]
    for n in range(66, 90):
        measure(diary, first + timedelta(days=n), 61.0 + n % 3)
    diary.athlete.history(first + timedelta(days=89))
    again = told(diary, "recovery_alert")
    assert again[0]["id"] == alert["id"]
    assert again[0]["data"]["ended"] == "cleared"
    assert again[0]["data"]["opened_on"] == alert["data"]["opened_on"]


def test_a_year_of_hard_weeks_is_a_handful_of_alerts_not_one_a_day(diary: Diary) -> None:
    first = date(2025, 1, 6)
    for week in range(20):
        hours = 9 if week in (8, 9, 15) else 1
        for day in range(0, 7, 2):
            diary.note(first + timedelta(weeks=week, days=day), seconds=hours * 3600)
    diary.athlete.history(first + timedelta(weeks=20))
    alerts = told(diary, "recovery_alert")
    assert {row["data"]["rule"] for row in alerts} >= {"ramp", "tsb"}
    assert len(alerts) <= 6
    assert all(row["data"]["closed_on"] for row in alerts)


def test_nothing_is_read_again_where_nothing_changed(diary: Diary) -> None:
    diary.note(MONDAY, power=curve())
    diary.note(MONDAY + timedelta(days=7), power=curve(cp=280))
    today = MONDAY + timedelta(days=7)
    first = diary.athlete.history(today)["notifications"]
    assert first["inserted"] > 1
    assert diary.athlete.history(today)["notifications"]["rows"] == 0
    before = diary.athlete.rows("notifications")
    with diary.athlete.lease() as lease:
        forced = update_notifications(diary.athlete.warehouse, lease, today, full_refresh=True)
    assert (forced["rows"], forced["inserted"], forced["updated"]) == (first["rows"], 0, 0)
    assert diary.athlete.rows("notifications") == before
    # One that somebody deleted comes back.
    with diary.athlete.warehouse.begin() as connection:
        connection.execute(text("delete from notifications where type = 'personal_record'"))
    assert diary.athlete.history(today)["notifications"]["inserted"] == 1


def test_the_summary_shows_the_latest_of_each_type(diary: Diary) -> None:
    for week in range(6):
        diary.note(MONDAY + timedelta(weeks=week), power=curve(cp=250 + 10 * week))
    today = MONDAY + timedelta(weeks=5)
    diary.athlete.history(today)
    with diary.athlete.warehouse.begin() as connection:
        summary = athlete_summary(connection, diary.athlete.profile_id, today)
    out = io.StringIO()
    print_summary(Console(file=out, width=200), summary)
    shown = out.getvalue()
    assert shown.count("record: ") == 3
    assert "Latest milestones" in shown
    assert "Latest recovery alerts" not in shown


@pytest.mark.parametrize("seed", range(3))
def test_what_is_told_bit_by_bit_is_what_is_told_of_all_at_once(diary: Diary, seed: int) -> None:
    rng = random.Random(seed)
    athlete, today = diary.athlete, MONDAY
    for _ in range(25):
        today += timedelta(days=rng.choice([0, 1, 2, 7, 20]))
        day = today - timedelta(days=rng.choice([0, 0, 1, 8, 45, 300]))
        diary.note(day, power={300: rng.uniform(200, 400), 1200: rng.uniform(200, 300)})
        if rng.random() < 0.2:
            with athlete.warehouse.begin() as connection:
                table = METADATA.tables["activities"]
                some = rng.choice(list(connection.scalars(table.select().with_only_columns(table.c.id))))
                connection.execute(table.delete().where(table.c.id == some))
        with athlete.lease() as lease:
            update_notifications(athlete.warehouse, lease, today)
    before = athlete.rows("notifications")
    with athlete.lease() as lease:
        again = update_notifications(athlete.warehouse, lease, today, full_refresh=True)
    assert (again["inserted"], again["updated"], again["withdrawn"]) == (0, 0, 0)
    assert len(before) == again["rows"] > 3
