"""What the marts say, against the same worked out in Python from what the pipeline's own stages read."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise

import pytest

from perf_pipeline.physiology.records import ALL_TIME, RecordedEffort, find_records
from perf_pipeline.pipeline.series import SeriesEffort, load_activities, load_efforts
from perf_pipeline_tests.pipeline.sql_models.conftest import Marts
from perf_pipeline_tests.pipeline.sql_models.population import today

SPANS = {"42 days": 42, "90 days": 90}


def efforts_of(marts: Marts, handle: str) -> list[SeriesEffort]:
    with marts.warehouse.begin() as connection:
        series = load_activities(connection, marts.athletes[handle], today())
        return load_efforts(connection, marts.athletes[handle], series)


def first_day(span: str) -> date:
    if span == "all time":
        return date.min
    return today().replace(month=1, day=1) if span == "season" else today() - timedelta(days=SPANS[span] - 1)


@pytest.mark.parametrize("handle", ["ann", "bob"])
def test_activities_have_the_local_day_of_the_pipeline_and_count_as_it_counts(marts: Marts, handle: str) -> None:
    with marts.warehouse.begin() as connection:
        expected = {a.id: a.day for a in load_activities(connection, marts.athletes[handle], today())}
    query = "select activity_id, local_date from staging.stg_activities where profile_id = :id"
    assert {r["activity_id"]: r["local_date"] for r in marts.rows(query, id=marts.athletes[handle])} == expected
    assert expected


def test_what_is_left_out_is_listed_with_the_reason(marts: Marts) -> None:
    query = "select why, count(*) as n from staging.stg_left_out_activities where profile_id = :id group by 1"
    found = {row["why"]: row["n"] for row in marts.rows(query, id=marts.athletes["ann"])}
    assert found == {"duplicate": 6, "impossible date": 1}


@pytest.mark.parametrize("handle", ["ann", "bob"])
@pytest.mark.parametrize("span", ["42 days", "90 days", "season", "all time"])
def test_the_power_curve_is_the_best_of_each_duration(marts: Marts, handle: str, span: str) -> None:
    best: dict[tuple[str, int], float] = defaultdict(float)
    for effort in efforts_of(marts, handle):
        if effort.effort_type == "power" and effort.day >= first_day(span):
            key = (effort.sport, effort.duration_seconds)
            best[key] = max(best[key], effort.value)
    query = "select * from marts.power_curve where athlete = :athlete and span = :span"
    rows = marts.rows(query, athlete=handle, span=span)
    assert {(r["sport"], r["duration_seconds"]): r["watts"] for r in rows} == dict(best)
    for row in rows:
        age = (today() - row["local_date"]).days
        if 0 <= age < 300:
            assert row["weight_kilograms"] == pytest.approx(70 + age / 100)
            assert row["watts_per_kilogram"] == pytest.approx(row["watts"] / (70 + age / 100))
        else:
            assert row["watts_per_kilogram"] is None


@pytest.mark.parametrize("span", ["42 days", "90 days", "season", "all time"])
def test_the_pace_curve_is_the_best_time_of_each_distance(marts: Marts, span: str) -> None:
    best: dict[tuple[str, float], float] = {}
    for effort in efforts_of(marts, "ann"):
        if effort.effort_type == "pace" and effort.day >= first_day(span):
            key = (effort.sport, effort.distance_meters)
            best[key] = min(best.get(key, 1e9), effort.elapsed_seconds)
    rows = marts.rows("select * from marts.pace_curve where athlete = 'ann' and span = :span", span=span)
    assert {(r["sport"], r["distance_meters"]): r["elapsed_seconds"] for r in rows} == best
    assert all(r["speed_mps"] == pytest.approx(r["distance_meters"] / r["elapsed_seconds"]) for r in rows)


def test_records_hold_the_best_and_what_it_beat(marts: Marts) -> None:
    history = [
        RecordedEffort(
            str(e.activity_id), e.sport, e.effort_type, e.duration_seconds, e.value, e.recorded_at.timestamp(),
            e.distance_meters, e.grade,
        )
        for e in efforts_of(marts, "ann")
    ]  # fmt: skip
    last: dict[tuple[object, ...], tuple[str, float]] = {}
    for record in find_records(history):
        e = record.effort
        if record.scope == ALL_TIME:
            last[e.sport, e.effort_type, e.distance_meters or e.duration_seconds] = (e.activity_id, record.gain)
    rows = marts.rows("select * from marts.personal_records where athlete = 'ann'")
    told = {(r["sport"], r["effort_type"], r["distance_meters"] or r["duration_seconds"]): r for r in rows}
    keys = {(e.sport, e.effort_type, e.distance_meters or e.duration_seconds) for e in history}
    assert told.keys() == keys
    by_noise = 0
    for key, (activity_id, gain) in last.items():
        # A gain within noise is no record of `find_records`, but is the better number all the same.
        if str(told[key]["activity_id"]) == activity_id:
            assert told[key]["gain_percent"] == pytest.approx(100 * gain)
            by_noise += 1
    assert by_noise > len(last) / 2


def test_the_threshold_history_has_the_last_answer_of_each_day(marts: Marts) -> None:
    every = marts.rows(
        "select as_of, threshold, refusal from public.threshold_models where profile_id = :id order by version",
        id=marts.athletes["ann"],
    )
    expected = {row["as_of"]: (row["threshold"], row["refusal"]) for row in every}
    rows = marts.rows("select * from marts.threshold_history where athlete = 'ann' order by as_of")
    assert {r["as_of"]: (r["threshold"], r["refusal"]) for r in rows} == expected
    for before, row in pairwise(rows):
        assert before["until"] == row["as_of"]
        known = before["threshold"] is not None and row["threshold"] is not None
        assert row["change"] == (pytest.approx(row["threshold"] - before["threshold"]) if known else None)


def test_progression_compares_with_then_and_with_the_best_of_the_season(marts: Marts) -> None:
    fitness = {
        r["date"]: r["ctl"]
        for r in marts.rows("select * from public.daily_fitness where profile_id = :id", id=marts.athletes["ann"])
        if not r["projected"]
    }
    row = next(r for r in marts.rows("select * from marts.fitness_progression where athlete = 'ann'")
               if r["measure"] == "fitness")  # fmt: skip
    assert (row["as_of"], row["value"]) == (today(), fitness[today()])
    for weeks in (4, 12, 52):
        then = fitness[today() - timedelta(weeks=weeks)]
        assert row[f"value_{weeks}_weeks_ago"] == then
        assert row[f"change_{weeks}_weeks"] == pytest.approx(fitness[today()] - then)
    season = {d: v for d, v in fitness.items() if d >= first_day("season")}
    assert (row["season_best"], row["season_best_on"]) == (max(season.values()), max(season, key=season.__getitem__))
    power = next(r for r in marts.rows("select * from marts.fitness_progression where athlete = 'ann'")
                 if r["measure"] == "critical_power")  # fmt: skip
    answers = {
        r["as_of"]: r["threshold"] for r in marts.rows("select * from marts.threshold_history where athlete = 'ann'")
    }
    known = {d: v for d, v in answers.items() if v is not None}
    assert power["value"] == known[max(known)]
    assert power["value_52_weeks_ago"] == known[max(d for d in known if d <= today() - timedelta(weeks=52))]


def test_weeks_add_up_to_all_that_was_done(marts: Marts) -> None:
    with marts.warehouse.begin() as connection:
        series = load_activities(connection, marts.athletes["ann"], today())
    expected: dict[tuple[date, str], list[float]] = defaultdict(lambda: [0, 0.0])
    for activity in series:
        monday = activity.day - timedelta(days=activity.day.weekday())
        expected[monday, activity.sport][0] += 1
        expected[monday, activity.sport][1] += activity.moving_seconds / 3600
    rows = marts.rows("select * from marts.weekly_training where athlete = 'ann'")
    assert {(r["week"], r["sport"]): [r["activities"], pytest.approx(r["moving_hours"])] for r in rows} == expected


def test_the_feed_has_a_row_for_each_activity_with_its_numbers(marts: Marts) -> None:
    rows = marts.rows("select * from marts.activity_feed where profile_id = :id", id=marts.athletes["ann"])
    with marts.warehouse.begin() as connection:
        series = load_activities(connection, marts.athletes["ann"], today())
    assert {r["activity_id"] for r in rows} == {a.id for a in series}
    metrics = {a.id: a.metrics for a in series}
    assert all(r["normalized_power_watts"] == metrics[r["activity_id"]]["normalized_power_watts"] for r in rows)
    assert [r["records"] for r in rows if r["records"]] == [2]


def test_seasons_are_compared_with_the_year_before(marts: Marts) -> None:
    rows = marts.rows("select * from marts.season_comparison where athlete = 'ann'")
    hours = {(r["sport"], r["season"]): r["moving_hours"] for r in rows}
    assert sum(r["activities"] for r in rows) == len(
        marts.rows("select 1 from marts.activity_feed where athlete = 'ann'")
    )
    compared = 0
    for row in rows:
        before = hours.get((row["sport"], row["season"] - 1))
        if before:
            assert row["moving_hours_change_percent"] == pytest.approx(100 * (row["moving_hours"] / before - 1))
            compared += 1
        else:
            assert row["moving_hours_change_percent"] is None
    assert compared >= 2


def test_data_quality_counts_what_was_wrong(marts: Marts) -> None:
    rows = marts.rows("select kind, sum(occurrences) as n from marts.data_quality where athlete = 'ann' group by 1")
    found = {row["kind"]: int(row["n"]) for row in rows}
    raw = marts.rows("select anomalies, superseded_by, started_at from public.activities where profile_id = :id",
                     id=marts.athletes["ann"])  # fmt: skip
    counting = [r for r in raw if r["superseded_by"] is None and r["started_at"].year < 2080]
    assert found["anomaly"] == sum(len(r["anomalies"]) for r in counting)
    assert found["activity left out"] == len(raw) - len(counting)
    assert found["file quarantined"] == 4
    refused = marts.rows("select 1 from public.threshold_models where profile_id = :id and refusal is not null",
                         id=marts.athletes["ann"])  # fmt: skip
    assert found["threshold refused"] == len(refused)


def test_an_athlete_without_anything_has_a_summary_and_no_curve(marts: Marts) -> None:
    (row,) = marts.rows("select * from marts.athlete_summary where athlete = 'new'")
    assert (row["activities"], row["moving_hours_28_days"], row["fitness"]) == (0, 0, None)
    assert marts.rows("select 1 from marts.power_curve where athlete = 'new'") == []
    (ann,) = marts.rows("select * from marts.athlete_summary where athlete = 'ann'")
    assert ann["fitness_as_of"] == today()
    assert ann["weight_kilograms"] == 70
    assert ann["files_in_quarantine"] == 4
    assert ann["activities"] == len(marts.rows("select 1 from marts.activity_feed where athlete = 'ann'"))


def test_every_effort_that_counts_leads_to_one_file(marts: Marts) -> None:
    query = (
        "select count(*) as n, count(distinct effort_id) as efforts, count(sha256) as files from marts.effort_lineage"
    )
    (row,) = marts.rows(query)
    assert row["n"] == row["efforts"] == row["files"] == len(marts.rows("select 1 from staging.stg_activity_efforts"))
    assert row["n"] > 0
